"""How well found outlines agree with true ones: IoU, Dice, area error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..statistics.resampling import interval_of_ratio
from .matching import HIT, IGNORED, Matches, patient_units


def segmentation_overlap(
    matches: Sequence[Matches], *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> dict[str, Any]:
    """Overlap of the outlines over all images.

    Parameters
    ----------
    matches : sequence of Matches
        Of calcifications, from :func:`~.matching.match_calcifications`; all marks count, whatever their probability.
    resamples, seed, confidence
        Of the bootstrap over patients behind the intervals of the means.

    Returns
    -------
    dict
        JSON-ready; a number that does not exist is None.

        * ``matched``: over the matched true calcifications: ``count``, mean (with interval) and median of ``iou`` and
          ``dice``, ``area_error_mm2`` (found − true; mean, interval and median), ``relative_area_error`` (median of
          (found − true) / true).
        * ``matched_larger_than_one_pixel``: the same without one-pixel truths, whose IoU says little.
        * ``all_true`` and ``all_true_larger_than_one_pixel``: over every counted truth, its IoU with the best
          overlapping mark, 0 when there is none: missed calcifications count.
        * ``pixels``: of the whole masks: ``iou`` and ``dice`` of all images' pixels together, and
          ``mean_iou_with_background``: (IoU of calcification + IoU of background) / 2, mean over the images. The last
          is what Marasinou's code calls mIoU; it is near 0.5 even when nothing is found.
    """
    units = patient_units(matches)
    truths = pd.concat(
        [match.truths.assign(unit=unit) for unit, match in zip(units, matches, strict=True)], ignore_index=True
    )
    truths = truths[truths["outcome"] != IGNORED]
    matched = truths[truths["outcome"] == HIT]

    def described(rows: pd.DataFrame, values: pd.Series) -> dict[str, Any]:
        sums = np.bincount(rows["unit"], values.astype(float), units.max() + 1)
        sizes = np.bincount(rows["unit"], minlength=units.max() + 1)
        low, high = interval_of_ratio(sums, sizes, resamples, seed, confidence)
        numbers = {"mean": values.mean(), "low": low, "high": high, "median": values.median()}
        return {name: _number(number) for name, number in numbers.items()}

    def of_matched(rows: pd.DataFrame) -> dict[str, Any]:
        error_mm2 = rows["found_area_mm2"] - rows["area_mm2"]
        return {
            "count": len(rows),
            "iou": described(rows, rows["iou"]),
            "dice": described(rows, rows["dice"]),
            "area_error_mm2": described(rows, error_mm2),
            "relative_area_error": {"median": _number((error_mm2 / rows["area_mm2"]).median())},
        }

    def of_all(rows: pd.DataFrame) -> dict[str, Any]:
        return {"count": len(rows), "iou": described(rows, rows["best_iou"])}

    return {
        "matched": of_matched(matched),
        "matched_larger_than_one_pixel": of_matched(matched[matched["pixels"] > 1]),
        "all_true": of_all(truths),
        "all_true_larger_than_one_pixel": of_all(truths[truths["pixels"] > 1]),
        "pixels": _pixel_overlap(matches),
    }


def _pixel_overlap(matches: Sequence[Matches]) -> dict[str, Any]:
    pixels = np.array([[m.pixels.found, m.pixels.true, m.pixels.both, m.pixels.image] for m in matches], float)
    found, true, both, image = pixels.T
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = both / (found + true - both)  # NaN where there is neither: nothing to agree on
        background_iou = (image - found - true + both) / (image - both)
        pooled_iou = both.sum() / (found + true - both).sum()
        pooled_dice = 2 * both.sum() / (found + true).sum()
    with_background = (iou + background_iou)[~np.isnan(iou)] / 2
    return {
        "iou": _number(pooled_iou),
        "dice": _number(pooled_dice),
        "mean_iou_with_background": _number(with_background.mean()) if with_background.size else None,
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
