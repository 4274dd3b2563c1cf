"""The clusters of an analyzed image as an exam sees them: place, size, words and risk of each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..analysis import Analysis
from .coarse import CoarseBreast
from .correspondences import MarkKey
from .identity import ImageIdentity
from .place import Frame, Place, place_of


@dataclass(frozen=True)
class Mark:
    """One cluster in one image.

    Parameters
    ----------
    image : str
        Name of the image.
    cluster_id : int
    y_mm, x_mm : float
        From the center of pixel (0, 0).
    count : int
    extent_mm : float
        Greatest distance of two of its calcifications.
    place : Place or None
    words : dict
        Kind of word to word to probability; a reader's own word has probability 1.
    evidence : str
        The measurements that spoke for the words, in sentences.
    risk, risk_low, risk_high : float
        Probability of malignancy by the words, with its 95 % interval; NaN where it is not known.
    cloud_mm2 : float or None
        Area of the outline around an amorphous cluster; None where it has none.
    """

    image: str
    cluster_id: int
    y_mm: float
    x_mm: float
    count: int
    extent_mm: float
    place: Place | None = None
    words: dict[str, dict[str, float]] = field(default_factory=dict)
    evidence: str = ""
    risk: float = math.nan
    risk_low: float = math.nan
    risk_high: float = math.nan
    cloud_mm2: float | None = None

    @property
    def key(self) -> MarkKey:
        """Image and cluster."""
        return self.image, self.cluster_id

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Mark:
        """Of ``dataclasses.asdict``, also after JSON."""
        place = record["place"]
        risks = {name: math.nan if record[name] is None else record[name] for name in ("risk", "risk_low", "risk_high")}
        if place is not None:
            half_probability = place["half_probability"]
            place = Place(**{**place, "half_probability": math.nan if half_probability is None else half_probability})
        return cls(**{**record, **risks, "place": place})


def marks_of(
    analysis: Analysis, identity: ImageIdentity, breast: CoarseBreast, frame: Frame | None
) -> tuple[Mark, ...]:
    """The clusters of an image, in the order of their ids."""
    words = {record["cluster_id"]: record for record in analysis.words}
    cloud_mm2 = {cloud.cluster_id: cloud.area_mm2(analysis.spacing_mm) for cloud in analysis.clouds}
    return tuple(
        Mark(
            identity.name,
            int(cluster["id"]),
            float(cluster["y_mm"]),
            float(cluster["x_mm"]),
            int(cluster["count"]),
            float(cluster["extent_mm"]),
            None if frame is None else place_of(frame, breast, identity, cluster["y_mm"], cluster["x_mm"]),
            _words(words.get(cluster["id"], {})),
            _evidence(words.get(cluster["id"], {})),
            _number(cluster, "descriptor_risk"),
            _number(cluster, "descriptor_risk_low"),
            _number(cluster, "descriptor_risk_high"),
            cloud_mm2.get(cluster["id"]),
        )
        for cluster in analysis.clusters.to_dict("records")
    )


def _evidence(record: dict[str, Any]) -> str:
    return " ".join(filter(None, (*record.get("evidence", ()), record.get("risk_note"))))


def _words(record: dict[str, Any]) -> dict[str, dict[str, float]]:
    found = {}
    for kind in ("morphology", "distribution"):
        said = record.get(kind) or {}
        if said.get("override"):
            found[kind] = {said["override"]["word"]: 1.0}
        elif said.get("suggested"):
            found[kind] = {str(name): float(value) for name, value in said["suggested"].items()}
    return found


def _number(cluster: dict[Any, Any], name: str) -> float:
    value = cluster.get(name)
    return math.nan if value is None or pd.isna(value) else float(value)
