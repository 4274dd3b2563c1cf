"""A lesion detector that goes on learning from annotated images, compared with what it was on unseen patients."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base.progress import Progress, no_progress
from ..dataset.dataset import Dataset
from ..networks.catalogue import BUNDLED_DETECTOR, find_network
from ..networks.detector import LesionDetector
from ..networks.detector_architecture import DetectorArchitecture
from ..networks.runtime import Runtime
from .comparison import compared
from .dataset_images import divided, lesion_images, training_data_of
from .detector import kept_matches, train_detector
from .detector_images import read_images, store_images
from .detector_state import LIGHT, DetectorTraining
from .gone_on import gone_on_card

RATES = (0.2, 0.5, 1.0, 2.0)  # false boxes per image at which before and after are compared
UPDATE = replace(LIGHT, learning_rate=2e-4, epochs=12, tiles_per_epoch=200, patience=3)
_ALL_BOXES = 0.05  # score from which boxes are compared, whatever a detector's own threshold
_WEIGHTS_FILE = "weights.safetensors"


def update_detector(
    dataset: Dataset,
    output: Path,
    training: DetectorTraining = UPDATE,
    start: str | Path = BUNDLED_DETECTOR,
    card: dict[str, Any] | None = None,
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Go on training a detector with the images of a dataset, and write its model folder.

    The publisher's test, else a quarter of the patients, is neither learned from nor used to stop; on it, before and
    after are compared. Beside ``output``, a folder with ``.training`` added keeps the images and the state, from which
    the same call goes on.

    Parameters
    ----------
    dataset : Dataset
    output : Path
    training : DetectorTraining
        Its architecture is that of ``start``.
    start : str or Path
        The detector that goes on learning, by name or folder.
    card : dict, optional
        License for the card.
    runtime, progress : optional

    Returns
    -------
    dict
        The card as written; ``comparison`` holds before and after.

    Raises
    ------
    ParameterError
        When the dataset has too few patients, or a lesion without an outcome.
    ModelError, MicrocalcError
    """
    runtime = runtime or Runtime.choose()
    earlier = LesionDetector.load(start)
    grid_mm, usual = earlier.architecture.grid_mm, DetectorArchitecture().score_threshold
    training = replace(training, architecture=replace(earlier.architecture, score_threshold=usual))
    learned, judging = divided(dataset, training.seed)
    work = output.with_name(f"{output.name}.training")
    for part, name in ((learned, "images"), (judging, "test")):
        shutil.rmtree(work / name, ignore_errors=True)  # of another dataset, perhaps
        store_images(lesion_images(part), work / name, grid_mm, len(part.annotated), progress)
    described = gone_on_card(
        earlier.card,
        training_data_of(learned),
        license="not stated",
        simulated=False,
        notice="Trained on the images that its card describes; not validated for patients, not for diagnosis.",
    )
    described |= card or {}
    weights = find_network(start) / _WEIGHTS_FILE
    train_detector(work / "images", output, training, described, runtime, work, weights, progress)
    images = read_images(work / "test")
    before, after = (kept_matches(LesionDetector.load(one, _ALL_BOXES), images, runtime) for one in (start, output))
    model = LesionDetector.load(output)
    return model.save(output, {**model.card, "comparison": {"test": compared(before, after, rates=RATES)}})
