"""Writing files so that a crash or a cancel never leaves half of one, and a rerun loses nothing of the user's.

While something is written it has a hidden name beside its place (``.name-<token>``); readers pass over hidden names,
see :func:`is_hidden`. What a killed program leaves behind, :func:`remove_leftovers` puts right.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from .errors import ResultError

_LEFTOVER = re.compile(r"\.(?P<name>.+)-microcalc[0-9a-f]{8}(?P<previous>-previous)?(?P<suffixes>\.[^/]*)?")
_WRITTEN_FILE = ".written.sha256"
"""In a folder of ours: what we wrote there, as ``sha256sum`` lists it; everything else is the user's."""
_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)  # for whoever holds a file on Windows
_SECONDS_OF_A_SWAP = 60.0
_SECONDS_OF_A_RUN = 24 * 3600.0


@contextlib.contextmanager
def replaced_on_success(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it to ``path`` when the block succeeds, delete it otherwise.

    The suffix is kept (``x.seg.nrrd`` → ``.x-<random>.seg.nrrd``), because writers choose the format by it.

    Raises
    ------
    ResultError
        When the disk is full, or the place is taken by a folder or cannot be written.
    """
    path = Path(path)
    stem, dot, suffixes = path.name.partition(".")
    temporary = path.with_name(f".{stem}-{_token()}{dot}{suffixes}")
    try:
        with disk_errors_reported(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _put_in_place(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _put_in_place(temporary: Path, path: Path) -> None:
    """Rename over a file; on Windows another program may hold that for a moment, a virus scanner for example."""
    for seconds in _WAITS_S:
        try:
            temporary.replace(path)
            return
        except PermissionError:
            if not path.is_file():
                raise
            time.sleep(seconds)
    temporary.replace(path)


@contextlib.contextmanager
def disk_errors_reported(path: Path) -> Iterator[None]:
    """Turn what the file system refuses while ``path`` is written into one sentence.

    Raises
    ------
    ResultError
    """
    try:
        yield
    except OSError as error:
        sentence = _DISK_SENTENCES.get(error.errno or 0)
        if sentence is None:
            raise
        raise ResultError(sentence.format(name=path.name)) from error


_DISK_SENTENCES = {
    errno.ENOSPC: "The disk is full: “{name}” could not be written; make room or choose another folder.",
    errno.EDQUOT: "Your share of the disk is used up: “{name}” could not be written; make room.",
    errno.EROFS: "The disk cannot be written: “{name}” could not be saved; choose another folder.",
    errno.EACCES: "“{name}” could not be written, for lack of permission, or because a program has it open; "
    "close that, or choose another folder.",
    errno.EPERM: "“{name}” could not be written, for lack of permission, or because a program has it open; "
    "close that, or choose another folder.",
    errno.ENOTDIR: "“{name}” should be written into a folder, but a file stands in its place; choose another folder.",
    errno.EEXIST: "“{name}” should be written into a folder, but a file stands in its place; choose another folder.",
    errno.EISDIR: "“{name}” should be a file, but a folder stands in its place; choose another name.",
    errno.ENAMETOOLONG: "The name “{name:.40}…” is too long for this disk; choose a shorter one.",
}


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for the files of a moment, which is removed at the end.

    Raises
    ------
    ResultError
        When there is no room for temporary files, or no place for them.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="microcalc-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in (*_DISK_SENTENCES, errno.ENOENT):
            raise
        raise ResultError(
            "The folder for temporary files is full or cannot be written; make room, or let TMPDIR name another one."
        ) from error


def _token() -> str:
    return f"microcalc{uuid.uuid4().hex[:8]}"


def is_hidden(path: Path, parent: Path) -> bool:
    """Whether something in the folder ``parent`` has, or lies under, a hidden name: half written, and no result."""
    return any(part.startswith(".") for part in path.relative_to(parent).parts)


def check_replaceable(folder: Path, marker: str) -> None:
    """Refuse to replace a folder that we did not write: one that is not empty and lacks our file ``marker``.

    Raises
    ------
    ResultError
    """
    folder = Path(folder)
    for parent in folder.parents:
        if parent.exists() and not parent.is_dir():
            raise ResultError(f"“{parent.name}” is a file, so there can be no folder in it; choose another folder.")
    if folder.exists() and not folder.is_dir():
        raise ResultError(f"“{folder.name}” is a file, not a folder; choose another folder.")
    is_ours = folder.is_dir() and ((folder / marker).is_file() or not any(folder.iterdir()))
    if folder.exists() and not is_ours:
        raise ResultError(
            f"“{folder.name}” exists and holds something else than results of this command; choose another folder, "
            "so that nothing is lost."
        )


@contextlib.contextmanager
def folder_replaced_on_success(folder: Path, marker: str) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``folder``; it takes the place of ``folder`` when the block succeeds.

    What others put into the earlier folder (notes, edited segmentations) moves into the new one. A kill at any point
    leaves the earlier folder, the new one, or what :func:`remove_leftovers` puts back; an error puts it back at once.

    Parameters
    ----------
    folder : Path
    marker : str
        A file that every such folder holds; see :func:`check_replaceable`.

    Raises
    ------
    ResultError
        When there is something in the place of the folder that is not ours, or the disk is full.
    """
    folder = Path(folder)
    temporary = folder.with_name(f".{folder.name}-{_token()}")
    with disk_errors_reported(folder):
        check_replaceable(folder, marker)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _put_back(folder)
        temporary.mkdir()
        try:
            yield temporary
            lines = [f"{digest}  {name}\n" for name, digest in _digests(temporary).items()]
            (temporary / _WRITTEN_FILE).write_text("".join(lines), encoding="utf-8")
            _swap(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _swap(temporary: Path, folder: Path) -> None:
    """Put a finished folder in its place; the user's files are copied first, so that nothing exists only once."""
    if not folder.exists():
        temporary.replace(folder)
        return
    _copy_files_of_the_user(folder, temporary)
    previous = temporary.with_name(f"{temporary.name}-previous")
    try:
        folder.replace(previous)
        temporary.replace(folder)
    except BaseException:
        if previous.exists() and not folder.exists():
            previous.replace(folder)
        raise
    previous.replace(temporary)  # a name that is deleted, never put back, when this is killed half way


def _copy_files_of_the_user(earlier: Path, later: Path) -> None:
    """Keep what is in ``earlier`` and is not as we wrote it; under another name where ours has the same."""
    digests = _digests(earlier)
    try:
        lines = (earlier / _WRITTEN_FILE).read_text(encoding="utf-8").splitlines()
        ours = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    except (OSError, UnicodeDecodeError):  # a folder of an earlier version: all that is written again counts as ours
        ours = {name: digest for name, digest in digests.items() if (later / name).exists()}
    for name, digest in digests.items():
        if ours.get(name) == digest or name == _WRITTEN_FILE:
            continue
        target = later / name
        while target.exists():
            target = target.with_name(f"{target.stem} (yours){target.suffix}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(earlier / name, target, follow_symlinks=False)


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder and its folders, by its name there; of a link, of what it points to."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.is_file():
            content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def _put_back(folder: Path) -> None:
    """The earlier folder, when a killed run had moved it away and put nothing in its place."""
    if folder.exists():
        return
    kept = [path for path in _leftovers(folder.parent) if path.name.endswith("-previous") and _place(path) == folder]
    if kept:
        max(kept, key=lambda path: path.stat().st_mtime).replace(folder)


def remove_leftovers(parent: Path, older_than_seconds: float = _SECONDS_OF_A_RUN) -> int:
    """Put right what killed runs left in a folder: earlier results go back, half-written ones are deleted.

    Parameters
    ----------
    parent : Path
        The folder in which results are; not those in it.
    older_than_seconds : float
        What was touched since then may belong to a run that is still going on, and stays. 0 where nobody else writes.

    Returns
    -------
    int
        How many were put right.
    """
    count = 0
    for path in _leftovers(parent):
        with contextlib.suppress(OSError):
            place, age = _place(path), time.time() - max(path.stat().st_mtime, path.stat().st_ctime)
            if path.name.endswith("-previous") and not place.exists():
                if age < min(older_than_seconds, _SECONDS_OF_A_SWAP):
                    continue
                path.replace(place)
            elif age < older_than_seconds:
                continue
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            count += 1
    return count


def _leftovers(parent: Path) -> list[Path]:
    """Leftovers in a folder, earlier results first."""
    if not parent.is_dir():
        return []
    found = [Path(entry.path) for entry in os.scandir(parent) if _LEFTOVER.fullmatch(entry.name)]
    return sorted(found, key=lambda path: (not path.name.endswith("-previous"), path.name))


def _place(leftover: Path) -> Path:
    """What a leftover was to become, or was."""
    match = _LEFTOVER.fullmatch(leftover.name)
    assert match is not None
    return leftover.with_name(match["name"] + (match["suffixes"] or ""))
