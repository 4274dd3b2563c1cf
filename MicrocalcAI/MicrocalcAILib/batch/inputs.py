"""The files that were asked for: named ones, those below folders, and those that a DICOMDIR lists."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import MicrocalcError, UnreadableImageError
from .work import RESULT_FILE

_NO_INPUTS = {"dicomdir", "thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True)
class Input:
    """A file to work on.

    Parameters
    ----------
    path : Path
        Absolute.
    root : Path
        The folder that was asked for, or that holds the file that was asked for.
    named : bool
        The file itself was asked for; one that is no image is a failure then, in a folder it is left out.
    problem : str
        Why it cannot be worked on; empty when that is not known yet.
    """

    path: Path
    root: Path
    named: bool
    problem: str = ""


def absolute(path: Path) -> Path:
    """The path from the root, without “..”, links left as they are."""
    return Path(os.path.normpath(Path(path).absolute()))


def find_inputs(paths: Sequence[Path], output: Path) -> list[Input]:
    """All files that were asked for, each once, in the order of the paths and of the names below them.

    Each folder is listed once, and no file is opened, because on network storage every look at a file is a round trip.
    Hidden files, ``output`` and folders that hold results are left out.
    """
    found: dict[Path, Input] = {}
    for path in map(absolute, paths):
        if path.is_dir():
            new = _below(path, absolute(output))
        elif path.name.upper() == "DICOMDIR":
            new = _listed_in(path)
        else:
            new = iter([Input(path, path.parent, named=True)])
        for item in new:
            if item.path not in found or item.named:
                found[item.path] = item
    return list(found.values())


def _below(root: Path, output: Path) -> Iterator[Input]:
    seen = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in seen or folder == output:  # links may lead in circles
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Input(folder, root, named=True, problem=f"The folder cannot be opened: {error.strerror}.")
            continue
        if any(entry.name == RESULT_FILE for entry in listed):
            continue
        listed = [entry for entry in listed if not entry.name.startswith(".") and entry.name.lower() not in _NO_INPUTS]
        yield from (Input(Path(entry.path), root, named=False) for entry in listed if not _is_folder(entry))
        waiting += [Path(entry.path) for entry in reversed(listed) if _is_folder(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _listed_in(dicomdir: Path) -> Iterator[Input]:
    """The images of a DICOM file-set, by its directory (PS3.10 section 8.6)."""
    try:
        records = _image_records(dicomdir)
    except MicrocalcError as error:
        yield Input(dicomdir, dicomdir.parent, named=True, problem=str(error))
        return
    for parts in records:
        path = _on_disk(dicomdir.parent, parts)
        missing = "" if path.is_file() else "The DICOMDIR lists this file, but it is not there; copy the whole medium."
        yield Input(path, dicomdir.parent, named=False, problem=missing)


def _image_records(dicomdir: Path) -> list[list[str]]:
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values of the file
            dataset: Any = pydicom.dcmread(dicomdir)
            records = [record for record in dataset.DirectoryRecordSequence if record.DirectoryRecordType == "IMAGE"]
            names = [record.ReferencedFileID for record in records if "ReferencedFileID" in record]
            listed = [[name] if isinstance(name, str) else [str(part) for part in name] for name in names]
        if any(part in ("", ".", "..") or set(part) & set("/\\:") for parts in listed for part in parts):
            raise ValueError("A file ID leads out of the medium.")
    except FileNotFoundError:
        raise UnreadableImageError("There is no such file; check its name.") from None
    except Exception as error:  # whatever a parser throws at malformed bytes
        raise UnreadableImageError("The DICOMDIR is damaged; give the folder that holds it instead.") from error
    return listed


def _on_disk(folder: Path, parts: Sequence[str]) -> Path:
    """The file of a record; media are often copied in small letters."""
    exact = folder.joinpath(*parts)
    return exact if exact.exists() else folder.joinpath(*(part.lower() for part in parts))
