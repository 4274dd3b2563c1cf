"""Training of a patch network as in Pesapane 2023: cross-entropy, Adam, batches of 16, early stopping, from scratch."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, ParameterError
from ..base.files import check_replaceable, replaced_on_success
from ..base.model_folder import CARD_FILE
from ..base.progress import Progress, no_progress
from ..base.provenance import provenance
from ..base.tables import write_table
from ..networks.heatmap import TASKS
from ..networks.patch_networks import PatchModel, write_patch_network
from ..networks.runtime import Runtime
from ..reading.mammogram import Mammogram
from ..statistics import roc_curve, youden_point
from .checkpoint import TrainingState, fingerprint_of
from .patch_figures import marked_patches, patch_figures
from .patch_learning import PatchTraining, fit, judge
from .patches import SPLITS, PatchSet, with_splits

if TYPE_CHECKING:
    import torch

CURVE_FILE = "learning_curve"
PREDICTIONS_FILE = "test_predictions.csv"
TASK_NAMES = {"detection": "Task 1: microcalcifications or none", "malignancy": "Task 2: malignant or benign"}


def train_patch_network(
    patches: PatchSet,
    task: str,
    output: Path,
    training: PatchTraining | None = None,
    runtime: Runtime | None = None,
    without_calcifications: list[tuple[str, Mammogram]] | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train a patch network and write its model folder with the figures of the test, also ``before`` from a start.

    After each epoch the state is kept in a hidden file beside ``output``; the same call, or one that differs in the
    number of epochs, continues from there. The threshold comes from validation (Youden); the test is judged once, with
    the weights as stored (float16).

    Parameters
    ----------
    patches : PatchSet
        Divided as :func:`~.patches.with_splits` does where it is not.
    task : {"detection", "malignancy"}
    output : Path
        Model folder; also gets ``learning_curve.csv`` and ``.png``.
    training, runtime : optional
    without_calcifications : list of (str, Mammogram), optional
        Whole images in which no microcalcifications are known: the patches marked there are counted.
    progress : callable, optional
        May raise ``Cancelled``: nothing but the state is left then.

    Returns
    -------
    dict
        The model's card.

    Raises
    ------
    ParameterError
        When the task is unknown or the patches do not suffice.
    ModelError
        When the weights to start from do not fit.
    """
    import torch

    training, runtime = training or PatchTraining(), runtime or Runtime.choose()
    if task not in TASKS:
        raise ParameterError(f"Unknown task “{task}”; choose from: {', '.join(TASKS)}.")
    check_replaceable(output, CARD_FILE)
    sets = _divided(patches, task, training.seed)
    torch.manual_seed(training.seed)
    network = training.architecture.build().to(runtime.device, memory_format=torch.channels_last)
    start = None if training.start is None else _start_from(network, training)
    learned = {
        name: value for name, value in asdict(training).items() if name not in ("epochs", "patience", "only_where")
    }
    settings = {"task": task, "training": learned, "input": asdict(patches.input), "precision": runtime.precision}
    learned_from = [part for name in ("train", "validation") for part in (sets[name].values, sets[name].target(task))]
    fingerprint = fingerprint_of(settings, *(part.tobytes() for part in learned_from))
    checkpoint = Path(output).with_name(f".{Path(output).name}-training.safetensors")
    state = fit(network, sets["train"], sets["validation"], task, training, runtime, checkpoint, fingerprint, progress)

    stored = {key: value.half().float() if value.is_floating_point() else value for key, value in state.best.items()}
    network.load_state_dict(stored)
    known, judged = sets["validation"].outcome(task), judge(network, sets["validation"], runtime)
    # infinite for a network that learned nothing
    threshold = min(youden_point(roc_curve(known, judged)).threshold, 1.0)
    test = sets["test"]
    probability = judge(network, test, runtime)
    figures = patch_figures(test.outcome(task), probability, threshold, list(test.table["patient"]))
    predictions = _predictions(test, task, Path(output).name, probability, float(threshold))
    card = {
        **_card(patches, sets, task, training, state, runtime),
        "threshold": float(threshold),
        "threshold_chosen": "largest sensitivity + specificity on validation patches",
        "figures": {"test": figures, **_by_background(test, task, probability, threshold)},
    }
    if start is not None and start.card["task"] == task and start.card["input"] == asdict(patches.input):
        earlier = judge(start.network.to(runtime.device), test, runtime)
        own = patch_figures(test.outcome(task), earlier, start.card["threshold"], list(test.table["patient"]))
        card["figures"]["before"] = own
    card["name"] = Path(output).name
    if training.only_where:
        card["only_where"] = training.only_where
    if "notice" in card:
        card["notice"] += f" Area under the ROC curve in its test: {figures['auc']['value']:.2f}."
    written = write_patch_network(Path(output), training.architecture, patches.input, network, card)
    if without_calcifications:
        marked = marked_patches(PatchModel.load(output), without_calcifications, runtime, progress)
        card["figures"]["images_without_known_calcifications"] = marked
        written = write_patch_network(Path(output), training.architecture, patches.input, network, card)
    _write_curves(state.history, Path(output), task)
    with replaced_on_success(Path(output) / PREDICTIONS_FILE) as temporary:
        write_table(predictions, temporary)
    checkpoint.unlink(missing_ok=True)
    return written


def _divided(patches: PatchSet, task: str, seed: int) -> dict[str, PatchSet]:
    """The patches of the task in train, validation and test, each with both classes."""
    patches = with_splits(patches.for_task(task), seed)
    sets = {split: patches.take((patches.table["split"] == split).to_numpy()) for split in SPLITS}
    for split, part in sets.items():
        if len(np.unique(part.outcome(task))) < 2:
            raise ParameterError(f"The {split} patches are all of one class; give images of more patients.")
    return sets


def _start_from(network: torch.nn.Module, training: PatchTraining) -> PatchModel:
    model = PatchModel.load(str(training.start))
    try:
        network.load_state_dict(model.network.state_dict())
    except RuntimeError as error:
        raise ModelError(
            "The weights to start from are of another architecture; choose the same one, or train from scratch."
        ) from error
    return model


def _card(
    patches: PatchSet,
    sets: dict[str, PatchSet],
    task: str,
    training: PatchTraining,
    state: TrainingState,
    runtime: Runtime,
) -> dict[str, Any]:
    description = dict(patches.description)
    notice = description.pop("malignancy_notice", "")
    commands = [command for command in (description.pop("command", ""), _command(task, training)) if command]
    return {
        "task": task,
        "classes": ["no microcalcifications", "microcalcifications"]
        if task == "detection"
        else ["benign", "malignant"],
        **({"notice": notice} if notice and task == "malignancy" else {}),
        "normalization": (
            "blur and resampling to the grid, then local contrast: asinh((value − mean over 1.2 mm) / local noise), "
            "cut at ±5.25; 0 outside the breast"
        ),
        **description,
        "commands": commands,
        "training": {**asdict(training), "start": training.start and Path(training.start).name},
        "epochs": state.epoch,
        "splits": {
            name: {
                "patches": len(part),
                "positive": int(part.outcome(task).sum()),
                "patients": sorted(set(part.table["patient"])),
            }
            for name, part in sets.items()
        },
        "license": "Apache-2.0",
        "provenance": {**provenance(), **runtime.provenance()},
    }


def _predictions(
    test: PatchSet, task: str, model: str, probability: NDArray[np.float64], threshold: float
) -> pd.DataFrame:
    """What the figures of the test were computed from, as ``train compare`` reads it; patients are numbered."""
    return pd.DataFrame(
        {
            "task": TASK_NAMES[task],
            "model": model,
            "item": np.arange(len(probability)),
            "patient": np.unique(test.table["patient"], return_inverse=True)[1],
            "outcome": test.outcome(task).astype(int),
            "score": probability,
            "threshold": threshold,
        }
    )


def _command(task: str, training: PatchTraining) -> str:
    """What trains this network, less the paths."""
    architecture = training.architecture
    options = [
        f"--task {task} --architecture {architecture.name}",
        f"--width {architecture.width} --pooled {architecture.pooled}" if architecture.name == "alexnet" else "",
        f"--start {Path(training.start).name}" if training.start else "",
        f"--epochs {training.epochs} --patience {training.patience} --batch {training.batch}",
        f"--learning-rate {training.learning_rate:g} --seed {training.seed}",
        "" if training.augment else "--no-augmentation",
        "--balanced" if training.balanced else "",
        f"--only-where {training.only_where}" if training.only_where else "",
    ]
    return " ".join(["microcalc train patches", *filter(None, options)])


def _by_background(
    test: PatchSet, task: str, probability: NDArray[np.float64], threshold: float
) -> dict[str, dict[str, Any]]:
    """The figures of the test in real and in simulated images, where it has both."""
    background = test.table["background"].fillna("").to_numpy()
    if len(set(background)) < 2:
        return {}
    figures = {}
    for name in sorted(set(background)):
        rows = background == name
        part = test.take(rows)
        figures[f"test_{name}"] = patch_figures(
            part.outcome(task), probability[rows], threshold, list(part.table["patient"])
        )
    return figures


def _write_curves(history: list[dict[str, Any]], folder: Path, task: str) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    table = pd.DataFrame(history)
    with replaced_on_success(folder / f"{CURVE_FILE}.csv") as temporary:
        write_table(table, temporary)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(table["epoch"], table["training_loss"], label="training", color="#4878a8")
    axes.plot(table["epoch"], table["validation_loss"], label="validation", color="#c44e52")
    best = min(history, key=lambda row: float(row["validation_loss"]))
    axes.plot(best["epoch"], best["validation_loss"], "o", color="#c44e52")
    title = f"{TASKS[task].capitalize()}: epoch {best['epoch']} kept, AUC {best['validation_auc']:.3f} on validation"
    axes.set(xlabel="epoch", ylabel="cross-entropy per patch")
    axes.set_title(title, loc="left", fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    with replaced_on_success(folder / f"{CURVE_FILE}.png") as temporary:
        temporary.write_bytes(picture.getvalue())
