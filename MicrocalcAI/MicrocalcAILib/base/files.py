"""Writing files so that a crash or a cancel never leaves half of one."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from .errors import ResultError


@contextlib.contextmanager
def replaced_on_success(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it to ``path`` when the block succeeds, delete it otherwise.

    The suffix is kept (``x.seg.nrrd`` → ``.x-<random>.seg.nrrd``), because writers choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    stem, dot, suffixes = path.name.partition(".")
    temporary = path.with_name(f".{stem}-{uuid.uuid4().hex[:8]}{dot}{suffixes}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_replaceable(folder: Path, marker: str) -> None:
    """Refuse to replace a folder that we did not write: one that is not empty and lacks our file ``marker``.

    Raises
    ------
    ResultError
    """
    folder = Path(folder)
    is_ours = folder.is_dir() and ((folder / marker).is_file() or not any(folder.iterdir()))
    if folder.exists() and not is_ours:
        raise ResultError(
            f"“{folder.name}” exists and holds something else than results of this command; choose another folder, "
            "so that nothing is lost."
        )


@contextlib.contextmanager
def folder_replaced_on_success(folder: Path, marker: str) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``folder``; it takes the place of ``folder`` when the block succeeds.

    Parameters
    ----------
    folder : Path
    marker : str
        A file that every such folder holds; see :func:`check_replaceable`.

    Raises
    ------
    ResultError
        When there is something in the place of the folder that is not ours.
    """
    folder = Path(folder)
    check_replaceable(folder, marker)
    folder.parent.mkdir(parents=True, exist_ok=True)
    token = uuid.uuid4().hex[:8]
    temporary = folder.with_name(f".{folder.name}-{token}")
    temporary.mkdir()
    try:
        yield temporary
        previous = folder.with_name(f".{folder.name}-{token}-previous")
        if folder.exists():
            folder.replace(previous)
        temporary.replace(folder)
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
