"""The admission card: what kind of image a file holds, and what it says about side, view, size and gray values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..base.volumes import CANNOT_BE_CHECKED

DECODER_COMPLAINED = "decoder complained"


@dataclass(frozen=True)
class Statement:
    """One thing that one place of a file says.

    Parameters
    ----------
    source : str
        Where it is said, e.g. ``Image Laterality (0020,0062)``, ``file name``.
    value : str
        What is said, reduced to the words this library knows; never the text of the file, which may name a patient.
    """

    source: str
    value: str

    def __str__(self) -> str:
        return f"{self.source}: {self.value}"


@dataclass(frozen=True)
class BitUse:
    """How the samples are stored, and which values occur.

    Parameters
    ----------
    allocated, stored, high_bit : int
        Bits per sample in the file, bits that carry the value, and the highest of them (counted from 0); zeros when the
        file has no such notion.
    lowest, highest : float
        Values that occur among the pixels that are image, as stored.
    """

    allocated: int = 0
    stored: int = 0
    high_bit: int = 0
    lowest: float = 0.0
    highest: float = 0.0

    def __str__(self) -> str:
        values = f"values {self.lowest:g} to {self.highest:g}"
        return f"{self.stored} of {self.allocated} bits, {values}" if self.allocated else values


@dataclass(frozen=True)
class AdmissionCard:
    """What was found out about an image before it was analyzed. JSON-able, no patient data.

    Parameters
    ----------
    kind : str
        A key of :data:`~MicrocalcAILib.reading.kinds.KINDS`; ``unstated`` for files that cannot say.
    kind_words : str
        The same for people.
    kind_evidence : tuple of Statement
    laterality, view, view_modifiers
        As in :class:`~MicrocalcAILib.reading.mammogram.Mammogram`.
    side_statements, view_statements : tuple of Statement
        Every source, in the order in which they are trusted.
    spacing_mm : (float, float) or None
        Between rows, between columns, in the plane of the breast.
    spacing_source : str
        In words.
    spacing_statements : tuple of Statement
        Every number of the file that bears on the spacing.
    magnification : float or None
        Size at the detector over size in the breast; None when the file does not say.
    bits : BitUse
    padding : str
        What marks the pixels that are no image, in words; empty when nothing does.
    padding_share, mark_share : float
        Shares of the image, 0 to 1: air without a value around the breast; pixels without a value elsewhere (arrows,
        boxes, holes).
    polarity : str
        What was done to the stored values, in words, e.g. ``inverted``.
    integrity : str
        ``checksum verified``, ``decoder complained`` or ``cannot be checked``.
    """

    kind: str = "unstated"
    kind_words: str = "not stated by the file"
    kind_evidence: tuple[Statement, ...] = ()
    laterality: str | None = None
    view: str | None = None
    view_modifiers: tuple[str, ...] = ()
    side_statements: tuple[Statement, ...] = ()
    view_statements: tuple[Statement, ...] = ()
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str = ""
    spacing_statements: tuple[Statement, ...] = ()
    magnification: float | None = None
    bits: BitUse = BitUse()
    padding: str = ""
    padding_share: float = 0.0
    mark_share: float = 0.0
    polarity: str = "as stored"
    integrity: str = CANNOT_BE_CHECKED

    @property
    def side_conflict(self) -> bool:
        """Whether the sources name different sides."""
        return _disagree(self.side_statements)

    @property
    def view_conflict(self) -> bool:
        """Whether the sources name different views."""
        return _disagree(self.view_statements)

    def columns(self) -> dict[str, str | float]:
        """The card as one row of a table; numbers stay numbers, what is unknown is an empty text."""
        rows_mm, columns_mm = self.spacing_mm or ("", "")
        return {
            "kind": self.kind,
            "kind_evidence": _joined(self.kind_evidence),
            "side": self.laterality or "",
            "side_sources": _joined(self.side_statements),
            "side_conflict": _yes(self.side_conflict),
            "view": self.view or "",
            "view_modifiers": "; ".join(self.view_modifiers),
            "view_sources": _joined(self.view_statements),
            "view_conflict": _yes(self.view_conflict),
            "row_spacing_mm": rows_mm,
            "column_spacing_mm": columns_mm,
            "spacing_source": self.spacing_source,
            "spacing_evidence": _joined(self.spacing_statements),
            "magnification": "" if self.magnification is None else self.magnification,
            "bits_allocated": self.bits.allocated or "",
            "bits_stored": self.bits.stored or "",
            "lowest_value": self.bits.lowest,
            "highest_value": self.bits.highest,
            "padding": self.padding,
            "padding_percent": round(100 * self.padding_share, 3),
            "marks_percent": round(100 * self.mark_share, 3),
            "polarity": self.polarity,
            "integrity": self.integrity,
        }

    def sentences(self) -> list[str]:
        """The card for people, one short sentence per fact."""
        said = [f"Kind: {_with(self.kind_words, self.kind_evidence)}."]
        said.append(_place("Side", self.laterality, self.side_statements, self.side_conflict))
        view = " ".join(filter(None, (self.view, ", ".join(self.view_modifiers))))
        said.append(_place("View", view, self.view_statements, self.view_conflict))
        if self.spacing_mm:
            rows, columns = (f"{length:.4g}" for length in self.spacing_mm)
            size = rows if rows == columns else f"{rows} × {columns}"
            factor = f", magnified {self.magnification:.3g} times" if self.magnification else ""
            said.append(f"Pixels of {size} mm in the breast ({self.spacing_source}{factor}).")
        said.append(f"Gray values: {self.bits}, {self.polarity}.")
        if self.padding:
            said.append(f"Padding: {self.padding}, {self.padding_share:.1%} of the image.")
        if self.mark_share:
            said.append(f"Marks or holes without a value cover {self.mark_share:.2%} of the image.")
        said.append(f"Integrity: {self.integrity}.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> AdmissionCard:
        """The card of :meth:`to_dict`, also after JSON made its tuples lists.

        Raises
        ------
        ValueError, TypeError, KeyError
            When the record is no card.
        """
        values = dict(record)
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"no fields of an admission card: {sorted(unknown)}")
        for name in ("kind_evidence", "side_statements", "view_statements", "spacing_statements"):
            values[name] = tuple(Statement(str(one["source"]), str(one["value"])) for one in values[name])
        values["view_modifiers"] = tuple(map(str, values["view_modifiers"]))
        if values["spacing_mm"] is not None:
            rows_mm, columns_mm = map(float, values["spacing_mm"])
            values["spacing_mm"] = (rows_mm, columns_mm)
        values["bits"] = BitUse(**values["bits"])
        return cls(**values)


def _disagree(statements: tuple[Statement, ...]) -> bool:
    return len({statement.value for statement in statements}) > 1


def _joined(statements: tuple[Statement, ...]) -> str:
    return "; ".join(map(str, statements))


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _with(words: str, statements: tuple[Statement, ...]) -> str:
    return f"{words} ({_joined(statements)})" if statements else words


def _place(name: str, value: str | None, statements: tuple[Statement, ...], conflict: bool) -> str:
    said = _with(value or "unknown", statements)
    return f"{name}: {said}; the sources contradict each other." if conflict else f"{name}: {said}."
