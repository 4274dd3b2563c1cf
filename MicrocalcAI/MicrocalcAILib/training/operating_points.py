"""The operating points of a selector, measured on images in which no calcification is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from ..base.model_folder import CARD_FILE
from ..base.progress import Progress, no_progress
from ..pipeline import load_selector
from ..segmentation.selection import without_overlaps
from .backgrounds import BackgroundImage
from .measured_candidates import measured, thresholds_at
from .selector import RATES_PER_CM2

_LEVEL = 0.95


@dataclass(frozen=True)
class NormalImage:
    """What a selector says about an image without known calcifications.

    Parameters
    ----------
    name, patient : str
    breast_area_cm2 : float
    probabilities : float array
        Of the candidates that share no pixel with a more probable one.
    """

    name: str
    patient: str
    breast_area_cm2: float
    probabilities: NDArray[np.float64]


def measure_operating_points(
    images: Sequence[BackgroundImage], folder: Path, progress: Progress = no_progress
) -> tuple[list[NormalImage], list[dict[str, float]]]:
    """Judge the images with a selector and write the thresholds into its card.

    Parameters
    ----------
    images : sequence of BackgroundImage
        In none of them a calcification is known, and the selector has not seen them.
    folder : Path
        Of the selector; only its card changes.
    progress : callable, optional

    Raises
    ------
    ModelError, ParameterError
    """
    selector = load_selector(str(folder))
    judged = []
    for number, image in enumerate(images):
        progress("images", number, len(images))
        mammogram = image.read()
        found = measured(mammogram)
        probabilities, _ = selector.judge(mammogram, found.breast, found.candidates, found.values, no_progress)
        specks = without_overlaps(found.candidates, probabilities, mammogram.pixels.shape)
        judged.append(NormalImage(image.path.name, image.patient, found.breast.area_cm2, probabilities[specks]))
    points = operating_points(judged)
    write_operating_points(folder, points, judged)
    return judged, points


def operating_points(images: Sequence[NormalImage]) -> list[dict[str, float]]:
    """For each rate of false marks per cm²: the probability above which there are that many.

    Raises
    ------
    ParameterError
        When the images show too little breast for any of the rates.
    """
    area_cm2 = sum(image.breast_area_cm2 for image in images)
    false = np.concatenate([image.probabilities for image in images] or [np.empty(0)])
    points = [
        {"false_marks_per_cm2": rate, "threshold": threshold}
        for rate, threshold in thresholds_at(false, area_cm2, RATES_PER_CM2, fewest=1)
    ]
    if not points:
        raise ParameterError("The images show too little breast to measure a rate of false marks; give more of them.")
    return points


def measured_rates(images: Sequence[NormalImage], threshold: float) -> pd.DataFrame:
    """False marks of each image at a threshold, and their rate with its exact 95 % Poisson interval.

    Returns
    -------
    DataFrame
        ``image``, ``patient``, ``breast_area_cm2``, ``false_marks``, ``per_cm2``, ``low``, ``high``; all images
        together in the last row.
    """
    counts = [int((image.probabilities >= threshold).sum()) for image in images]
    rows = [
        _row(image.name, image.patient, image.breast_area_cm2, count)
        for image, count in zip(images, counts, strict=True)
    ]
    rows.append(_row("all", "", sum(image.breast_area_cm2 for image in images), sum(counts)))
    return pd.DataFrame(rows)


def _row(name: str, patient: str, area_cm2: float, count: int) -> dict[str, Any]:
    tail = (1 - _LEVEL) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(1 - tail, 2 * count + 2) / 2
    return {
        "image": name,
        "patient": patient,
        "breast_area_cm2": area_cm2,
        "false_marks": count,
        "per_cm2": count / area_cm2,
        "low": float(low) / area_cm2,
        "high": float(high) / area_cm2,
    }


def write_operating_points(folder: Path, points: list[dict[str, float]], images: Sequence[NormalImage]) -> None:
    """Put operating points, and what they were measured on, into the card of a selector."""
    path = Path(folder) / CARD_FILE
    card = json.loads(path.read_text(encoding="utf-8"))
    card["operating_points"] = points
    card["operating_points_measured_on"] = [
        {"image": image.name, "patient": image.patient, "breast_area_cm2": round(image.breast_area_cm2, 1)}
        for image in images
    ]
    with replaced_on_success(path) as temporary:
        temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
