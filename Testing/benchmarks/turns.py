"""Two ways to do the same, in turns in one run, so that what else the computer does slows both."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psutil

from MicrocalcAILib.base.cost import Meter


class Cost(NamedTuple):
    """Of one way: median CPU seconds of the rounds, highest resident memory added in MB of 2^20 bytes, its result."""

    cpu_seconds: float
    added_mb: float
    result: Any


def in_turns(ways: Mapping[str, Callable[[], Any]], rounds: int = 3) -> dict[str, Cost]:
    """What each way costs; each runs once before, so that nothing is imported or compiled on the clock."""
    results = {name: work() for name, work in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            start = time.process_time()
            work()
            seconds[name].append(time.process_time() - start)
    return {name: Cost(statistics.median(seconds[name]), added_mb(work), results[name]) for name, work in ways.items()}


def added_mb(work: Callable[[], Any]) -> float:
    """Highest resident memory that some work adds, in MB of 2^20 bytes."""
    gc.collect()
    before = psutil.Process().memory_info().rss / 2**20
    with Meter() as meter:
        result = work()
        peak = float(meter.cost()["peak_memory_mb"])
    del result
    return max(peak - before, 0.0)


def loop_seconds() -> float:
    """CPU seconds of an empty loop of ten million rounds: how slow the computer is at this moment."""
    start, count = time.process_time(), 0
    while count < 10_000_000:
        count += 1
    return time.process_time() - start


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table, each row as soon as it is there."""
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}", flush=True)
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
