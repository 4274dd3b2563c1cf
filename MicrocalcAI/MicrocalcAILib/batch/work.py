"""One item, worked on in this process: has it been done, do it, and keep its result under the key that made it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from .. import __version__
from ..base.cost import Meter
from ..base.errors import MicrocalcError, ResultError, UnreadableImageError, UnsupportedImageError
from ..base.files import check_replaceable, folder_replaced_on_success
from ..base.progress import Progress
from ..base.provenance import sha256_of_file

RESULT_FILE = "microcalc_result.json"
DONE, FINISHED_BEFORE, SKIPPED, FAILED = "done", "finished before", "skipped", "failed"
_SMALLEST_TEMPORARY_SPACE = 64 * 2**20


@dataclass(frozen=True)
class Finished:
    """What a task found: cells of the summary, and how to write the rest into an empty folder of a given name."""

    cells: dict[str, Any]
    write: Callable[[Path, str], None]


class Task(Protocol):
    """What is done with each item. Made once in each worker, from its JSON-ready options; may raise MicrocalcError."""

    def signature(self) -> Mapping[str, Any]:
        """``parameters`` and ``models`` that decide the results, JSON-ready."""

    def run(self, path: Path, options: Mapping[str, Any], progress: Progress) -> Finished:
        """Work on one file."""


@dataclass(frozen=True)
class Job:
    """An item as a worker gets it, JSON-ready: where to read, where to write, and whether earlier results count."""

    path: str
    folder: str
    source: str
    named: bool
    fresh: bool
    options: Mapping[str, Any]


class FullDiskError(ResultError):
    """There is no room for results or for temporary files; going on with other items is of no use."""


def perform(task: Task, job: Job, progress: Progress) -> dict[str, Any]:
    """Do a job; whatever happens to its item becomes a row.

    Returns
    -------
    dict
        Cells of the summary, JSON-ready: ``status``, ``reason``, those of the task, ``seconds``, ``cpu_seconds``,
        ``peak_memory_mb``.

    Raises
    ------
    FullDiskError
    """
    with Meter() as meter:
        try:
            return _perform(task, job, progress, meter)
        except UnsupportedImageError as error:
            status, reason = FAILED if job.named else SKIPPED, str(error)
        except FullDiskError:
            raise
        except MicrocalcError as error:
            status, reason = FAILED, str(error)
        except MemoryError:
            status, reason = FAILED, "The memory did not suffice; close other programs or use fewer workers."
        except Exception as error:
            status, reason = FAILED, _unexpected(error)
        return {"status": status, "reason": reason, **_cells(meter)}


def _perform(task: Task, job: Job, progress: Progress, meter: Meter) -> dict[str, Any]:
    folder = Path(job.folder)
    key = {"input": _digest(Path(job.path)), **key_of(task, job.options)}
    earlier = _read_result(folder)
    if earlier and earlier["key"] == key and not job.fresh:
        return {**earlier["row"], "status": FINISHED_BEFORE}
    check_replaceable(folder, RESULT_FILE)
    if earlier and earlier["source"] != job.source and earlier["key"]["input"] != key["input"]:
        raise ResultError(f"“{folder.name}” holds the results of another image; choose another output folder.")
    _check_temporary_space()
    with _full_disk_reported("of temporary files", Path(tempfile.gettempdir())):
        finished = task.run(Path(job.path), job.options, progress)
    with _full_disk_reported("of the results", folder.parent), folder_replaced_on_success(folder, RESULT_FILE) as new:
        finished.write(new, folder.name)
        files = sorted(entry.name for entry in new.iterdir())
        row = {"status": DONE, "reason": "", **finished.cells, **_cells(meter)}
        text = json.dumps({"key": key, "source": job.source, "files": files, "row": row}, indent=2, ensure_ascii=False)
        (new / RESULT_FILE).write_text(text + "\n", encoding="utf-8")
    return row


def key_of(task: Task, options: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the parameters and of the models, and the version: what decides a result beside its input."""
    signature = task.signature()
    return {
        "parameters": _sha256_of([signature["parameters"], options]),
        "models": _sha256_of(signature["models"]),
        "version": __version__,
    }


def _cells(meter: Meter) -> dict[str, Any]:
    cost = meter.cost()
    return {
        "seconds": round(cost["seconds"], 2),
        "cpu_seconds": round(cost["cpu_seconds"], 2),
        "peak_memory_mb": cost["peak_memory_mb"],
    }


def _sha256_of(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except FileNotFoundError:
        raise UnreadableImageError("There is no such file; check its name.") from None
    except OSError as error:
        raise UnreadableImageError(f"The file cannot be opened: {error.strerror or 'input error'}.") from error


def _read_result(folder: Path) -> dict[str, Any] | None:
    """What made the results that lie in a folder; None when there are none, or some of their files are gone."""
    try:
        result = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
        complete = set(result["files"]) <= {entry.name for entry in folder.iterdir()}
        return result if complete and {"key", "source", "row"} <= result.keys() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_temporary_space() -> None:
    try:
        free = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError:  # no folder can be written to
        free = 0
    if free < _SMALLEST_TEMPORARY_SPACE:
        raise FullDiskError(
            f"The folder for temporary files has {free // 2**20} MB left; free some space there, or let TMPDIR name "
            "another folder."
        )


@contextlib.contextmanager
def _full_disk_reported(what: str, folder: Path) -> Iterator[None]:
    """Tell a lack of room from other faults; C++ writers say it in words of their own."""
    try:
        yield
    except Exception as error:
        cause = error.__cause__ if isinstance(error, ResultError) else error  # files.py has said it in a sentence
        is_full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
        with contextlib.suppress(OSError):
            is_full = is_full or shutil.disk_usage(folder).free < 2**20
        if is_full:
            raise FullDiskError(f"The disk {what} is full; free some space there.") from error
        raise


def _unexpected(error: Exception) -> str:
    """One sentence with the place of the fault, without the error's own words, which may quote the file."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "Microcalc" in frame.filename and frame.filename != __file__] or frames
    place = f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}"
    return f"An unexpected {type(error).__name__} ({place}); please report it, with the image if you may."


def as_line(value: Any) -> bytes:
    """A message between a worker and its owner."""
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def job_message(job: Job) -> bytes:
    """The line that asks for a job."""
    return as_line(asdict(job))
