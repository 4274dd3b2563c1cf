"""The report as a web page: well formed, readable by ear, whole on paper."""

from __future__ import annotations

import html5lib
import pytest

from MicrocalcElastographyLib.cohort.analysis import StudyOptions, analyze_cohort
from MicrocalcElastographyLib.cohort.lesions import Cohort
from MicrocalcElastographyLib.cohort.outputs import study_figures
from MicrocalcElastographyLib.cohort.page import Figure, Page
from MicrocalcElastographyLib.cohort.published.report import published_report
from MicrocalcElastographyLib.cohort.published.study import check_published, example_study, load_published_study
from MicrocalcElastographyLib.cohort.report import study_report


def parsed(page: str):  # type: ignore[no-untyped-def]
    """The tree of a page; every error of form is an exception."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


@pytest.fixture(scope="module")
def report(published_cohort: Cohort) -> str:
    analysis = analyze_cohort(
        published_cohort, StudyOptions(title="Two & <more>", model=("elasticity_kpa", "strain_ratio"), resamples=100)
    )
    svg = "<svg xmlns='http://www.w3.org/2000/svg'/>"
    return study_report(analysis, dict.fromkeys(study_figures(analysis), svg))


def test_the_report_is_well_formed_and_hides_nothing_behind_an_open_fold(report: str) -> None:
    tree = parsed(report)
    assert report.count("<details>") == report.count("</details>") >= 2
    headings = [heading.text for heading in tree.iter("h2")]
    for section in ("Several variables at once", "Data and methods"):
        assert section in headings
    folded = {heading.text for details in tree.iter("details") for heading in details.iter("h2")}
    assert not folded
    assert tree.find(".//title").text == "Two & <more>"


def test_every_table_says_what_its_rows_and_columns_are(report: str) -> None:
    for table in parsed(report).iter("table"):
        assert {heading.get("scope") for heading in table.find("thead").iter("th")} == {"col"}
        assert {heading.get("scope") for heading in table.find("tbody").iter("th")} == {"row"}


def test_every_picture_says_its_result_in_words(report: str) -> None:
    pictures = list(parsed(report).iter("img"))
    assert len(pictures) > 8
    texts = {picture.get("alt") for picture in pictures}
    assert len(texts) == len(pictures)
    assert sum(any(digit in text for digit in "0123456789") for text in texts) >= len(texts) - 1
    roc = next(text for text in texts if text.startswith("Areas under the ROC curves"))
    assert "Elasticity 0.9" in roc


def test_fold_outs_open_on_paper(report: str) -> None:
    assert "<script" not in report
    assert "details::details-content { content-visibility: visible" in report


def test_what_is_added_inside_a_fold_out_stays_there_and_what_follows_does_not() -> None:
    page = Page("title", "subtitle")
    page.section("First")
    with page.details("folded"):
        page.paragraph("inside")
        page.figures(Figure("<svg/>", "caption", "shows 3"), Figure("<svg/>", "other", "shows 4"))
    page.paragraph("outside")
    tree = parsed(page.render())
    (details,) = tree.iter("details")
    assert [paragraph.text for paragraph in details.iter("p")] == ["inside"]
    assert "outside" in [paragraph.text for paragraph in tree.iter("p")]
    assert [picture.get("alt") for picture in details.iter("img")] == ["shows 3", "shows 4"]


def test_the_check_of_a_published_study_is_well_formed_too() -> None:
    parsed(published_report(check_published(load_published_study(example_study()))))
