"""Progress of long work, and its cancellation."""

from __future__ import annotations

from typing import Protocol

from .errors import MicrocalcError


class Cancelled(MicrocalcError):
    """Raised by a progress callback to stop the work; nothing half-written is left behind."""


class Progress(Protocol):
    """Called as work advances; may raise :class:`Cancelled`."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """``stage`` in the user's words, ``done`` of ``total`` steps finished."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Report nothing."""
