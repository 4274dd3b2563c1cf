"""The speck regressor: a map of how near a calcification is, and what it says about each candidate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, WarningRecord
from ..base.model_folder import read_model_files
from ..base.progress import Progress, no_progress
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from ..segmentation.candidates import Candidates
from .catalogue import find_network, load_weights, weights_in
from .image import Grid, breast_in_contrast
from .onnx_runtime import OnnxRuntime
from .runtime import Runtime
from .tiles import Reach, run_in_tiles

if TYPE_CHECKING:
    from .pyramid import PyramidRegressor

KIND = "speck regressor"
SCHEMA = 1
GRID_MM = 0.07
ONNX_FILE = "nearness.onnx"
REGRESSED = ("regressed_peak", "regressed_mean", "regressed_highest", "regressed_share")
"""Columns that :meth:`Look.at` adds to a candidate's measurements."""
_NEAR = 0.5  # map value above which a pixel counts as calcification


@dataclass(frozen=True)
class Look:
    """What a regressor saw of a breast.

    Parameters
    ----------
    contrast : Grid
        Local contrast over the box of the breast, the network's input.
    inside : bool array, shape (grid rows, grid columns)
        The breast.
    nearness : float32 array, same shape
        Of a calcification, in [0, 1]; 0 outside the breast.
    """

    contrast: Grid
    inside: NDArray[np.bool_]
    nearness: NDArray[np.floating]

    def at(self, candidates: Candidates) -> pd.DataFrame:
        """What the map says about each candidate: columns :data:`REGRESSED`, one row per candidate.

        ``regressed_peak`` at its peak, ``regressed_mean`` and ``regressed_highest`` over its pixels, and
        ``regressed_share``, the share of its pixels that count as calcification (HDoGReg keeps above 0.3).
        """
        values = self.nearness[self.contrast.at(candidates.rows, candidates.columns)]
        columns = (
            self.nearness[self.contrast.at(candidates.peak_rows, candidates.peak_columns)],
            _per_candidate(np.add, values, candidates) / candidates.areas,
            _per_candidate(np.maximum, values, candidates),
            _per_candidate(np.add, (values > _NEAR).astype(np.float32), candidates) / candidates.areas,
        )
        return pd.DataFrame(dict(zip(REGRESSED, columns, strict=True)))

    def in_half_precision(self) -> Look:
        """The same in half the memory, precise enough to learn from."""
        contrast = dataclasses.replace(self.contrast, values=self.contrast.values.astype(np.float16))
        return Look(contrast, self.inside, self.nearness.astype(np.float16))


@dataclass(frozen=True)
class SpeckRegressor:
    """Networks that were trained on different patients; their mean is the map.

    Parameters
    ----------
    network : MeanNearness or onnxruntime.InferenceSession
        Maps local contrast (1, 1, rows, columns) to the mean nearness, same shape.
    card : dict
        ``folds`` tells which patients each network did not see in training.
    runtime : Runtime or OnnxRuntime
        Of the network.
    members : mapping, name -> PyramidRegressor
        The networks one by one; PyTorch only.
    """

    network: Any
    card: dict[str, Any]
    runtime: Runtime | OnnxRuntime
    members: Mapping[str, PyramidRegressor] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str | Path, runtime: Runtime | OnnxRuntime) -> SpeckRegressor:
        """Load from a folder or the catalogue; raises ModelError or MissingPackageError."""
        card, files = read_model_files(find_network(name), KIND, SCHEMA)
        return cls.from_files(card, files, runtime)

    @classmethod
    def from_files(
        cls, card: dict[str, Any], files: Mapping[str, bytes], runtime: Runtime | OnnxRuntime
    ) -> SpeckRegressor:
        """Networks of the card's architecture from the files of a model folder.

        Raises
        ------
        ModelError
            When a file is damaged, or there is none for this runtime.
        MissingPackageError
            Without PyTorch or ONNX Runtime.
        """
        try:
            architecture = card["architecture"]
            widths, features = list(architecture["widths"]), architecture["features"]
        except (KeyError, TypeError) as error:
            raise ModelError(f"The card of the {KIND} lacks its architecture; train it again.") from error
        if isinstance(runtime, OnnxRuntime):
            if ONNX_FILE not in files:
                raise ModelError(f"The {KIND} has no network for ONNX Runtime; train it again.")
            return cls(runtime.load(files[ONNX_FILE], KIND), card, runtime)
        from .pyramid import MeanNearness, PyramidRegressor

        members = {}
        for name, weights in sorted(weights_in(files).items()):
            members[name] = PyramidRegressor(widths, features)
            load_weights(members[name], weights, KIND)
        if not members:
            raise ModelError(f"The {KIND} has no weights for PyTorch; train it again.")
        return cls(MeanNearness(list(members.values())), card, runtime, members)

    @property
    def reach(self) -> Reach:
        """Of a pyramid: two convolutions of 3 × 3 on every level, the first of them halving, and one behind them."""
        strides = [2**level for level in range(len(self.card["architecture"]["widths"]))]
        deepest = strides[-1]
        farthest = 2 + sum(stride // 2 + stride for stride in strides[1:])
        return Reach(deepest, -(-farthest // deepest) * deepest, overlook=1)

    def without(self, patient: str) -> SpeckRegressor:
        """Only the networks that did not see a patient in training (PyTorch only); all when none is such."""
        from .pyramid import MeanNearness

        unseen = {
            name: self.members[name]
            for name, fold in zip(sorted(self.members), self.card["folds"], strict=True)
            if patient in fold["unseen_patients"]
        }
        if not unseen:
            return self
        return dataclasses.replace(self, network=MeanNearness(list(unseen.values())), members=unseen)

    def look(
        self, mammogram: Mammogram, mask: NDArray[np.bool_], progress: Progress = no_progress
    ) -> tuple[Look, tuple[WarningRecord, ...]]:
        """Nearness of a calcification on a grid of 0.07 mm over the box of a mask.

        Parameters
        ----------
        mammogram : Mammogram
        mask : bool array, shape (rows, columns)
            The breast.
        progress : callable, optional
        """
        contrast, inside = breast_in_contrast(mammogram.pixels, mask, mammogram.spacing_mm, GRID_MM)
        return self.look_at(contrast, inside, progress)

    def look_at(
        self, contrast: Grid, inside: NDArray[np.bool_], progress: Progress = no_progress
    ) -> tuple[Look, tuple[WarningRecord, ...]]:
        """As :meth:`look`, with the local contrast and the breast of an earlier look."""
        values = np.asarray(contrast.values, np.float32)
        nearness, warnings = run_in_tiles(values, inside, self.network, self.runtime, self.reach, progress=progress)
        nearness[~inside] = 0
        return Look(contrast, inside, nearness), warnings

    def measure(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        candidates: Candidates,
        progress: Progress = no_progress,
    ) -> tuple[pd.DataFrame, tuple[WarningRecord, ...]]:
        """What the map says about each candidate, as :meth:`Look.at` does."""
        if not len(candidates):
            return pd.DataFrame({name: np.empty(0, np.float32) for name in REGRESSED}), ()
        look, warnings = self.look(mammogram, breast.mask, progress)
        return look.at(candidates), warnings


def _per_candidate(operation: np.ufunc, values: NDArray[np.float32], candidates: Candidates) -> NDArray[np.float32]:
    return operation.reduceat(values, candidates.starts[:-1].astype(np.intp))
