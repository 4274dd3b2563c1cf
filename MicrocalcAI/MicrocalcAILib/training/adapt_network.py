"""The network of a selector goes on learning: corrected images beside simulated windows, and its own earlier word.

What a reader added is a target, what a reader removed is among the negatives, and where the earlier network was right
it is followed, so that it forgets little (see :mod:`.distillation`). Trees learn from what networks say about patients
whom they did not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from ..networks.onnx_runtime import OnnxRuntime, onnx_file
from ..networks.pyramid import MeanNearness, PyramidRegressor
from ..networks.regressor import ONNX_FILE, SpeckRegressor
from ..networks.runtime import Runtime
from ..phantom import BreastParameters, power_law_background
from .checkpoint import fingerprint_of
from .corrections import Base, Corrected
from .distillation import Distillation, DistilledExample, taught_example, taught_network, window_example
from .regressor import nearness
from .windows import windows_of

TUNING = Distillation(windows_per_background=8, batch=8, learning_rate=3e-4, grouping=0.0)
_FOLDS = 3


@dataclass(frozen=True)
class Tuned:
    """A network that went on learning.

    Parameters
    ----------
    network : PyramidRegressor
    onnx : bytes
        The same for ONNX Runtime.
    card : dict
        Of the regressor.
    unseen : list of Corrected
        The corrected images as networks see them that did not learn from their patient.
    """

    network: PyramidRegressor
    onnx: bytes
    card: dict[str, Any]
    unseen: list[Corrected]

    def sees(self, images: Sequence[Corrected]) -> list[Corrected]:
        """Other images as the network sees them."""
        return _seen(images, self.onnx, self.card)


def tuned_network(
    base: Base,
    images: Sequence[Corrected],
    training: Distillation,
    frame_mm: tuple[float, float],
    work: Path,
    progress: Progress = no_progress,
) -> Tuned:
    """Train the network of a selector on with corrected images and simulated windows, which weigh the same.

    Parameters
    ----------
    base : Base
        Its network teaches, and the training starts from it.
    images : sequence of Corrected
        Of at least two patients.
    training : Distillation
    frame_mm : (float, float)
        Height and width of the simulated images that windows are cut from.
    work : Path
        Folder from which the same call goes on after it was ended.
    progress : callable, optional

    Raises
    ------
    ParameterError
        When the selector has no network.
    ModelError, MissingPackageError
        When its weights cannot be read, or without PyTorch or ONNX Runtime.
    """
    if base.regressor is None:
        raise ParameterError(
            f"The selector “{base.name}” has no network; adapt its trees alone, or start from SpeckSelectorNetwork."
        )
    teachers = SpeckRegressor.from_files(base.card["regressor"], base.files, Runtime.choose("cpu"))
    training = replace(training, start=next(iter(teachers.members)))
    made_by = fingerprint_of(
        [base.card["sha256"], asdict(training), frame_mm, [(image.name, image.ignore_regions) for image in images]],
        *(np.ascontiguousarray(image.labels).tobytes() for image in images),
    )[:16]
    work.mkdir(parents=True, exist_ok=True)
    windows = simulated_windows(base.regressor, training, frame_mm, progress)
    examples = [correction_example(image, training) for image in images]

    def trained(numbers: Sequence[int], name: str) -> tuple[PyramidRegressor, bytes, list[float]]:
        corrections = [example for number in numbers if (example := examples[number]) is not None]
        together = alternating(corrections, windows)
        checkpoint = work / f"{made_by}-{name}.safetensors"
        network, losses = taught_network(together, teachers, training, checkpoint, progress)
        return network, onnx_file(MeanNearness([network]), training.crop), losses

    patients = [image.patient for image in images]
    unseen = list(images)
    folds = GroupKFold(min(_FOLDS, len(set(patients)))).split(patients, groups=patients)
    for number, (learn, judge) in enumerate(folds):
        _, onnx, _ = trained(learn, f"fold{number}")
        seen = _seen([images[index] for index in judge], onnx, base.card["regressor"])
        for index, image in zip(judge, seen, strict=True):
            unseen[index] = image
    network, onnx, losses = trained(range(len(images)), "all")
    card = {
        **base.card["regressor"],
        "folds": [{"unseen_patients": [], "loss": losses}],
        "training": asdict(training),
        "teachers": {"sha256": base.card["sha256"], "start": training.start},
    }
    return Tuned(network, onnx, card, unseen)


def simulated_windows(
    teachers: SpeckRegressor, training: Distillation, frame_mm: tuple[float, float], progress: Progress = no_progress
) -> list[DistilledExample]:
    """Windows of simulated breasts that are rehearsed."""
    windows = []
    for number in range(training.simulated_backgrounds):
        progress("windows", number, training.simulated_backgrounds)
        seed = [training.seed, number, 8]
        background = power_law_background(seed, BreastParameters(frame_mm=frame_mm))
        windows += [
            window_example(window, f"simulated {number}", teachers, training)
            for window in windows_of(background, training.windows_per_background, seed)
        ]
    return windows


def correction_example(image: Corrected, training: Distillation) -> DistilledExample | None:
    """A corrected image with its truth, and what the network said of it; None where it has no candidate at all."""
    look = image.look
    if look is None:
        return None
    grid, candidates = look.contrast, image.candidates
    target = nearness(image.labels, grid, image.spacing_mm, training.regression)
    for row_min, row_max, column_min, column_max in image.ignore_regions:
        rows, columns = grid.at(np.array([row_min, row_max]), np.array([column_min, column_max]))
        target[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = -1
    peaks = np.column_stack(grid.at(candidates.peak_rows, candidates.peak_columns)).astype(np.int32)
    group = np.broadcast_to(np.int8(0), target.shape)
    return taught_example(grid.values, target, look.nearness, peaks, image.truth, image.patient, group)


def alternating(corrected: Sequence[DistilledExample], windows: Sequence[DistilledExample]) -> list[DistilledExample]:
    """Both as often as the more numerous of them: crops are drawn from every example alike."""
    count = max(len(corrected), len(windows))
    return [*islice(cycle(corrected), count), *islice(cycle(windows), count)]


def _seen(images: Sequence[Corrected], onnx: bytes, card: dict[str, Any]) -> list[Corrected]:
    """Images with what a network says about their candidates in place of what was said before."""
    runtime = OnnxRuntime()
    regressor = SpeckRegressor(runtime.load(onnx, ONNX_FILE), card, runtime)
    found = []
    for image in images:
        if image.look is not None:
            look, _ = regressor.look_at(image.look.contrast, image.look.inside)
            said = look.at(image.candidates).set_index(image.values.index)
            image = replace(image, values=image.values.assign(**said))
        found.append(image)
    return found
