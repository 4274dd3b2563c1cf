"""Where the results of each input go: the tree of the inputs, mirrored, every place once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from .inputs import Input, absolute

SUMMARY_FILE = "summary.csv"
_SUFFIXES = (
    *(".nii.gz", ".seg.nrrd", ".dcm", ".dicom", ".dic", ".ima", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".nrrd"),
    *(".nhdr", ".mha", ".mhd", ".nii", ".pgm", ".ppm", ".pnm", ".bmp"),
)


@dataclass(frozen=True)
class Item:
    """One input and the place of its results.

    Parameters
    ----------
    path : Path
        Absolute.
    name : str
        What it is called in outputs: its path below the folder that all inputs share, or its pseudonym.
    folder : str
        Place of its results below the output folder, parts joined by “/”; no two items share one.
    source : str
        Tells the inputs of earlier results from this one; does not hold its name.
    named, problem
        As in :class:`~.inputs.Input`.
    options : mapping
        What the task has to know of this item alone; JSON-ready.
    """

    path: Path
    name: str
    folder: str
    source: str
    named: bool = True
    problem: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def plan(inputs: Sequence[Input]) -> list[Item]:
    """An item for each input, at the same place below the output folder as below the folder that all inputs share."""
    names = _shared_names(inputs)
    return [
        Item(item.path, str(name), folder, source_of(item.path), item.named, item.problem)
        for item, name, folder in zip(inputs, names, result_folders(names), strict=True)
    ]


def source_of(path: Path) -> str:
    """A digest of where a file lies."""
    return sha256(os.fsencode(absolute(path))).hexdigest()[:32]


def result_folders(names: Sequence[PurePosixPath]) -> list[str]:
    """A folder of results for each name: the name without its suffix, where that is unique.

    File systems that ignore case are respected, and no folder of results lies in another one.
    """
    bare = [name.with_name(_stem(name.name)) for name in names]
    counts = Counter(_folded(place) for place in bare)
    taken = {_folded(parent) for name in names for parent in name.parents} | {SUMMARY_FILE}
    folders = []
    for name, stem in zip(names, bare, strict=True):
        wishes = [stem] if counts[_folded(stem)] == 1 else []
        wishes.append(name.with_name(_visible(name.name)))
        place = next((wish for wish in wishes if _folded(wish) not in taken), None)
        number = 1
        while place is None or _folded(place) in taken:
            number += 1
            place = stem.with_name(f"{stem.name}-{number}")
        taken.add(_folded(place))
        folders.append(str(place))
    return folders


def _stem(name: str) -> str:
    """A file's name without the suffix of an image; other dots belong to the name, as in a UID."""
    suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    return _visible(name[: len(name) - len(suffix)])


def _visible(name: str) -> str:
    return name.strip(" .") or "image"


def _folded(place: PurePosixPath) -> str:
    return str(place).casefold()


def _shared_names(inputs: Sequence[Input]) -> list[PurePosixPath]:
    """The paths below the deepest folder that holds all that was asked for."""
    try:
        shared = os.path.commonpath([item.root for item in inputs])
    except ValueError:  # on several drives
        return [PurePosixPath(item.path.drive.strip(":\\/"), *item.path.parts[1:]) for item in inputs]
    return [PurePosixPath(item.path.relative_to(shared).as_posix()) for item in inputs]
