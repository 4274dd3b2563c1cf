"""The report's section on measurements in doubt."""

from __future__ import annotations

from itertools import chain

from .analysis import CohortAnalysis
from .page import Page
from .quality import LARGEST_SATURATED_PERCENT, LARGEST_VOID_PERCENT, Doubt, WithoutDoubt
from .table import name_rows
from .wording import estimate_text, number, share_text


def add_quality(page: Page, analysis: CohortAnalysis) -> None:
    """Lesions in doubt and every parameter with and without them; nothing when there are none."""
    quality = analysis.quality
    if quality is None:
        return
    page.section("Measurements in doubt")
    page.explain(
        "A value at the end of the scale is only known to lie there or beyond (the lesion may be stiffer), and a "
        "lesion without a value may be the stiffest of all. In doubt are lesions with more than "
        f"{LARGEST_SATURATED_PERCENT:g} % of the box at an end of the scale or a value marked “≥”, with more than "
        f"{LARGEST_VOID_PERCENT:g} % void, or with a box that reaches out of the lesion. They stay in every other "
        "section; if a result changes without them, it is not safe."
    )
    page.table(
        "Lesions in doubt",
        ("Why", "Malignant", "Benign", "In the table"),
        [(doubt.reason, str(doubt.malignant_count), str(doubt.benign_count), doubt_rows(analysis, doubt))
         for doubt in quality.doubts],
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for performance in analysis.performances:
        parts = [effect for effect in quality.effects if effect.parameter == performance.variable]
        if not parts:
            continue
        whole = performance.cutoffs[0].table
        counts = f"{performance.malignant_count} / {performance.benign_count}"
        rows.append((performance.variable.title, "all", counts, estimate_text(performance.auc), "",
                     share_text(whole.sensitivity), share_text(whole.specificity), ""))  # fmt: skip
        rows += [_row(effect) for effect in parts]
    if rows:
        header = ("Parameter", "Lesions", "Malignant / benign", "AUC", "AUC possible", "Sensitivity", "Specificity",
                  "Verdict open")  # fmt: skip
        page.table("With and without them, at the best cut-off of the whole cohort", header, rows)
        page.explain(
            "“AUC possible” is the smallest and the largest area of all lesions, whatever the values beyond the scale "
            "are; “verdict open” counts lesions whose limit does not tell on which side of the cut-off they lie."
        )


def doubt_rows(analysis: CohortAnalysis, doubt: Doubt) -> str:
    """Where the lesions stand in the user's table, so that no patient is named."""
    return name_rows(chain.from_iterable(analysis.cohort.rows[doubt.lesions]))


def _row(effect: WithoutDoubt) -> tuple[str, ...]:
    limits = "" if effect.limits is None else f"{number(effect.limits[0])} to {number(effect.limits[1])}"
    return ("", f"without: {effect.reason}", f"{effect.malignant_count} / {effect.benign_count}",
            estimate_text(effect.auc), limits, share_text(effect.table.sensitivity),
            share_text(effect.table.specificity), str(effect.undecided) if effect.limits else "")  # fmt: skip
