"""How many screens of unknown look are read fully, how many ask, and whether any number is wrong without a word.

    PYTHONPATH=MicrocalcAI:MicrocalcElastography:Testing/benchmarks python Testing/benchmarks/screens_benchmark.py

Every screen of `screen_generator` is read as a picture of which nothing is known. It counts as

* read: values, unit and pixel size were found, and the values differ by at most 5 % of the scale on average;
* asked: something is missing, and the sentence of the refusal says what, or only the pixel size is missing. Screens
  without a depth ruler do not tell it; they are counted apart, as nobody could read them fully;
* warned: wrong, with a warning that says what to check;
* silently wrong: wrong without such a warning. There must be none.

Errors are mean absolute differences from the true values over the valid pixels, in percent of the scale.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from screen_generator import GeneratedScreen, generate_screen
from screen_photos import photo_of, upright_of

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcElastographyLib.calibration import Calibration
from MicrocalcElastographyLib.conversion import elastogram_of_screen
from MicrocalcElastographyLib.elastogram import Elastogram
from MicrocalcElastographyLib.screen.corners import find_corners
from MicrocalcElastographyLib.screen.frame import ScreenFrame
from MicrocalcElastographyLib.screen.perspective import straightened
from MicrocalcElastographyLib.screen_calibration import find_calibration

LARGEST_ERROR_PERCENT, LARGEST_SPACING_ERROR = 5.0, 0.03
TARGET_READ = 0.85
DOUBTS = {
    "scale-doubtful", "several-color-bars", "several-color-boxes", "opacity-uncertain", "opacity-disagrees",
    "colors-do-not-fit", "off-table-colors", "scale-coarse", "spacing-uncertain", "ruler-disagrees", "no-elasticity",
    "blend-unknown",
}  # fmt: skip
_BORDER_PX = 5


def judged(screen: GeneratedScreen) -> dict[str, object]:
    """How one screen was read."""
    frame = ScreenFrame(screen.frame)
    start = time.process_time()
    found = find_calibration(frame)
    if found.missing:
        return {"result": "asked", "why": "; ".join(found.missing), "seconds": time.process_time() - start}
    try:
        elastogram = elastogram_of_screen(frame, found)
    except MicrocalcError as error:
        return {"result": "asked", "why": str(error), "seconds": time.process_time() - start}
    seconds = time.process_time() - start
    doubts = sorted({warning.code for warning in elastogram.warnings} & DOUBTS)
    error, wrongs = _errors(screen, found, elastogram)
    if wrongs:
        result = "warned" if doubts else "silently wrong"
    else:
        result = "read" if found.spacing_mm is not None else "asked"
    why = "; ".join(wrongs) if wrongs else "" if found.spacing_mm is not None else "the size of a pixel"
    return {"result": result, "why": why, "doubts": " ".join(doubts), "error_percent": error, "seconds": seconds}


def _errors(screen: GeneratedScreen, found: Calibration, elastogram: Elastogram) -> tuple[float, list[str]]:
    wrongs = []
    if found.unit != screen.unit:
        wrongs.append(f"unit {found.unit}")
    if found.values_at_ends != screen.values_at_ends:
        wrongs.append(f"ends {found.values_at_ends} for {screen.values_at_ends}")
    if found.spacing_mm is not None and abs(found.spacing_mm[0] / screen.spacing_mm - 1.0) > LARGEST_SPACING_ERROR:
        wrongs.append(f"spacing {found.spacing_mm[0]:.4f} for {screen.spacing_mm:.4f}")
    assert found.box is not None
    common = found.box.intersection(screen.box)
    if common.area < 0.8 * max(found.box.area, screen.box.area):
        return float("nan"), [*wrongs, f"box {tuple(found.box)} for {tuple(screen.box)}"]
    read = elastogram.values[common.shifted(-found.box.top, -found.box.left).slices]
    true = screen.values[common.shifted(-screen.box.top, -screen.box.left).slices]
    core = ~ndimage.binary_dilation(np.isnan(true), iterations=_BORDER_PX)
    measured = core & np.isfinite(read)
    if measured.sum() < 0.3 * core.sum():
        return float("nan"), [*wrongs, "few values"]
    false_values = float((np.isfinite(read) & ~ndimage.binary_erosion(~np.isnan(true), iterations=1)).mean())
    if false_values > 0.02 + float((np.isnan(true) & np.isfinite(read)).mean() > 0.02):
        wrongs.append("values in voids")
    error = 100.0 * float(np.abs(read - true)[measured].mean()) / screen.look["high"]
    if error > LARGEST_ERROR_PERCENT:
        wrongs.append(f"values off by {error:.1f} %")
    return error, wrongs


def judged_photo(screen: GeneratedScreen) -> dict[str, object]:
    """How a photo of one screen was read, its corners found."""
    photo, _ = photo_of(screen, screen.look["seed"])
    try:
        upright = straightened(ScreenFrame(photo), find_corners(photo))
    except MicrocalcError as error:
        return {"result": "asked", "why": str(error)}
    return judged(upright_of(screen, upright.rgb))


def results_of(seeds: Iterable[int], output: Path | None = None, *, photos: bool = False) -> pd.DataFrame:
    """One row per screen: its look and how it, or a photo of it, was read; written to a CSV file as they come."""
    rows = []
    for seed in seeds:
        screen = generate_screen(seed)
        rows.append({**screen.look, **(judged_photo(screen) if photos else judged(screen))})
        if output is not None:
            pd.DataFrame(rows).to_csv(output, index=False)
    return pd.DataFrame(rows)


def main() -> int:
    """Measure and print; the exit status is 1 when a screen is silently wrong or too few are read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=320, help="number of screens (default: 320)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="number of the first (default: 0)")
    parser.add_argument("--photos", action="store_true", help="read a photo of each screen, its corners found")
    parser.add_argument("--output", type=Path, help="CSV file with a row per screen")
    parser.add_argument("--tables", nargs="+", type=Path, help="only sum up these CSV files of earlier runs")
    arguments = parser.parse_args()
    if arguments.tables:
        table = pd.concat([pd.read_csv(path) for path in arguments.tables], ignore_index=True)
    else:
        seeds = range(arguments.first, arguments.first + arguments.count)
        table = results_of(seeds, arguments.output, photos=arguments.photos)
    counts = table["result"].value_counts()
    print(f"{len(table)} screens")
    for result in ("read", "asked", "warned", "silently wrong"):
        print(f"  {result:15s} {counts.get(result, 0):4d}  {counts.get(result, 0) / len(table):.1%}")
    complete = table[table["ruler"]]
    share = float((complete["result"] == "read").mean())
    print(f"of the {len(complete)} that show everything, with a depth ruler: {share:.1%} read fully")
    errors = table.loc[table["result"] == "read", "error_percent"]
    print(
        f"errors of the read ones in % of the scale: median {errors.median():.2f}, 95th percentile "
        f"{errors.quantile(0.95):.2f}, largest {errors.max():.2f}"
    )
    print(f"CPU time per screen: median {table['seconds'].median():.2f} s")
    for result in ("silently wrong", "warned", "asked"):
        for _, row in table[table["result"] == result].iterrows():
            print(f"  {result}: screen {row['seed']}: {row['why']} {row.get('doubts', '')}")
    failed = counts.get("silently wrong", 0) > 0 or (share < TARGET_READ and not arguments.photos)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
