"""Models that went on learning: their card, and what it says that this changed, alike for every kind of model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base.provenance import provenance
from ..classification.model import KIND as CLASSIFIER
from ..lexicon.word_model import KIND as WORDS
from .comparison import comparison_lines

_OUTDATED = ("sha256", "origin", "figures", "cross_validation", "held_out", "command", "training")


def gone_on_card(earlier: Mapping[str, Any], learned: str, **own: Any) -> dict[str, Any]:
    """The card of a model that went on learning: the earlier one's, without what no longer holds.

    Parameters
    ----------
    earlier : mapping
        The card of the model that it started from.
    learned : str
        What it learned from.
    own
        What else the card says.
    """
    return {
        **{key: value for key, value in earlier.items() if key not in _OUTDATED},
        "name": f"{earlier['name']}, gone on",
        "training_data": f"{earlier['training_data']} Gone on with {learned}",
        "provenance": provenance(),
        **own,
    }


def changes_of(card: Mapping[str, Any]) -> list[str]:
    """What going on changed, before and after, by the card of any model; its training data alone where none did."""
    lines = [card["training_data"]]
    if "adaptation" in card:
        return [*lines, *comparison_lines(card["adaptation"]["comparison"])]
    if "comparison" not in card:
        return lines
    changes = {WORDS: _of_words, CLASSIFIER: _of_classifier}.get(card["kind"], comparison_lines)
    return [*lines, *changes(card["comparison"]), *card.get("unchanged", ())]


def _of_words(comparison: Mapping[str, Any]) -> list[str]:
    lines = []
    for kind, part in comparison.items():
        shares = [f"{100 * part[when]['share_right']:.1f} % {when}" for when in ("before", "after")]
        tested = part["after"]["accuracy"]["cluster"]["count"]
        lines.append(
            f"{kind}: {part['added_rounds']} rounds of trees added; right in {', '.join(shares)}, n = {tested}"
        )
    return lines


def _of_classifier(comparison: Mapping[str, Any]) -> list[str]:
    lines = [f"On {comparison['clusters']} clusters of patients it did not learn from:"]
    for when in ("before", "after"):
        area = comparison[when]["auc_by_patient"]
        lines.append(f"  AUC {when} {area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f})")
    return lines
