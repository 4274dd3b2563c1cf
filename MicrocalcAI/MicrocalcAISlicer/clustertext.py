"""Clusters in words for people: the cells of the panel's table and the text that explains a cluster."""

from __future__ import annotations

import html
from typing import Any

from slicer.i18n import tr as _

from MicrocalcAILib.lexicon.benign import BENIGN

from .readercolumns import (
    ACCEPTED,
    KINDS,
    REJECTED,
    currentCategory,
    currentRisk,
    currentWord,
    decision,
    hasReaderWord,
    readerWord,
)

_NONE = "–"
_MOST_WORDS = 3
_SMALLEST_SHARE = 0.01
_MARKS = {ACCEPTED: "✓", REJECTED: "✗"}


def headings() -> list[tuple[str, str]]:
    """Heading and tooltip of each column of the table."""
    return [
        (_("No."), _("Number, color in the image, and place.")),
        (_("Size"), _("Number of calcifications, and the greatest distance between two of them.")),
        (_("Words"), _("Morphology and distribution with the probability of the suggestion; ✎ is the reader's own.")),
        (
            _("Risk by\nwords"),
            _(
                "The category that BI-RADS names for the words (information only; 2? typically benign, but not "
                "surely), and the probability of malignancy of lesions with these words with its 95 % interval, "
                "fitted on patients (CBIS-DDSM). Where the words are surely typically benign, no probability is "
                "computed."
            ),
        ),
        (
            _("Risk by\nfeatures"),
            _(
                "Probability of malignancy by shape, texture and graph features, where a classifier was chosen for "
                "the analysis. * see the notice below the table."
            ),
        ),
        ("", _("✓ accepted, ✗ rejected by the reader.")),
    ]


def cells(row: dict[str, Any]) -> list[str]:
    """The texts of a cluster's row, in the order of :func:`headings`; two lines each."""
    return [
        f"{row['id']:.0f}\n{place(row)}".rstrip(),
        f"{row['count']:.0f} ×\n{row['extent_mm']:.1f} mm",
        "\n".join(_wordWithProbability(row, kind) for kind in KINDS),
        _risk(row),
        _malignancy(row),
        _MARKS.get(decision(row), ""),
    ]


def sortedRows(rows: list[dict[str, Any]], column: int, isDescending: bool) -> list[dict[str, Any]]:
    """The rows by the values behind a column of :func:`headings`; those without a value come last."""
    values = [
        lambda row: row["id"],
        lambda row: row["count"],
        lambda row: currentWord(row, "morphology") or None,
        lambda row: (currentRisk(row) or [None])[0],
        lambda row: _number(row, "probability_malignant"),
        decision,
    ][column]
    known = [row for row in rows if values(row) is not None]
    unknown = [row for row in rows if values(row) is None]
    return sorted(known, key=values, reverse=isDescending) + unknown


def place(row: dict[str, Any]) -> str:
    """Where the cluster lies: clock position or quadrant; empty where neither is known."""
    for name in ("clock_position", "clock", "quadrant", "place"):
        text = row.get(name, "-")
        if isinstance(text, str) and text not in ("-", ""):
            return text
    return ""


def title(row: dict[str, Any], where: str = "") -> str:
    """Name and place, as rich text; ``where`` as :func:`.readerplaces.placeInWords` says it."""
    places = ", ".join(filter(None, (place(row), where)))
    return f"<b>{html.escape(str(row['name']))}</b>  {html.escape(places)}".rstrip()


def notice(row: dict[str, Any]) -> str:
    """What has to be said about the probability by features; empty when nothing has to be."""
    text = row.get("malignancy_notice", "-")
    return "" if text in ("-", "") or _number(row, "probability_malignant") is None else str(text)


def explanation(
    row: dict[str, Any], record: dict[str, Any] | None, where: str = "", cloudMm2: float | None = None
) -> str:
    """Everything that speaks for and against the words and the numbers of a cluster, as rich text.

    Parameters
    ----------
    row : dict
        Of the cluster table.
    record : dict or None
        Of the words (``analysis.words``); None when the cluster was not described.
    where : str
        As for :func:`title`.
    cloudMm2 : float, optional
        Area of the outline around an amorphous cluster.
    """
    parts = [f"{title(row, where)}, {row['count']:.0f} × , {row['extent_mm']:.1f} mm"]
    if cloudMm2 is not None:
        parts.append(_("Outlined as a cloud of {area:.0f} mm²").format(area=cloudMm2))
    for kind in KINDS:
        heading = _("Morphology") if kind == "morphology" else _("Distribution")
        own = readerWord(row, kind)
        chosen = f"<b>✎ {html.escape(own)}</b> ({_('reader')}); " if own else ""
        suggested = _suggestions(record, kind)
        if suggested or chosen:
            parts.append(f"{heading}: {chosen}{html.escape(suggested)}")
    for sentence in (*(record or {}).get("evidence", ()), _riskNote(row, record)):
        if sentence:
            parts.append(f"<i>{html.escape(sentence)}</i>")
    for kind in KINDS:
        values = _predictiveValues(row, record, kind)
        if values:
            listed = "<br/>".join(f"&nbsp;&nbsp;{html.escape(value)}" for value in values)
            word = html.escape(currentWord(row, kind))
            parts.append(_("Malignant among lesions called “{word}”:").format(word=word) + f"<br/>{listed}")
    reasons = row.get("malignancy_reasons", "-")
    if _number(row, "probability_malignant") is not None and reasons not in ("-", ""):
        parts.append(_("Malignancy by features:") + " " + html.escape(_malignancy(row).replace("\n", " ")))
        parts.append("<i>" + html.escape(str(reasons)) + "</i>")
    if notice(row):
        parts.append("⚠ " + html.escape(notice(row)))
    return "<br/>".join(parts)


def _wordWithProbability(row: dict, kind: str) -> str:
    own = readerWord(row, kind)
    if own:
        return f"✎ {own}"
    name, probability = currentWord(row, kind), _number(row, f"{kind}_probability")
    if not name:
        return _NONE
    return name if probability is None else f"{name} {probability:.0%}"


def _risk(row: dict) -> str:
    risk = currentRisk(row)
    named = currentCategory(row)
    if risk is None:
        return f"{named}\n{_('benign')}" if named == BENIGN else named or _NONE
    return f"{' · '.join(filter(None, (named, f'{risk[0]:.0%}')))}\n{_interval(risk[1], risk[2])}"


def _riskNote(row: dict, record: dict | None) -> str:
    """Why the risk is not what the suggested words alone would say; a reader's words are not explained."""
    return "" if hasReaderWord(row) else (record or {}).get("risk_note", "")


def _malignancy(row: dict) -> str:
    value = _number(row, "probability_malignant")
    if value is None:
        return _NONE
    low, high = _number(row, "probability_malignant_low"), _number(row, "probability_malignant_high")
    interval = "" if low is None or high is None else f"\n{_interval(low, high)}"
    return f"{value:.0%}{'*' if notice(row) else ''}{interval}"


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.0f}–{high:.0%}"


def _suggestions(record: dict | None, kind: str) -> str:
    suggested = (record or {}).get(kind, {}).get("suggested", {})
    shown = [(name, value) for name, value in suggested.items() if value >= _SMALLEST_SHARE][:_MOST_WORDS]
    return ", ".join(f"{name} {value:.0%}" for name, value in shown)


def _predictiveValues(row: dict, record: dict | None, kind: str) -> list[str]:
    if readerWord(row, kind):
        from MicrocalcAILib.lexicon.predictive_values import predictive_values

        return [str(value) for value in predictive_values(kind, readerWord(row, kind))]
    return (record or {}).get(kind, {}).get("predictive_values", [])


def _number(row: dict, name: str) -> float | None:
    value = row.get(name)
    return value if isinstance(value, float) and value == value else None
