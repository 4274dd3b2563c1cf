"""What commands have in common on a terminal: what they show, and their options when another command calls them."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def shown_name(name: object) -> str:
    """A name of a file, or a sentence with one, as it may be printed.

    Characters that steer a terminal, or turn text around, become ``?``.
    """
    return _CONTROL.sub("?", str(name))


def options_of(command: ModuleType, words: Sequence[object]) -> argparse.Namespace:
    """The options of a command as if these words had been typed after its name."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


class TerminalProgress:
    """A bar with rate and remaining time for each stage; nothing where the output is no terminal.

    An instance is a :class:`~MicrocalcAILib.base.progress.Progress`.
    """

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        from tqdm import tqdm

        if self._bar is None or (self._bar.desc, self._bar.total) != (stage, total):
            self.close()
            self._bar = tqdm(total=total, desc=stage, dynamic_ncols=True, file=sys.stderr)
            self._bar.set_description_str(stage)
        self._bar.update(done - self._bar.n)
        if done == total:
            self.close()

    def close(self) -> None:
        """Leave the bar as it is and go to the next line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


show_progress = TerminalProgress()
"""For commands that show one thing at a time."""
