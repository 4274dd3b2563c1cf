"""What work takes of the computer: time, processor time, threads, memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SECONDS_BETWEEN_LOOKS = 0.05


class Meter:
    """Measures what this process takes while the block runs."""

    def __enter__(self) -> Meter:
        import psutil

        self._start, self._cpu_start = time.perf_counter(), time.process_time()
        self._process = psutil.Process()
        self._peak = self._threads = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._watcher.join()

    def cost(self) -> dict[str, Any]:
        """What was taken so far.

        Returns
        -------
        dict
            ``seconds``; ``cpu_seconds`` of all threads; ``threads``, the most there were at once beside Python's own
            ones, the calculating one counted; ``peak_memory_mb``, highest resident memory in MB of 2^20 bytes.
        """
        self._look()
        return {
            "seconds": round(time.perf_counter() - self._start, 3),
            "cpu_seconds": round(time.process_time() - self._cpu_start, 3),
            "threads": self._threads,
            "peak_memory_mb": int(self._peak / 2**20),
        }

    def _watch(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        self._peak = max(self._peak, self._process.memory_info().rss)
        self._threads = max(self._threads, self._process.num_threads() - threading.active_count() + 1)


class Costs:
    """What the parts of some work took, by their names: ``parts`` holds :meth:`Meter.cost` of each that has ended."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, Any]] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a block."""
        with Meter() as meter:
            yield
            self.parts[name] = meter.cost()


def cost_of_start() -> dict[str, Any]:
    """What this process took from its start until now, as :meth:`Meter.cost`."""
    with Meter() as meter:
        cost = meter.cost()
    return {**cost, "seconds": round(_seconds_since_start(), 3), "cpu_seconds": round(time.process_time(), 3)}


def _seconds_since_start() -> float:
    import psutil

    started = psutil.Process().create_time()
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux counts from its own start, and tells the time of that in whole seconds
        return time.clock_gettime(time.CLOCK_BOOTTIME) - (started - psutil.boot_time())
    return time.time() - started
