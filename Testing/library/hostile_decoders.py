"""Decoders that behave as bad ones do, for the process that runs decoders."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from MicrocalcAILib.base.errors import UnsupportedImageError
from MicrocalcAILib.base.guarded import Decoded


def double(values: list[float]) -> Decoded:
    return Decoded({"process": os.getpid()}, (np.array(values) * 2, np.array(values) > 1, np.empty((0, 3), np.uint16)))


def crash(signal_number: int = signal.SIGSEGV) -> Decoded:
    os.kill(os.getpid(), signal_number)
    return Decoded({})


def hang() -> Decoded:
    while True:
        time.sleep(0.1)


def spin() -> Decoded:
    while True:
        pass


def take_memory(count: int) -> Decoded:
    return Decoded({}, (np.ones(count, np.uint8),))


def refuse() -> Decoded:
    raise UnsupportedImageError("This is no mammogram; choose another file.")


def fail() -> Decoded:
    raise IndexError("list index out of range")


def chatter() -> Decoded:
    print("lines on standard output" * 10_000, flush=True)
    os.write(2, b"lines on standard error" * 10_000)
    return Decoded({"said": True})
