"""Colors that carry a meaning: told apart by everybody, and readable."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.export.segmentation import CLUSTER_COLORS, SINGLES_COLOR, cluster_color
from MicrocalcAILib.networks.heatmap import LEVELS
from MicrocalcElastographyLib.cohort import charts
from references.color_vision import contrast, seen, smallest_difference

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = [
    *(ROOT / "MicrocalcAI" / "Resources" / "MicrocalcAI" / "Reports").glob("*.html"),
    *(ROOT / "MicrocalcElastography" / "Resources" / "MicrocalcElastography" / "Templates").glob("*.css"),
]
READABLE = 4.5  # WCAG 2.2, level AA


def test_the_first_five_clusters_differ_in_color_for_everybody():
    colors = [cluster_color(pd.Series({"id": number, "descriptor_risk": 0.3})) for number in range(1, 6)]
    differences = smallest_difference([*colors, SINGLES_COLOR])
    print("clusters", {name: round(value, 1) for name, value in differences.items()})
    assert min(differences.values()) >= 10


def test_outlines_of_clusters_stand_out_from_dark_tissue():
    for color in CLUSTER_COLORS:
        assert contrast(color, (0.0, 0.0, 0.0)) >= 3
        assert np.ptp(seen(color, "normal")) > 0.3  # no gray


def test_levels_of_a_heatmap_differ_for_everybody_and_rise_in_brightness():
    colors = np.array([color for _, color in LEVELS]) / 255
    neighbors, others = smallest_difference(colors), smallest_difference(colors, steps=2)
    print("heatmap, neighbors", {name: round(value, 1) for name, value in neighbors.items()})
    print("heatmap, two apart", {name: round(value, 1) for name, value in others.items()})
    assert min(neighbors.values()) >= 4
    assert min(others.values()) >= 10


def test_groups_and_curves_of_charts_differ_for_everybody():
    benign, malignant = (color for _, _, color in charts._GROUPS)
    groups, curves = smallest_difference([benign, malignant]), smallest_difference(charts._COLORS)
    print("benign and malignant", {name: round(value, 1) for name, value in groups.items()})
    print("curves", {name: round(value, 1) for name, value in curves.items()})
    assert min(groups.values()) >= 20
    assert min(curves.values()) >= 10


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda path: path.name)
def test_text_of_reports_is_readable_on_its_background(file):
    text = file.read_text(encoding="utf-8")
    text = text.partition("<style>")[2].partition("</style>")[0] or text
    variables = dict(re.findall(r"--(\w+):\s*(#[0-9a-fA-F]{3,6})", text))
    text = re.sub(r"var\(--(\w+)\)", lambda found: variables.get(found[1], found[0]), text)
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", text)
    body = next(rule for selector, rule in rules if selector.strip().endswith("body"))
    page = _color(re.search(r"background(?:-color)?:\s*(#\w+|white)", body)[1])
    found = 0
    for selector, rule in rules:
        color = re.search(r"(?<![-\w])color:\s*(#\w+|white|black)", rule)
        if color is None:
            continue
        own = re.search(r"background(?:-color)?:\s*(#\w+|white)", rule)
        dark = ".hanging" in selector  # lies on the black of the images
        background = _color(own[1]) if own else ((0.0, 0.0, 0.0) if dark else page)
        assert contrast(_color(color[1]), background) >= READABLE, f"{selector.strip()}: {rule.strip()}"
        found += 1
    assert found


def _color(text):
    text = {"white": "#ffffff", "black": "#000000"}.get(text, text).lstrip("#")
    text = "".join(2 * digit for digit in text) if len(text) == 3 else text
    return tuple(int(text[place : place + 2], 16) / 255 for place in (0, 2, 4))
