"""Checks of the measurement protocol: pass, warn or cannot tell, each with the measured value and its limit."""

from .acquisition import check_acquisition
from .check import Check, ProtocolParameters, Status
from .repeats import RepeatSpread, check_repeats, repeat_spread

__all__ = [
    "Check",
    "ProtocolParameters",
    "RepeatSpread",
    "Status",
    "check_acquisition",
    "check_repeats",
    "repeat_spread",
]
