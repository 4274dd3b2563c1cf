"""Decoders that may crash or hang on a hostile file, run where they can be ended.

A decoder is a function of a module that takes JSON-ready arguments and returns a :class:`Decoded`. It runs in a child
process with limits of time and memory. The child is kept for the next file and replaced after a crash. Arrays come back
as raw bytes through a pipe and everything else as JSON, so nothing that the child says is executed. A process that may
be lost itself (``MICROCALC_ISOLATED=1``: a worker of a batch) decodes directly.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import importlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from . import errors
from .errors import MicrocalcError, UnreadableImageError

if TYPE_CHECKING:  # imported where arrays come in or go out: the owner of workers needs the variable's name alone
    from numpy.typing import NDArray

ISOLATED_VARIABLE = "MICROCALC_ISOLATED"
"""Environment variable that a batch engine sets to 1 for its workers."""
LONGEST_SECONDS = 30.0
MOST_MEMORY = 4 * 2**30
_LONGEST_ANSWER = 64 * 2**20
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_START = 300.0
_PATIENCE = 10.0
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
_EXPORT_AGAIN = "it is damaged, please export it again"


class Decoded(NamedTuple):
    """What a decoder found.

    Parameters
    ----------
    facts : dict
        JSON-ready.
    arrays : tuple of arrays
        Of numbers or bools.
    """

    facts: dict[str, Any]
    arrays: tuple[NDArray[Any], ...] = ()


def already_guarded() -> bool:
    """Whether this process is one that may be lost, so that decoders run in it directly."""
    return os.environ.get(ISOLATED_VARIABLE) == "1"


def guarded(
    decoder: Callable[..., Decoded], *arguments: Any, seconds: float = LONGEST_SECONDS, memory: int = MOST_MEMORY
) -> Decoded:
    """Run a decoder where it can be ended.

    Parameters
    ----------
    decoder : callable
        A function of a module, found there again by its name.
    arguments
        JSON-ready; paths as text.
    seconds : float
        Of processor time, so that a busy machine refuses nothing; of the clock, ten times as many.
    memory : int
        Bytes that the decoder may take beyond those of its process.

    Raises
    ------
    UnreadableImageError
        When the decoder crashes, runs too long, needs too much memory, or fails with an error that is not ours.
    MicrocalcError
        What the decoder itself raises.
    """
    if already_guarded():
        with _failures_in_one_sentence():
            return decoder(*arguments)
    with _lock:
        return _current_child().decode(decoder, arguments, seconds, memory)


@contextlib.contextmanager
def _failures_in_one_sentence() -> Iterator[None]:
    try:
        yield
    except MicrocalcError:
        raise
    except MemoryError:
        raise UnreadableImageError(f"Decoding the file needs more memory than is allowed; {_EXPORT_AGAIN}.") from None
    except Exception as error:
        raise UnreadableImageError(f"The file cannot be decoded; {_EXPORT_AGAIN}.") from error


class _Child:
    """The process that decodes, seen from its owner."""

    def __init__(self) -> None:
        environment = dict(os.environ, PYTHONUTF8="1", **dict.fromkeys(_ONE_THREAD, "1"))
        environment[ISOLATED_VARIABLE] = "1"
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(folder).resolve()) for folder in sys.path if folder)
        try:
            self._process = subprocess.Popen(
                [_python(), "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise MicrocalcError(
                f"The process that decodes images cannot be started ({error.strerror}); please restart the program."
            ) from error
        self.owner = os.getpid()
        with self._ended_after(_SECONDS_TO_START, MOST_MEMORY):
            ready = self._answers.readline(100)
        if ready != b"ready\n":
            self.close()
            raise MicrocalcError(
                "The process that decodes images ended at its start; please check the installation of Microcalc."
            )

    @property
    def _answers(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()
        self._process.wait()

    def decode(
        self, decoder: Callable[..., Decoded], arguments: tuple[Any, ...], seconds: float, memory: int
    ) -> Decoded:
        request = {
            "decoder": f"{decoder.__module__}:{decoder.__qualname__}",
            "arguments": arguments,
            "seconds": seconds,
            "memory": memory,
        }
        answered = False
        try:
            with self._ended_after(_PATIENCE * seconds, memory) as ended:
                answer, arrays = self._exchange(json.dumps(request).encode(), memory)
            answered = True
        except (OSError, EOFError, ValueError):
            raise UnreadableImageError(ended[0] if ended else self._how_it_ended(seconds)) from None
        finally:
            if not answered:  # also when the owner is interrupted: what the child would say next belongs to this call
                self.close()
        if "error" in answer:
            raise getattr(errors, answer["error"], UnreadableImageError)(answer["sentence"])
        return Decoded(answer["facts"], arrays)

    def _exchange(self, request: bytes, memory: int) -> tuple[dict[str, Any], tuple[NDArray[Any], ...]]:
        import numpy as np

        assert self._process.stdin is not None
        self._process.stdin.write(request + b"\n")
        self._process.stdin.flush()
        line = self._answers.readline(_LONGEST_ANSWER)
        if not line.endswith(b"\n"):
            raise EOFError
        answer = json.loads(line)
        arrays = []
        for kind, shape in answer.get("arrays", ()):
            dtype = np.dtype(kind)
            if dtype.kind not in "biuf" or math.prod(shape) * dtype.itemsize > memory:
                raise ValueError
            array = np.empty(shape, dtype)
            unread = array.reshape(-1).view(np.uint8).data
            while unread:
                count = self._answers.readinto(unread)  # type: ignore[attr-defined]
                if not count:
                    raise EOFError
                unread = unread[count:]
            arrays.append(array)
        return answer, tuple(arrays)

    @contextlib.contextmanager
    def _ended_after(self, seconds: float, memory: int) -> Iterator[list[str]]:
        """End the child when it takes too long or too much; why is in the list then."""
        reasons: list[str] = []
        finished = threading.Event()

        def watch() -> None:
            looks = max(int(seconds / _SECONDS_BETWEEN_LOOKS), 1)
            for _ in range(looks):
                if finished.wait(seconds / looks):
                    return
                if _resident_bytes(self._process.pid) > memory + 2**30:
                    reasons.append(f"Decoding the file needs more memory than is allowed; {_EXPORT_AGAIN}.")
                    break
            else:
                reasons.append(_too_slow(seconds / _PATIENCE))
            self._process.kill()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield reasons
        finally:
            finished.set()
            watcher.join()

    def _how_it_ended(self, seconds: float) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
            name = signal.Signals(-self._process.wait(5)).name
            if name == "SIGXCPU":
                return _too_slow(seconds)
            return f"The file makes its decoder crash ({name}); {_EXPORT_AGAIN}."
        return f"The file makes its decoder crash; {_EXPORT_AGAIN}."


def _too_slow(seconds: float) -> str:
    return f"Decoding the file takes longer than {seconds:g} seconds; {_EXPORT_AGAIN}."


def _python() -> str:
    """This Python; inside an application that embeds it (Slicer), the one that the application brings."""
    if Path(sys.executable).stem.lower().startswith("python"):
        return sys.executable
    return shutil.which("PythonSlicer") or sys.executable


def _resident_bytes(pid: int) -> int:
    """Memory of a process; 0 where psutil is missing. Linux has a limit of its own, set by the child."""
    try:
        import psutil
    except ImportError:
        return 0
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


_lock = threading.Lock()
_child: _Child | None = None


def _current_child() -> _Child:
    global _child
    if _child is None or _child.owner != os.getpid() or not _child.alive:
        _child = _Child()
    return _child


@atexit.register
def _end_child() -> None:
    if _child is not None and _child.owner == os.getpid() and _child.alive:
        _child.close()


def serve() -> None:
    """The child's side: one request per line on standard input, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner, which ends this process if it wants to
    _write_no_core_files()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    with Path(os.devnull).open("w") as nowhere:
        answers.write(b"ready\n")
        for line in sys.stdin.buffer:
            request = json.loads(line)
            # Ends the process even while a decoder holds the interpreter and the owner is gone.
            faulthandler.dump_traceback_later(_PATIENCE * request["seconds"] + 5, exit=True, file=nowhere)
            _limit_memory(request["memory"])
            _limit_time(request["seconds"])
            answer, arrays = _answer(request["decoder"], request["arguments"])
            _limit_memory(None)
            _limit_time(None)
            _write_all(answers, json.dumps(answer).encode() + b"\n")
            for array in arrays:
                _write_all(answers, array.reshape(-1).view("uint8").data)
            faulthandler.cancel_dump_traceback_later()


def _answer(name: str, arguments: list[Any]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    import numpy as np

    module, _, function = name.partition(":")
    try:
        with _failures_in_one_sentence():
            decoded = getattr(importlib.import_module(module), function)(*arguments)
            arrays = [np.ascontiguousarray(array) for array in decoded.arrays]
            kinds = [(array.dtype.str, array.shape) for array in arrays]
            return {"facts": decoded.facts, "arrays": kinds}, arrays
    except MicrocalcError as error:
        return {"error": type(error).__name__, "sentence": str(error)}, []


def _write_all(stream: IO[bytes], content: bytes | memoryview) -> None:
    unwritten = memoryview(content)
    while unwritten:
        unwritten = unwritten[stream.write(unwritten) :]


def _write_no_core_files() -> None:
    """A crash leaves no copy of the patient's image on the disk."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_memory(more: int | None) -> None:
    """Allow so many bytes of address space beyond those in use, or lift the limit; where the system has such limits."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        hardest = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (hardest if more is None else used + more, hardest))


def _limit_time(more: float | None) -> None:
    """Allow so many seconds of processor time beyond those used, or lift the limit, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hardest = resource.getrlimit(resource.RLIMIT_CPU)[1]
        limit = hardest if more is None else math.ceil(time.process_time() + more)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, hardest))


if __name__ == "__main__":
    serve()
