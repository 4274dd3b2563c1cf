"""The networks that read a whole image beside the analysis of its specks: heatmaps and lesion boxes.

They are extras: one that is missing, damaged or fails is left out with a warning, and costs nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from ..base.errors import MicrocalcError, WarningRecord
from ..base.parameters import HeatmapParameters
from ..base.progress import Cancelled, Progress, no_progress
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from .catalogue import BUNDLED_DETECTOR, BUNDLED_HEATMAPS, find_network
from .detector import LesionDetector, detect
from .heatmap import TASKS, Heatmap
from .heatmap_inference import patch_heatmap
from .patch_networks import PatchModel
from .runtime import Runtime

_HEATMAP_LEFT_OUT, _BOXES_LEFT_OUT = "heatmap-left-out", "lesion-boxes-left-out"
_BOXES = "The lesion detector"
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class NetworkReaders:
    """Patch networks and a lesion detector, and what they run on.

    Parameters
    ----------
    patches : tuple of PatchModel
    detector : LesionDetector or None
    runtime : Runtime
    left_out : tuple of WarningRecord
        Networks that were asked for and could not be loaded.
    """

    patches: tuple[PatchModel, ...]
    detector: LesionDetector | None
    runtime: Runtime
    left_out: tuple[WarningRecord, ...] = ()

    @classmethod
    def load(cls, heatmaps: Sequence[str] = (), detector: str | None = None, device: str = "auto") -> NetworkReaders:
        """Load networks by name; one that cannot be loaded is left out.

        Parameters
        ----------
        heatmaps : sequence of str
            ``detection``, ``malignancy`` (the bundled networks), model folders or names in the catalogue.
        detector : str, optional
            ``default`` (the bundled one), a model folder or a name in the catalogue.
        device : {"auto", "cpu", "cuda", "mps"}

        Raises
        ------
        ModelError
            When there is no network of a name that is not a bundled one's.
        ParameterError
            When the device is not there.
        """
        own = {*heatmaps, *filter(None, [detector])} - {*BUNDLED_HEATMAPS, "default"}
        for name in sorted(own):
            find_network(name)
        patches: list[PatchModel] = []
        boxes: LesionDetector | None = None
        left_out: list[WarningRecord] = []
        for name in dict.fromkeys(heatmaps):
            what = f"The heatmap “{Path(name).name}”"
            load = partial(PatchModel.load, BUNDLED_HEATMAPS.get(name, name))
            patch, notes = _extra(_HEATMAP_LEFT_OUT, what, load)
            patches += [] if patch is None else [patch]
            left_out += notes
        if detector:
            load_detector = partial(LesionDetector.load, BUNDLED_DETECTOR if detector == "default" else detector)
            boxes, notes = _extra(_BOXES_LEFT_OUT, _BOXES, load_detector)
            left_out += notes
        runtime = Runtime.choose(device) if patches or boxes is not None else Runtime()
        return cls(tuple(patches), boxes, runtime, tuple(left_out))

    def heatmaps(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        parameters: HeatmapParameters,
        progress: Progress = no_progress,
    ) -> tuple[tuple[Heatmap, ...], tuple[WarningRecord, ...]]:
        """One heatmap of each patch network, and what is doubtful about them or was left out."""
        drawn: list[Heatmap] = []
        doubts = [note for note in self.left_out if note.code == _HEATMAP_LEFT_OUT]
        for model in self.patches:
            what = f"The heatmap of {TASKS[model.task]}"
            draw = partial(patch_heatmap, mammogram, breast, model, parameters.stride_mm, self.runtime, progress, drawn)
            result, notes = _extra(_HEATMAP_LEFT_OUT, what, draw)
            if result is not None:
                drawn.append(result[0])
            doubts += notes if result is None else result[1]
        return tuple(drawn), tuple(dict.fromkeys(doubts))

    def boxes(
        self, mammogram: Mammogram, breast: BreastRegion, progress: Progress = no_progress
    ) -> tuple[pd.DataFrame | None, tuple[WarningRecord, ...]]:
        """The detector's boxes, None without any; and what is doubtful about them or was left out."""
        if self.detector is None:
            return None, tuple(note for note in self.left_out if note.code == _BOXES_LEFT_OUT)
        find = partial(detect, mammogram, breast, self.detector, self.runtime, progress)
        result, notes = _extra(_BOXES_LEFT_OUT, _BOXES, find)
        return (None, tuple(notes)) if result is None else result

    def provenance(self) -> dict[str, Any]:
        """Names and digests of the networks, and what they ran on."""
        return {
            "patches": [model.provenance() for model in self.patches],
            "detector": None if self.detector is None else self.detector.provenance(),
            "runtime": self.runtime.provenance() if self.patches or self.detector is not None else None,
        }


def _extra(code: str, what: str, work: Callable[[], _Found]) -> tuple[_Found | None, list[WarningRecord]]:
    """What the work returns; or None, and a warning that says why ``what`` was left out."""
    try:
        return work(), []
    except Cancelled:
        raise
    except MicrocalcError as error:
        reason = str(error)
    except MemoryError:
        reason = "The memory does not suffice."
    except Exception as error:  # whatever a network does, the calcifications are found without it
        logging.getLogger(__name__).exception("%s failed.", what)
        reason = f"It failed ({type(error).__name__})."
    return None, [WarningRecord(code, f"{what} was left out. {reason}")]
