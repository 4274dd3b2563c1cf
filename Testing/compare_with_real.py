"""How the simulator's clusters compare with real ones: contrasts, sizes and the selector's scores, by morphology.

``MICROCALC_DATA=FOLDER python Testing/compare_with_real.py [--windows N] [--images N]`` prints quartiles over the
candidates that lie on calcifications: simulated ones in pieces of a simulated breast and of a held-out film, real ones
in the annotated groups of ``mias_development`` (only looked at, never learned from). Of a real group only its circle is
known: its candidates are those that the selector finds most probable, as many as a simulated group has in the median.
"""

from __future__ import annotations

import argparse
import csv

import numpy as np
import pandas as pd

import real_data
from MicrocalcAILib.phantom import image_background, power_law_background
from MicrocalcAILib.pipeline import load_selector, measure_candidates
from MicrocalcAILib.reading import read_mammogram
from MicrocalcAILib.segmentation.breast import find_breast
from MicrocalcAILib.segmentation.candidates import find_candidates
from MicrocalcAILib.segmentation.measurements import measure
from MicrocalcAILib.segmentation.selection import without_overlaps
from MicrocalcAILib.training.windows import windows_of

MORPHOLOGIES = ("amorphous", "fine linear branching", "fine pleomorphic", "punctate")
SHOWN = ("response", "contrast_to_noise", "diameter_mm", "elongation", "line_through", "ring_noise", "probability")
_SPACING_MM = 0.2


def judged(mammogram, breast, measurements, candidates, selector):
    """Measurements and probability of the candidates that share no pixel, and which they are."""
    probabilities, _ = selector.judge(mammogram, breast, candidates, measurements, lambda *_: None)
    kept = without_overlaps(candidates, probabilities, mammogram.pixels.shape)
    return measurements.assign(probability=probabilities).iloc[kept], kept


def simulated(morphology: str, count: int, selector) -> list[pd.DataFrame]:
    """Tables of the candidates on the calcifications of each simulated cluster."""
    backgrounds = [power_law_background([41, 0]), image_background(real_data.film())]
    tables = []
    for number, background in enumerate(backgrounds):
        for window in windows_of(background, count, [41, number], morphology):
            mammogram = window.mammogram
            candidates = find_candidates(mammogram.pixels, window.breast.mask, mammogram.spacing_mm)
            depth_mm = window.depth_mm[candidates.peak_rows, candidates.peak_columns]
            measurements = measure(candidates, mammogram.pixels, mammogram.spacing_mm, depth_mm)
            table, kept = judged(mammogram, window.breast, measurements, candidates, selector)
            on = window.labels[candidates.peak_rows[kept], candidates.peak_columns[kept]] > 0
            tables.append(table[on])
    return tables


def real(images: int, members: int, selector) -> dict[str, pd.DataFrame]:
    """Tables of the most probable candidates of each annotated group, by the name of the group."""
    folder = real_data.more_data("mias_development")
    with (folder / "annotations.csv").open(encoding="utf-8") as file:
        groups = [row for row in csv.DictReader(file) if row["row"]]
    tables = {}
    for name in list(dict.fromkeys(row["image"] for row in groups))[-images:]:
        mammogram = read_mammogram(folder / name, spacing_mm=_SPACING_MM)
        breast = find_breast(mammogram)
        candidates = find_candidates(mammogram.pixels, breast.mask, mammogram.spacing_mm)
        measurements = measure_candidates(mammogram, breast, candidates)
        table, kept = judged(mammogram, breast, measurements, candidates, selector)
        peaks = np.column_stack((candidates.peak_rows, candidates.peak_columns))[kept]
        for row in (row for row in groups if row["image"] == name):
            away = np.hypot(*(peaks - (float(row["row"]), float(row["column"]))).T)
            inside = table[away <= float(row["radius_px"])]
            tables[f"{name} {row['row']}"] = inside.nlargest(members, "probability")
    return tables


def line(name: str, table: pd.DataFrame) -> str:
    """Quartiles of what is shown, in one line."""
    cells = []
    for column in SHOWN:
        quartiles = np.quantile(table[column], (0.25, 0.5, 0.75)) if len(table) else [np.nan] * 3
        cells.append("/".join(f"{value:.2f}" for value in quartiles))
    return f"{name:30s} {len(table):5d} " + " ".join(f"{cell:>18s}" for cell in cells)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=6, help="simulated clusters per morphology and background")
    parser.add_argument("--images", type=int, default=8, help="real images with groups, the last ones of the list")
    arguments = parser.parse_args()
    selector = load_selector()
    print(f"{'quartiles':30s} {'specks':>5s} " + " ".join(f"{name:>18s}" for name in SHOWN))
    sizes = []
    for morphology in MORPHOLOGIES:
        tables = simulated(morphology, arguments.windows, selector)
        sizes += [len(table) for table in tables]
        print(line(f"simulated {morphology}"[:30], pd.concat(tables)), flush=True)
    for name, table in real(arguments.images, int(np.median(sizes)), selector).items():
        print(line(f"real {name}", table), flush=True)


if __name__ == "__main__":
    main()
