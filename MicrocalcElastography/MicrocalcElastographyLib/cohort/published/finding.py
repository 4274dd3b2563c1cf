"""A printed figure and what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .implied import Printed, PrintedNormal

AGREES, CONTRADICTS, IMPOSSIBLE, UNUSUAL, IMPLIED = "agrees", "contradicts", "cannot be", "unusual", "implied"


@dataclass(frozen=True)
class Finding:
    """One printed figure and what it should be.

    Parameters
    ----------
    topic, item : str
        Where the figure belongs, and which one it is.
    printed, implied : str
        As printed, and as computed from the study's other figures.
    verdict : str
        ``agrees``, ``contradicts``, ``cannot be``, ``unusual`` or ``implied`` (not printed, but it follows).
    explanation : str
    """

    topic: str
    item: str
    printed: str
    implied: str
    verdict: str
    explanation: str


def printed_groups(study: dict[str, Any], measurement: dict[str, Any]) -> tuple[PrintedNormal, PrintedNormal]:
    malignant, benign = (
        PrintedNormal(Printed(measurement[group][0]), Printed(measurement[group][1]), int(study["groups"][group]))
        for group in ("malignant", "benign")
    )
    return malignant, benign


def measurements_by_name(study: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {measurement["name"]: measurement for measurement in study.get("measurements", ())}


def p_verdict(printed: Printed, smallest: float, largest: float) -> str:
    return AGREES if printed.overlaps(smallest, largest) else CONTRADICTS
