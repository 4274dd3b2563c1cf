"""The report's sections on the protocol: hypotheses, flow of participants, checklists."""

from __future__ import annotations

from .analysis import CohortAnalysis
from .checklists import FOR_THE_AUTHOR, Checklist, filled_checklists
from .page import Page
from .protocol import MEASURES, StudyProtocol
from .report_models import Pictures, picture
from .verdicts import MET, NOT_MET, hypothesis_results, interval_text
from .wording import estimate_text


def add_protocol(page: Page, analysis: CohortAnalysis, pictures: Pictures) -> None:
    """What was fixed beforehand and what became of it; nothing without a protocol."""
    protocol = analysis.options.protocol
    if protocol is None:
        return
    page.section("Protocol")
    texts = {"title": "Title", "registration": "Registration", "document": "Protocol", "design": "Design",
             "sampling": "Sampling", "setting": "Setting", "criteria": "Eligibility",
             "sample_size": "Sample size"}  # fmt: skip
    rows = [(title, protocol.texts[key]) for key, title in texts.items() if key in protocol.texts]
    rows += _tests_rows(analysis, protocol)
    if rows:
        page.table("As stated", ("What", "Stated"), rows)
    results = hypothesis_results(analysis, protocol)
    if results:
        page.table(
            "Hypotheses: shown when the lower end of the 95 % interval lies above the stated value",
            ("Hypothesis", "Parameter", "Measure", "Above", "Found", "Verdict"),
            [
                (result.hypothesis.text or "–", analysis.cohort.variable(result.hypothesis.parameter).label,
                 MEASURES[result.hypothesis.measure], f"{result.hypothesis.above:g}",
                 "–" if result.estimate is None else estimate_text(result.estimate), result.verdict)
                for result in results
            ],
            classes={MET: "good", NOT_MET: "bad"},
        )  # fmt: skip
    if "flow" in pictures:
        page.figures(picture(pictures, "flow", "Flow of participants (STARD 2015).", is_tall=True))


def _tests_rows(analysis: CohortAnalysis, protocol: StudyProtocol) -> list[tuple[str, str]]:
    days = interval_text(analysis, protocol)
    rows = [("Index test to reference standard", days)] if days else []
    names = {"index_test": "index test", "reference_standard": "reference standard"}
    rows += [(f"Adverse events, {names.get(test, test)}", events) for test, events in protocol.adverse_events.items()]
    subgroups = ", ".join(analysis.cohort.variable(name).label for name in protocol.subgroups)
    return rows + ([("Prespecified subgroups", subgroups)] if subgroups else [])


def add_checklists(page: Page, analysis: CohortAnalysis) -> None:
    """The reporting checklists, each folded away; nothing without a protocol."""
    protocol = analysis.options.protocol
    if protocol is None:
        return
    page.section("Reporting checklists")
    page.explain(
        "Filled with what the protocol and the data say; an answer from the data is a starting point for the authors, "
        "not a proof that the item is reported. Items are in short: the published wording counts."
    )
    for checklist in filled_checklists(analysis, protocol):
        _add_checklist(page, checklist)


def _add_checklist(page: Page, checklist: Checklist) -> None:
    filled = len(checklist.items) - len(checklist.open_items)
    page.paragraph(
        f"{checklist.title}: {filled} of {len(checklist.items)} items have an answer; left to the author: "
        f"{', '.join(checklist.open_items) or 'none'}."
    )
    with page.details(f"{checklist.title}, item by item"):
        page.explain(checklist.source + ".")
        page.table(
            checklist.title,
            ("Item", "Section", "Asks for", "Answer", "From"),
            [
                (
                    item.number,
                    item.section,
                    item.item,
                    item.answer or FOR_THE_AUTHOR,
                    item.origin if item.answer else "",
                )
                for item in checklist.items
            ],
            classes={FOR_THE_AUTHOR: "odd"},
        )
