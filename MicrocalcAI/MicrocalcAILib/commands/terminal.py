"""What long commands show on a terminal."""

from __future__ import annotations

import re
import sys

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def shown_name(name: object) -> str:
    """A name of a file, or a sentence with one, as it may be printed.

    Characters that steer a terminal, or turn text around, become ``?``.
    """
    return _CONTROL.sub("?", str(name))


def show_progress(stage: str, done: int, total: int) -> None:
    """One line that is rewritten; nothing where the output is no terminal. A :class:`~..base.progress.Progress`."""
    if sys.stderr.isatty():
        print(f"\r\033[K{stage} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
