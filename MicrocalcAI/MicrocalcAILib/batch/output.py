"""The output folder of a run: one run at a time, no leftovers of killed ones."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..base.errors import ResultError
from ..base.files import remove_leftovers

LOCK_FILE = ".microcalc.lock"


@contextlib.contextmanager
def output_folder(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other runs out of it while the block runs.

    Raises
    ------
    ResultError
        When it is a file, cannot be written to, or another run writes there.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("wb")
    except (FileExistsError, NotADirectoryError):
        raise ResultError(f"“{folder.name}” is a file; choose a folder for the results.") from None
    except OSError as error:
        raise ResultError(
            f"The output folder “{folder.name}” cannot be written to: {error.strerror}; choose another one."
        ) from error
    with lock:
        _take(lock, folder)
        yield


def tidy(output: Path, places: Iterable[str]) -> set[str]:
    """Those of the results' places below ``output`` where something lies; what killed runs left beside them is removed.

    No other run writes here meanwhile; see :func:`output_folder`. A result that was moved aside when the run was
    killed is moved back.
    """
    parents = {PurePosixPath(place).parent for place in places} | {PurePosixPath()}
    found = set()
    for parent in sorted(parents):
        folder = Path(output, parent)
        remove_leftovers(folder, older_than_seconds=0)
        found |= {str(parent / entry.name) for entry in folder.iterdir()} if folder.is_dir() else set()
    return found


def _take(lock: BinaryIO, folder: Path) -> None:
    """Lock the file until it is closed; file systems without locks let every run in."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise ResultError(
            f"Another run writes into “{folder.name}”; wait for its end, or choose another output folder."
        ) from None
    except OSError:
        return
