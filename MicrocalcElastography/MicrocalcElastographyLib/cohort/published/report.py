"""The check of a published study as a page, a table and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from MicrocalcAILib.base.files import folder_replaced_on_success
from MicrocalcAILib.base.provenance import provenance
from MicrocalcAILib.base.tables import write_table

from ..page import Page
from .finding import AGREES, CONTRADICTS, IMPLIED, IMPOSSIBLE, UNUSUAL
from .study import PublishedCheck

_CLASSES = {AGREES: "good", CONTRADICTS: "bad", IMPOSSIBLE: "bad", UNUSUAL: "odd"}
_MEANINGS = (
    (AGREES, "the printed figure follows from the others"),
    (CONTRADICTS, "it does not, whatever the rounding"),
    (IMPOSSIBLE, "no data can give it"),
    (UNUSUAL, "possible, but it asks for an explanation"),
    (IMPLIED, "not printed; computed from what is"),
)


def published_report(check: PublishedCheck) -> str:
    """The check as one HTML page."""
    counts = check.verdict_counts()
    page = Page("Check of published figures", f"{check.title} — {check.source}")
    page.box("In short", [f"{counts.get(verdict, 0)} × {verdict}: {text}" for verdict, text in _MEANINGS], "short")
    wrong = [
        f"{finding.item}: printed {finding.printed}; implied {finding.implied}."
        for verdict in (IMPOSSIBLE, CONTRADICTS)
        for finding in check.findings
        if finding.verdict == verdict
    ]
    if wrong:
        page.box("Printed figures that cannot stand", wrong, "caution")
    topics = list(dict.fromkeys(finding.topic for finding in check.findings))
    for topic in topics:
        page.section(topic)
        page.table(
            "",
            ("Figure", "Printed", "Implied", "Verdict", "Why"),
            [
                (finding.item, finding.printed, finding.implied, finding.verdict, finding.explanation)
                for finding in check.findings
                if finding.topic == topic
            ],
            classes=_CLASSES,
        )
    if check.remarks:
        page.section("Remarks")
        for remark in check.remarks:
            page.paragraph(remark)
    page.section("What this is")
    page.explain(
        "Only printed figures were used, with every rounding allowed for. A contradiction says that two printed "
        "figures cannot both be right; it does not say which one is wrong, nor why."
    )
    return page.render()


def write_published_check(check: PublishedCheck, folder: Path) -> None:
    """Write ``report.html``, ``findings.csv`` and ``findings.json``; the folder is replaced as a whole."""
    content = {
        "title": check.title,
        "source": check.source,
        "findings": [asdict(finding) for finding in check.findings],
        "remarks": list(check.remarks),
        "provenance": provenance(),
    }
    with folder_replaced_on_success(Path(folder), "findings.json") as temporary:
        (temporary / "report.html").write_text(published_report(check), encoding="utf-8")
        write_table(check.table(), temporary / "findings.csv")
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (temporary / "findings.json").write_text(text, encoding="utf-8")
