"""A place for compiled kernels where the installation and the home folder cannot be written.

Numba raises when it finds none. Its cache is code that is run, so the place is one that only this user can write.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

_VARIABLE = "NUMBA_CACHE_DIR"


def provide_kernel_cache() -> None:
    """Name a folder to numba that is removed at the end, where it would find none; before kernels are imported."""
    library = Path(__file__).resolve().parent
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~"))  # noqa: PTH111 (never raises)
    if os.environ.get(_VARIABLE) or _is_writable(library) or _is_writable(cache):
        return
    with contextlib.suppress(OSError):  # without any place, numba says so when a kernel is needed
        folder = tempfile.mkdtemp(prefix="microcalc-kernels-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ[_VARIABLE] = folder
        if "numba" in sys.modules:  # it has looked at the variable already
            sys.modules["numba"].config.CACHE_DIR = folder


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)
