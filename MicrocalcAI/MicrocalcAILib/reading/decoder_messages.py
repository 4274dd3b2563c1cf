"""What decoders written in C and C++ complain about."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_MOST_BYTES = 1 << 20


@contextmanager
def decoder_messages() -> Iterator[list[str]]:
    """Collect what decoders written in C and C++ print on the standard error stream, instead of printing it.

    The list is filled when the context ends; it stays empty where the process has no such stream.
    """
    messages: list[str] = []
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as heard:
        try:
            stream = os.dup(2)
        except OSError:  # a program without a console
            yield messages
            return
        os.dup2(heard.fileno(), 2)
        try:
            yield messages
        finally:
            os.dup2(stream, 2)
            os.close(stream)
            heard.seek(0)
            messages += [
                line for line in heard.read(_MOST_BYTES).decode("utf-8", "replace").splitlines() if line.strip()
            ]
