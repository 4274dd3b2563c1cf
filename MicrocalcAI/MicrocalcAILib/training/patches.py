"""Patches to train networks on, cut from annotated mammograms as Pesapane 2023 describes.

Patches with microcalcifications lie around annotations; the others are drawn at random where there is tissue and no
annotation. Patches of one image, and images of one patient, stay together when the set is divided.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from ..base.errors import ParameterError, ResultError
from ..base.files import folder_replaced_on_success
from ..base.tables import read_table, write_table
from ..networks.heatmap_inference import seen_image
from ..networks.judged_patches import cut
from ..networks.patch_networks import PatchInput
from .annotations import AnnotatedImage

QUANTUM = 1 / 24  # of local contrast: patches are kept as int8
SPLITS = ("train", "validation", "test")
SHARES = (0.7, 0.2, 0.1)
PATCHES_FILE, TABLE_FILE, DESCRIPTION_FILE = "patches.npy", "patches.csv", "description.json"
_TRIES = 60  # places tried for one patch without microcalcifications


@dataclass(frozen=True)
class Cutting:
    """How patches are cut.

    Parameters
    ----------
    per_image : int
        Largest number of patches with microcalcifications of one image; as many without are drawn.
    shift : int
        Pixels of the network's grid by which training may still move a patch: it is stored larger by that on each side.
    least_tissue : float
        First criterion for patches without microcalcifications: the share of the patch that shows the breast (the paper
        asks for an average intensity above a threshold, to the same end).
    lookalikes : float
        Share of the patches without microcalcifications that lie around known look-alikes, where there are any.
    """

    per_image: int = 40
    shift: int = 8
    least_tissue: float = 0.1
    lookalikes: float = 0.25


@dataclass(frozen=True)
class PatchSet:
    """Patches and what is known of them.

    Parameters
    ----------
    values : int8 array, shape (patches, side + 2·shift, side + 2·shift)
        Local contrast in steps of ``QUANTUM``.
    table : DataFrame
        ``image``, ``patient``, ``split`` (may be empty), ``background`` (``real``, ``simulated``), ``calcifications``
        (bool), ``malignant`` (1, 0 or NaN: not known), ``expected`` (probability of malignancy to learn from;
        ``malignant`` for real cases), ``row`` and ``column`` (center, pixels of the image it was cut from).
    input : PatchInput
    shift : int
        See :class:`Cutting`.
    description : dict
        Where the patches come from; becomes part of the model's card. JSON-ready.
    """

    values: NDArray[np.int8]
    table: pd.DataFrame
    input: PatchInput
    shift: int
    description: dict[str, Any]

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: NDArray[np.integer | np.bool_]) -> PatchSet:
        """Some of the patches, by their position or by a mask of bools."""
        chosen = np.arange(len(self))[rows]
        table = self.table.iloc[chosen].reset_index(drop=True)
        return PatchSet(self.values[chosen], table, self.input, self.shift, self.description)

    def for_task(self, task: str) -> PatchSet:
        """The patches of a task: all for detection, those with a known outcome for malignancy.

        Raises
        ------
        ParameterError
            When one of the two classes is missing.
        """
        known = np.ones(len(self), bool) if task == "detection" else self.table["malignant"].notna().to_numpy()
        patches = self.take(known)
        if len(np.unique(patches.outcome(task))) < 2:
            wanted = "with and without microcalcifications" if task == "detection" else "benign and malignant"
            raise ParameterError(f"The data hold too few patches for this task; give images that show both {wanted}.")
        return patches

    def outcome(self, task: str) -> NDArray[np.bool_]:
        """What each patch is: with microcalcifications, or malignant."""
        return self.table["calcifications" if task == "detection" else "malignant"].to_numpy().astype(bool)

    def target(self, task: str) -> NDArray[np.float32]:
        """Probability of the class that training aims at."""
        return self.table["calcifications" if task == "detection" else "expected"].to_numpy().astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the set to a folder, which is replaced when it holds an older one."""
        record = {**self.description, "input": asdict(self.input), "shift": self.shift}
        with folder_replaced_on_success(folder, DESCRIPTION_FILE) as temporary:
            np.save(temporary / PATCHES_FILE, self.values, allow_pickle=False)
            write_table(self.table, temporary / TABLE_FILE)
            (temporary / DESCRIPTION_FILE).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> PatchSet:
        """Read a set back.

        Raises
        ------
        ResultError
            When the folder is incomplete or holds something else.
        """
        folder = Path(folder)
        try:
            description = json.loads((folder / DESCRIPTION_FILE).read_text("utf-8"))
            seen, shift = PatchInput(**description.pop("input")), int(description.pop("shift"))
            table = read_table(folder / TABLE_FILE, dtype={"image": str, "patient": str, "split": str})
            table["split"] = table["split"].fillna("")
            values = np.load(folder / PATCHES_FILE, allow_pickle=False)
            if values.shape != (len(table), *(2 * [seen.side + 2 * shift])) or values.dtype != np.int8:
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultError(f"“{folder.name}” holds no complete set of patches; make it again.") from error
        return cls(values, table, seen, shift, description)

    @classmethod
    def concatenate(cls, sets: Sequence[PatchSet], description: dict[str, Any]) -> PatchSet:
        """Several sets, cut alike, as one."""
        values = np.concatenate([patches.values for patches in sets])
        table = pd.concat([patches.table for patches in sets], ignore_index=True)
        return cls(values, table, sets[0].input, sets[0].shift, description)


def cut_patches(
    images: Iterable[AnnotatedImage],
    seed: int,
    cutting: Cutting | None = None,
    seen: PatchInput | None = None,
    description: dict[str, Any] | None = None,
) -> PatchSet:
    """Cut patches from annotated images, which may be simulated while this runs.

    A patch with microcalcifications holds one that is annotated, somewhere in it: heatmaps see them at any place, too.
    A patch without fulfills the paper's two criteria: it shows tissue, and overlaps no annotated region (nor one that
    nobody is sure of).

    Raises
    ------
    ParameterError
        When no patch could be cut.
    """
    cutting, seen = cutting or Cutting(), seen or PatchInput()
    rng = np.random.default_rng(seed)
    values, rows = [], []
    for image in images:
        if image.breast.any():
            for patch, row in _patches_of(image, rng, cutting, seen):
                values.append(patch)
                rows.append(row)
    if not rows:
        raise ParameterError(
            "No patch could be cut; check that the images show a breast and the annotations lie in it."
        )
    return PatchSet(np.stack(values), pd.DataFrame(rows), seen, cutting.shift, description or {})


def with_splits(patches: PatchSet, seed: int, shares: tuple[float, float, float] = SHARES) -> PatchSet:
    """Divide into train, validation and test; patients, and so images, stay whole.

    Patches that already name a split keep it. The others are divided patient by patient in random order, each going
    where most is missing, among train and validation only when the test is already there.

    Raises
    ------
    ParameterError
        When a split is unknown, an image or a patient is listed in two places, or there are too few patients.
    """
    table = patches.table.copy()
    if not table["split"].isin(("", *SPLITS)).all():
        raise ParameterError(f"A split is called {', '.join(SPLITS)}, or is left empty.")
    for inner, outer, word in (
        ("image", "patient", "belongs to two patients"),
        ("patient", "split", "is in two splits"),
    ):
        split_up = table.groupby(inner)[outer].nunique()
        if (split_up > 1).any():
            raise ParameterError(f"The {inner} “{split_up.idxmax()}” {word}; patients stay together in one split.")
    given = [bool((table["split"] == name).any()) for name in SPLITS]
    free = table.loc[table["split"] == "", "patient"].value_counts().sort_index()
    open_splits = [name for name, there in zip(SPLITS, given, strict=True) if name == "train" or not there]
    if len(free) and len(free) + given[0] < len(open_splits):
        raise ParameterError(
            f"Training needs patients for {', '.join(open_splits)}, but there are {len(free)}; give images of more."
        )
    wanted = {name: shares[SPLITS.index(name)] for name in open_splits}
    counts = dict.fromkeys(open_splits, 0)
    order = np.random.default_rng(seed).permutation(len(free))
    for number, index in enumerate(order):
        empty = [name for name in reversed(open_splits) if not counts[name] and not (name == "train" and given[0])]
        must_fill = len(order) - number <= len(empty)
        missing = {name: (counts[name] + 1) / wanted[name] for name in (empty if must_fill else open_splits)}
        chosen = min(missing, key=lambda name: missing[name])
        counts[chosen] += int(free.iloc[index])
        table.loc[(table["split"] == "") & (table["patient"] == free.index[index]), "split"] = chosen
    if set(table["split"]) != set(SPLITS):
        raise ParameterError("Training needs patients for train, validation and test; give images of more patients.")
    return PatchSet(patches.values, table, patches.input, patches.shift, patches.description)


def _patches_of(
    image: AnnotatedImage, rng: Generator, cutting: Cutting, seen: PatchInput
) -> Iterable[tuple[NDArray[np.int8], dict[str, Any]]]:
    view = seen_image(image.mammogram.pixels, image.breast, image.mammogram.spacing_mm, seen)
    first, scale = np.array(view.grid.box[::2]), np.array(view.grid.scale)

    def on_grid(positions: NDArray[np.float64]) -> NDArray[np.float64]:
        return (positions + 0.5 - first) / scale - 0.5

    marks = image.marks
    low, high = (on_grid(marks[[f"row_{end}", f"column_{end}"]].to_numpy(float)) for end in ("min", "max"))
    anchors = on_grid(marks[["row", "column"]].to_numpy(float))
    side = seen.side + 2 * cutting.shift

    def patch(center: NDArray[np.float64], **known: Any) -> tuple[NDArray[np.int8], dict[str, Any]]:
        corner = np.rint(center - (side - 1) / 2).astype(int)
        values = cut(view.grid.values, int(corner[0]), int(corner[1]), (side, side))
        row, column = (center + 0.5) * scale - 0.5 + first
        place = {"image": image.name, "patient": image.patient, "split": image.split, "background": image.background}
        return np.rint(values / QUANTUM).astype(np.int8), {**place, **known, "row": row, "column": column}

    positive = _marks_to_cut(marks, rng, cutting.per_image)
    for mark in positive:
        reach = np.maximum(seen.side / 2 - cutting.shift - 3 - (high[mark] - low[mark]) / 2, 0)
        center = anchors[mark] + rng.uniform(-reach, reach)
        outcome = _outcome(marks, low, high, center, seen.side)
        yield patch(center, calcifications=True, malignant=outcome[0], expected=outcome[1])

    doubtful = on_grid(image.doubtful)
    low, high = np.concatenate([low, doubtful]), np.concatenate([high, doubtful])
    lookalikes = on_grid(image.lookalikes)
    wanted = len(positive) or cutting.per_image
    for number in range(wanted):
        around = lookalikes if number < cutting.lookalikes * wanted else lookalikes[:0]
        center = _free_center(view.inside, around, low, high, rng, side, cutting.least_tissue)
        if center is not None:
            yield patch(center, calcifications=False, malignant=np.nan, expected=np.nan)


def _marks_to_cut(marks: pd.DataFrame, rng: Generator, largest: int) -> list[int]:
    """Marks to cut a patch around: by turns one of each group, so that clusters of many do not crowd out the others."""
    groups = [rng.permutation(rows) for rows in marks.reset_index(drop=True).groupby("group").indices.values()]
    turns = [rows[turn] for turn in range(max(map(len, groups), default=0)) for rows in groups if turn < len(rows)]
    return [int(mark) for mark in turns[:largest]]


def _outcome(
    marks: pd.DataFrame, low: NDArray[np.float64], high: NDArray[np.float64], center: NDArray[np.float64], side: int
) -> tuple[float, float]:
    """Malignant (1, 0, NaN) and expected probability of what the patch shows; NaN where its marks disagree."""
    shown = _overlap(low, high, center, side)
    known = marks.loc[shown, ["malignant", "expected"]].drop_duplicates()
    if len(known) != 1:
        return float("nan"), float("nan")
    return float(known["malignant"].iloc[0]), float(known["expected"].iloc[0])


def _free_center(
    inside: NDArray[np.bool_],
    around: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: Generator,
    side: int,
    least_tissue: float,
) -> NDArray[np.float64] | None:
    """A random center that fulfills both criteria; None when none was found."""
    for _ in range(_TRIES):
        if len(around):
            center = around[rng.integers(len(around))] + rng.uniform(-side / 3, side / 3, 2)
        else:
            center = rng.uniform((0, 0), inside.shape)
        corner = np.rint(center - (side - 1) / 2).astype(int)
        tissue = cut(inside, int(corner[0]), int(corner[1]), (side, side)).mean()
        if tissue >= least_tissue and not _overlap(low, high, center, side).any():
            return center
    return None


def _overlap(
    low: NDArray[np.float64], high: NDArray[np.float64], center: NDArray[np.float64], side: int
) -> NDArray[np.bool_]:
    """Which marks reach into the square of that side."""
    inside: NDArray[np.bool_] = (high >= center - side / 2) & (low <= center + side / 2)
    return np.asarray(inside.all(axis=1))
