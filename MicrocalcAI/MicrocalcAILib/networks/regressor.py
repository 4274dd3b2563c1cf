"""The speck regressor: a map of how near a calcification is, and what it says about each candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, WarningRecord
from ..base.progress import Progress, no_progress
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from ..segmentation.candidates import Candidates
from .catalogue import load_weights, read_network
from .image import Grid, breast_in_contrast
from .runtime import Runtime
from .tiles import run_in_tiles

if TYPE_CHECKING:
    import torch

KIND = "speck regressor"
SCHEMA = 1
GRID_MM = 0.07
REGRESSED = ("regressed_peak", "regressed_mean", "regressed_highest", "regressed_share")
"""Columns that :meth:`SpeckRegressor.measure` adds to a candidate's measurements."""
_TILE, _OVERLAP, _BATCH = 512, 48, 2
_NEAR = 0.5  # map value above which a pixel counts as calcification


@dataclass(frozen=True)
class SpeckRegressor:
    """Networks that were trained on different patients; their mean is the map.

    Parameters
    ----------
    networks : mapping, name -> torch.nn.Module
    card : dict
        ``folds`` tells which patients each network did not see in training.
    """

    networks: Mapping[str, torch.nn.Module]
    card: dict[str, Any]

    @classmethod
    def load(cls, name: str | Path) -> SpeckRegressor:
        """Load from a folder or the catalogue; raises ModelError or MissingPackageError."""
        card, weights = read_network(name, KIND, SCHEMA)
        return cls.from_weights(card, weights)

    @classmethod
    def from_weights(cls, card: dict[str, Any], weights: Mapping[str, Mapping[str, torch.Tensor]]) -> SpeckRegressor:
        """Networks of the card's architecture with these weights."""
        from .pyramid import PyramidRegressor

        try:
            architecture = card["architecture"]
            networks = {
                name: PyramidRegressor(architecture["widths"], architecture["features"]) for name in sorted(weights)
            }
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"The card of the {KIND} lacks its architecture; train it again.") from error
        for name, network in networks.items():
            load_weights(network, weights[name], KIND)
        return cls(networks, card)

    def without(self, patient: str) -> SpeckRegressor:
        """Only the networks that did not see a patient in training; all when every network or none did."""
        names = sorted(self.networks)
        unseen = {
            name: self.networks[name]
            for name, fold in zip(names, self.card["folds"], strict=True)
            if patient in fold["unseen_patients"]
        }
        return SpeckRegressor(unseen or self.networks, self.card)

    def map(
        self, mammogram: Mammogram, mask: NDArray[np.bool_], runtime: Runtime, progress: Progress = no_progress
    ) -> tuple[Grid, tuple[WarningRecord, ...]]:
        """Nearness of a calcification in [0, 1] on a grid of 0.07 mm over the box of a mask.

        Parameters
        ----------
        mammogram : Mammogram
        mask : bool array, shape (rows, columns)
            The breast.
        runtime : Runtime
        progress : callable, optional
        """
        grid, inside = breast_in_contrast(mammogram.pixels, mask, mammogram.spacing_mm, GRID_MM)
        warnings: tuple[WarningRecord, ...] = ()
        total = np.zeros_like(grid.values)
        for network in self.networks.values():
            logits, found = run_in_tiles(
                grid.values, inside, network, runtime, _TILE, _OVERLAP, _BATCH, "network", progress
            )
            total += 1 / (1 + np.exp(-logits))
            warnings = warnings or found
        total /= len(self.networks)
        total[~inside] = 0
        return Grid(total, GRID_MM, grid.box, grid.scale), warnings

    def measure(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        candidates: Candidates,
        runtime: Runtime,
        progress: Progress = no_progress,
    ) -> tuple[pd.DataFrame, tuple[WarningRecord, ...]]:
        """What the map says about each candidate: columns :data:`REGRESSED`, one row per candidate.

        ``regressed_peak`` at its peak, ``regressed_mean`` and ``regressed_highest`` over its pixels, and
        ``regressed_share``, the share of its pixels that count as calcification (HDoGReg keeps above 0.3).
        """
        if not len(candidates):
            return pd.DataFrame({name: np.empty(0, np.float32) for name in REGRESSED}), ()
        grid, warnings = self.map(mammogram, breast.mask, runtime, progress)
        values = grid.values[grid.at(candidates.rows, candidates.columns)]
        columns = (
            grid.values[grid.at(candidates.peak_rows, candidates.peak_columns)],
            _per_candidate(np.add, values, candidates) / candidates.areas,
            _per_candidate(np.maximum, values, candidates),
            _per_candidate(np.add, (values > _NEAR).astype(np.float32), candidates) / candidates.areas,
        )
        return pd.DataFrame(dict(zip(REGRESSED, columns, strict=True))), warnings


def _per_candidate(operation: np.ufunc, values: NDArray[np.float32], candidates: Candidates) -> NDArray[np.float32]:
    return operation.reduceat(values, candidates.starts[:-1].astype(np.intp))
