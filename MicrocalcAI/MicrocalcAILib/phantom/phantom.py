"""Calcifications with exact truth, inserted into a background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..reading.mammogram import Mammogram
from .backgrounds import Background
from .calcifications import MORPHOLOGIES
from .insertion import Insertion
from .parameters import PhantomParameters

CALCIFICATION_COLUMNS = [
    *("id", "cluster_id", "row", "column", "x_mm", "y_mm", "area_mm2", "length_mm", "thickness_mm"),
    *("morphology", "contrast_to_noise"),
]
CLUSTER_COLUMNS = [
    *("id", "morphology", "distribution", "count", "row", "column", "x_mm", "y_mm", "extent_mm"),
]


@dataclass(frozen=True)
class Phantom:
    """A mammogram with inserted calcifications and the exact truth about them.

    Parameters
    ----------
    mammogram : Mammogram
    labels : int32 array, shape (rows, columns)
        0, or the ``id`` of the calcification the pixel belongs to (see :class:`~.imaging.Projection`).
    calcifications : DataFrame
        ``id``, ``cluster_id`` (0: single), ``row``, ``column`` (centroid of the label, pixels), ``x_mm``, ``y_mm``
        (from the center of pixel (0, 0)), ``area_mm2``, ``length_mm``, ``thickness_mm`` (greatest, before blur),
        ``morphology``, ``contrast_to_noise``.
    clusters : DataFrame
        ``id``, ``morphology``, ``distribution``, ``count``, ``row``, ``column``, ``x_mm``, ``y_mm``, ``extent_mm``
        (greatest distance of two centers).
    parameters : dict
        Everything that decided the pixels, with ``"simulated": true``. JSON-ready.
    """

    mammogram: Mammogram
    labels: NDArray[np.int32]
    calcifications: pd.DataFrame
    clusters: pd.DataFrame
    parameters: dict[str, Any]


def simulate(
    background: Background,
    seed: int | Sequence[int],
    parameters: PhantomParameters | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> Phantom:
    """Insert calcifications into a background; the same seed gives the same pixels.

    Calcifications are added where the image is linear in attenuation (log-processed pixels); the background's own noise
    stays. They never overlap, and never replace an earlier label.

    Parameters
    ----------
    background : Background
    seed : int or sequence of int
    parameters : PhantomParameters, optional
    pairs : sequence of (morphology, distribution), optional
        The clusters, in this order, in place of random ones. One that finds no place is left out.

    Raises
    ------
    ParameterError
        When the background shows no breast.
    """
    parameters = parameters or PhantomParameters()
    rng = np.random.default_rng(seed)
    insertion = Insertion(background, parameters, rng)
    insertion.add_distractors()
    if pairs is None:
        for _ in range(int(rng.integers(parameters.clusters[0], parameters.clusters[1] + 1))):
            insertion.add_cluster()
    else:
        for morphology, distribution in pairs:
            insertion.add_cluster_of(MORPHOLOGIES[morphology], distribution)
    for _ in range(int(rng.integers(parameters.singles[0], parameters.singles[1] + 1))):
        insertion.add_single()
    return phantom_of(background, insertion, seed)


def phantom_of(background: Background, insertion: Insertion, seed: int | Sequence[int]) -> Phantom:
    """What was inserted into a background, with its truth."""
    pixels = insertion.quantized_pixels()
    return Phantom(
        mammogram=replace(
            background.mammogram,
            pixels=pixels,
            source={
                "kind": "simulated",
                "background": background.kind,
                "bits_stored": max(int(background.white).bit_length(), 8),
            },
        ),
        labels=insertion.labels,
        calcifications=pd.DataFrame(insertion.calcifications, columns=CALCIFICATION_COLUMNS),
        clusters=pd.DataFrame(insertion.clusters, columns=CLUSTER_COLUMNS),
        parameters={
            "simulated": True,
            "seed": seed if isinstance(seed, int) else list(seed),
            "background": {"kind": background.kind, **background.parameters},
            "parameters": asdict(insertion.parameters),
            "blur_sigma_mm": insertion.blur_sigma_mm,
            "distractors": insertion.distractors,
            "spacing_mm": list(background.mammogram.spacing_mm),
            "breast_area_cm2": float(background.breast.sum()) * background.spacing_mm**2 / 100,
        },
    )
