"""How well found clouds cover true ones: the outlines of amorphous clusters, apart from those of their specks.

The truth knows the specks of a cloud, not its border. What counts as its area is what a reader would draw around them:
the specks with all gaps of up to 5 mm between them (the distance that links specks to a cluster) and 0.5 mm around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..base.errors import ParameterError
from ..lexicon.clouds import Cloud
from ..lexicon.vocabulary import AMORPHOUS
from ..statistics.resampling import interval_of_ratio
from .findings import Findings
from .matching import patient_units

_GAP_MM = 5.0
_MARGIN_MM = 0.5
_GRID_MM = 0.2
_PAD = 15  # cells, more than half the gap


@dataclass(frozen=True)
class CloudMatches:
    """The true clouds of an image and what was found of them.

    Parameters
    ----------
    truths : DataFrame
        One row per true cloud: ``id`` of its cluster, ``area_mm2``, ``covered`` (share of its area inside found
        clouds), ``dice`` with all found clouds that touch it (0 where there is none).
    found, false : int
        Found clouds, and those of them that touch no true one.
    image, patient : str
    """

    truths: pd.DataFrame
    found: int
    false: int
    image: str = ""
    patient: str = ""


def match_clouds(
    clouds: Sequence[Cloud],
    truth: Findings,
    morphologies: pd.Series,
    spacing_mm: tuple[float, float],
    *,
    image: str = "",
    patient: str = "",
) -> CloudMatches:
    """Compare the clouds of an image with its true amorphous clusters.

    Parameters
    ----------
    clouds : sequence of Cloud
        Found.
    truth : Findings
        With a label map and the column ``cluster_id``.
    morphologies : Series
        Word of each true cluster, by its id.
    spacing_mm : (float, float)
    image, patient : str

    Raises
    ------
    ParameterError
        Without a label map.
    """
    labels = truth.labels
    if labels is None:
        raise ParameterError("Clouds are compared by the pixels of the true specks; this truth has no label map.")
    rows, columns = np.nonzero(labels)
    row_mm, column_mm = spacing_mm
    shape = (ceil(labels.shape[0] * row_mm / _GRID_MM), ceil(labels.shape[1] * column_mm / _GRID_MM))
    cells = (rows * row_mm / _GRID_MM).astype(int), (columns * column_mm / _GRID_MM).astype(int)
    owners = pd.Series(truth.numbers("cluster_id", 0), index=truth.ids)[labels[rows, columns]].to_numpy()
    masks = [_on_grid(cloud, spacing_mm).mask(shape) for cloud in clouds]
    touches, described = np.zeros(len(masks), np.bool_), []
    for identifier in morphologies.index[morphologies == AMORPHOUS]:
        specks = np.zeros(shape, np.bool_)
        specks[tuple(index[owners == identifier] for index in cells)] = True
        if not specks.any():  # hidden under others
            continue
        area = _drawn_around(specks)
        touching = np.array([(mask & area).any() for mask in masks], np.bool_)
        touches |= touching
        found = np.zeros(shape, np.bool_)
        for mask in (mask for mask, is_touching in zip(masks, touching, strict=True) if is_touching):
            found |= mask
        both, true = int((found & area).sum()), int(area.sum())
        described.append(
            {
                "id": identifier,
                "area_mm2": true * _GRID_MM**2,
                "covered": both / true,
                "dice": 2 * both / (true + int(found.sum())),
            }
        )
    table = pd.DataFrame(described, columns=["id", "area_mm2", "covered", "dice"])
    return CloudMatches(table, len(masks), int((~touches).sum()), image, patient)


def cloud_overlap(
    matches: Sequence[CloudMatches], *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> dict[str, Any]:
    """Overlap of the clouds over all images.

    Parameters
    ----------
    matches : sequence of CloudMatches
    resamples, seed, confidence
        Of the bootstrap over patients behind the intervals.

    Returns
    -------
    dict
        JSON-ready; a number that does not exist is None. ``true``, ``found`` and ``false`` clouds, how many of the true
        ones were ``outlined`` at all, and, over every true one, the mean (with interval) and the median of ``dice`` and
        of the share ``covered``; ``outlined_dice`` over those that were outlined; ``each``: every true one.
    """
    units = patient_units(matches)
    truths = pd.concat(
        [one.truths.assign(unit=unit, image=one.image) for unit, one in zip(units, matches, strict=True)]
    )
    outlined = truths[truths["dice"] > 0]

    def described(rows: pd.DataFrame, name: str) -> dict[str, float | None]:
        sums = np.bincount(rows["unit"].to_numpy(np.intp), rows[name].to_numpy(float), units.max() + 1)
        sizes = np.bincount(rows["unit"].to_numpy(np.intp), minlength=units.max() + 1)
        low, high = interval_of_ratio(sums, sizes, resamples, seed, confidence)
        numbers = {"mean": rows[name].mean(), "low": low, "high": high, "median": rows[name].median()}
        return {key: float(number) if np.isfinite(number) else None for key, number in numbers.items()}

    return {
        "true": len(truths),
        "found": sum(one.found for one in matches),
        "false": sum(one.false for one in matches),
        "outlined": len(outlined),
        "dice": described(truths, "dice"),
        "covered": described(truths, "covered"),
        "outlined_dice": described(outlined, "dice"),
        "each": truths[["image", "id", "area_mm2", "covered", "dice"]].to_dict("records"),
    }


def _on_grid(cloud: Cloud, spacing_mm: tuple[float, float]) -> Cloud:
    """The cloud in an image whose pixels are the cells of the grid."""
    scale = np.asarray(spacing_mm) / _GRID_MM
    return replace(cloud, parts=tuple((part + 0.5) * scale - 0.5 for part in cloud.parts))


def _drawn_around(specks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The area of a true cloud: everything within half the gap of a speck, drawn in again to the margin."""
    near = distance_transform_edt(~np.pad(specks, _PAD)) * _GRID_MM <= _GAP_MM / 2
    inside = distance_transform_edt(near) * _GRID_MM > _GAP_MM / 2 - _MARGIN_MM
    return inside[_PAD:-_PAD, _PAD:-_PAD]
