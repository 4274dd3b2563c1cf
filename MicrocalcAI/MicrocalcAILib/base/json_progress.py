"""Progress as JSON lines on standard output, for a program that started this one as its child."""

from __future__ import annotations

import json
import os
from typing import Any

from .progress import Cancelled


class JsonProgress:
    """One JSON object per line: ``{"pid"}`` first, then ``{"stage", "done", "total"}`` …, at last ``{"result"}`` or
    ``{"error"}``. The work cancels itself when its parent is gone.

    An instance is a :class:`~.progress.Progress`.
    """

    def __init__(self) -> None:
        self._parent = os.getppid()
        self.say(pid=os.getpid())

    def __call__(self, stage: str, done: int, total: int) -> None:
        if os.getppid() != self._parent:
            raise Cancelled("The program that started this work is gone.")
        self.say(stage=stage, done=done, total=total)

    @staticmethod
    def say(**message: Any) -> None:
        """Write one line."""
        print(json.dumps(message, ensure_ascii=True), flush=True)
