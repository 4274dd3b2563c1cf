"""Checks of the measurement protocol: pass, warn or cannot tell, each with the measured value and its limit."""

from .acquisition import check_acquisition
from .check import USUAL_LIMITS, Check, ProtocolParameters, Status
from .operator import OPERATOR_RULES, check_operator
from .repeats import RepeatSpread, check_repeats, repeat_spread

__all__ = [
    "OPERATOR_RULES",
    "USUAL_LIMITS",
    "Check",
    "ProtocolParameters",
    "RepeatSpread",
    "Status",
    "check_acquisition",
    "check_operator",
    "check_repeats",
    "repeat_spread",
]
