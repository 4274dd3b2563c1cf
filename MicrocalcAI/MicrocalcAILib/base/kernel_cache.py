"""Compiled kernels: a place for them where numba finds none, and whether they are compiled for this computer.

Numba raises where the installation and the home folder cannot be written. Its cache is code that is run, so the place
is one that only this user can write.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

COMPILING = "compiling, once for this computer"  # a stage of the work
COMPILING_NOTE = "Calculations are compiled, once for this computer; that takes a minute or two."

_VARIABLE = "NUMBA_CACHE_DIR"
_LIBRARY = Path(__file__).resolve().parents[1]


def provide_kernel_cache() -> None:
    """Name a folder to numba that is removed at the end, where it would find none; before kernels are imported."""
    if os.environ.get(_VARIABLE) or _is_writable(_LIBRARY / "base") or _is_writable(_home_cache()):
        return
    with contextlib.suppress(OSError):  # without any place, numba says so when a kernel is needed
        folder = tempfile.mkdtemp(prefix="microcalc-kernels-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ[_VARIABLE] = folder
        if "numba" in sys.modules:  # it has looked at the variable already
            sys.modules["numba"].config.CACHE_DIR = folder


def are_compiled() -> bool:
    """Whether ``microcalc prepare`` has compiled these kernels for this Python on this computer."""
    mark = _mark()
    return any((folder / mark).is_file() for folder in _mark_folders())


def remember_compiled() -> None:
    """Note that the kernels are compiled; does nothing where no folder can be written."""
    mark = _mark()
    for folder in _mark_folders():
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            (folder / mark).touch()
            return


@contextlib.contextmanager
def compiling(tell: Callable[[int], None]) -> Iterator[None]:
    """Call ``tell`` with the number of kernels compiled so far, whenever one is about to be compiled."""
    from numba.core import event

    class _Counter(event.Listener):
        count = 0

        def on_start(self, event: event.Event) -> None:
            if event.data["dispatcher"].py_func.__module__.startswith("Microcalc"):  # numba compiles parts of its own
                self.count += 1
                tell(self.count)

        def on_end(self, event: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", _Counter()):
        yield


def _mark_folders() -> list[Path]:
    """Where numba keeps the kernels, or near it; the first that can be written takes the mark."""
    named = os.environ.get(_VARIABLE)
    return [Path(named)] if named else [_LIBRARY / "base" / "__pycache__", _home_cache() / "microcalc-kernels"]


def _mark() -> str:
    """Name of a file that stands for this version of the kernels, of their compiler, of Python and of the machine."""
    import hashlib
    import importlib.metadata
    import platform

    newest = max(file.stat().st_mtime_ns for file in _LIBRARY.rglob("*.py"))
    parts = [newest, importlib.metadata.version("numba"), sys.version, platform.machine(), platform.node()]
    return f"compiled-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"


def _home_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~"))  # noqa: PTH111 (never raises)


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)
