"""What this computer has for workers: cores, memory, and room on its disks."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from ..base.errors import ParameterError, ResultError

MEMORY_PER_WORKER_MB = 2048
"""A worker with the default networks and a full-field image takes less, see ``Docs/batch.md``."""
_CGROUP = Path("/sys/fs/cgroup")
_MB_LEFT_FREE = 200


def cores() -> int:
    """Cores that this process may use: of the computer, its affinity, or its container."""
    affinity = getattr(os, "sched_getaffinity", None)
    found = len(affinity(0)) if affinity else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        if quota != "max":
            found = min(found, int(int(quota) / int(period)))
    return max(found, 1)


def available_memory_mb() -> float:
    """Memory that can be taken without swapping: of the computer, or of its container."""
    import psutil

    free = float(psutil.virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):  # “max”: no limit
        limit = int((_CGROUP / "memory.max").read_text())
        free = min(free, limit - int((_CGROUP / "memory.current").read_text()))
    return free / 2**20


def default_workers(items: int) -> int:
    """As many workers as there are cores, memory and items for; at least one."""
    by_memory = int(available_memory_mb() / MEMORY_PER_WORKER_MB)
    return max(1, min(cores(), by_memory, items))


def default_memory_limit_mb(workers: int) -> float:
    """An equal share of the memory at hand, nine tenths of it in all, and at least what a worker usually takes."""
    return max(0.9 * available_memory_mb() / workers, MEMORY_PER_WORKER_MB)


def check_disk(folder: Path, results: int, megabytes: float) -> None:
    """Raise ResultError unless ``results`` new ones of so many ``megabytes`` each fit on the folder's disk."""
    needed = results * megabytes + _MB_LEFT_FREE
    free = shutil.disk_usage(folder).free / 2**20
    if free < needed:
        raise ResultError(
            f"{results} results need about {needed / 1024:.1f} GB and the disk has {free / 1024:.1f} GB left; "
            "free some space or choose an output folder elsewhere."
        )


def check_workers(workers: int) -> None:
    """Raise ParameterError for a number of workers that makes no sense."""
    if not 1 <= workers <= 1024:
        raise ParameterError(f"The number of workers has to lie between 1 and 1024, not {workers}.")
