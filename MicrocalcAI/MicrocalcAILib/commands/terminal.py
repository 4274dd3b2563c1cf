"""What long commands show on a terminal."""

from __future__ import annotations

import sys


def show_progress(stage: str, done: int, total: int) -> None:
    """One line that is rewritten; nothing where the output is no terminal. A :class:`~..base.progress.Progress`."""
    if sys.stderr.isatty():
        print(f"\r\033[K{stage} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
