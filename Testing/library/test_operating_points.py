"""The operating points of a selector: rates of false marks measured on images without calcifications."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.segmentation.selection import MeasurementSelector
from MicrocalcAILib.training.backgrounds import BackgroundImage
from MicrocalcAILib.training.operating_points import (
    NormalImage,
    measure_operating_points,
    measured_rates,
    operating_points,
)


def images(seed: int = 0) -> list[NormalImage]:
    rng = np.random.default_rng(seed)
    return [NormalImage(f"image {n}", f"patient {n}", 150.0, rng.uniform(0, 1, 800) ** 4) for n in range(4)]


def test_a_threshold_gives_the_rate_that_it_is_listed_for():
    points = operating_points(images())
    assert [point["threshold"] for point in points] == sorted((p["threshold"] for p in points), reverse=True)
    for point in points:
        together = measured_rates(images(), point["threshold"]).iloc[-1]
        assert together["per_cm2"] == pytest.approx(point["false_marks_per_cm2"], abs=2 / 600)
        assert together["low"] < point["false_marks_per_cm2"] < together["high"]


def test_no_rate_is_claimed_that_the_images_are_too_few_for():
    few = [NormalImage("small", "one", 20.0, np.linspace(0, 1, 100))]
    assert min(point["false_marks_per_cm2"] for point in operating_points(few)) >= 0.02


def test_images_without_breast_are_refused():
    with pytest.raises(ParameterError, match="too little breast"):
        operating_points([NormalImage("empty", "one", 0.0, np.empty(0))])


def test_an_image_without_false_marks_has_an_upper_bound_all_the_same():
    row = measured_rates([NormalImage("clean", "one", 100.0, np.zeros(50))], 0.5).iloc[0]
    assert (row["false_marks"], row["low"]) == (0, 0)
    assert row["high"] == pytest.approx(3.69 / 100, abs=1e-4)


def test_the_card_tells_the_new_thresholds_and_what_they_were_measured_on(tmp_path):
    folder = tmp_path / "Selector"
    shutil.copytree(resource_path("Models/SpeckSelector"), folder)
    y, x = np.mgrid[:900, :700]
    noise = np.random.default_rng(0).normal(0, 4, y.shape)
    Image.fromarray(np.where((y - 450) ** 2 + x**2 < 420**2, 120 + noise, 0).clip(0, 255).astype(np.uint8)).save(
        tmp_path / "noise.png"
    )
    judged, points = measure_operating_points([BackgroundImage(tmp_path / "noise.png", 0.1, "one", "held-out")], folder)
    assert len(judged) == 1
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert card["operating_points"] == points
    assert card["operating_points_measured_on"][0]["image"] == "noise.png"
    selector = MeasurementSelector.load(folder)  # its trees are unaltered
    assert selector.threshold(points[0]["false_marks_per_cm2"]) == pytest.approx(points[0]["threshold"])
