"""Numbers in the words a reader expects."""

from __future__ import annotations

import math

import pytest

from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcElastographyLib.cohort.page import Figure, Page
from MicrocalcElastographyLib.cohort.wording import (
    cutoff_text,
    estimate_text,
    exact_p_text,
    file_name,
    number,
    p_cell,
    p_text,
    percent,
    share_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(88.3, "88.3"), (0.00123, "0.00123"), (1234.5, "1234"), (0, "0"), (-2.5, "-2.50"), (1.2e-9, "1.20e-09"),
     (math.nan, "–"), (math.inf, "∞"), (-math.inf, "-∞")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_p_values_are_printed_as_journals_do_and_exactly_where_asked() -> None:
    assert p_text(0.0314) == "P = 0.031"
    assert p_text(2e-11) == "P < 0.001"
    assert p_cell(2e-11) == "< 0.001"
    assert p_cell(0.5) == "0.500"
    assert exact_p_text(2.6e-11) == "P = 3e-11"
    assert p_text(math.nan) == "–"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.95, 0.92, 0.98), "0.950 (0.920 to 0.980)"),
        (Estimate(1.6, -0.6685, 3.88), "1.60 (-0.67 to 3.88)"),
        (Estimate(34.0, 13.2, 137.4), "34.0 (13.2 to 137)"),
        (Estimate(0.0213, -0.000588, 0.0432), "0.0213 (-0.0006 to 0.0432)"),
        (Estimate(0.0, 0.0, 0.16), "0.000 (0.000 to 0.160)"),
        (Estimate(2.0, 1.0, math.inf), "2.00 (1.00 to ∞)"),
        (Estimate(3e4, 12.0, 4e7), "30000 (12 to 4e+07)"),
        (Estimate(0.5, math.nan, math.nan), "0.500"),
        (Estimate(0.01, -0.00001, 0.02), "0.0100 (0.0000 to 0.0200)"),
    ],
)
def test_an_estimate_and_its_interval_share_their_decimals(estimate: Estimate, text: str) -> None:
    assert estimate_text(estimate) == text


def test_shares_are_percentages() -> None:
    assert percent(0.8734) == "87.3 %"
    assert percent(math.nan) == "–"
    assert share_text(Estimate(0.88, 0.8182, 0.9227)) == "88.0 % (81.8 to 92.3)"
    assert share_text(Estimate(0.88, math.nan, math.nan)) == "88.0 %"


def test_cutoffs_have_no_needless_zeros_and_headings_become_file_names() -> None:
    assert cutoff_text(62.0, "kPa") == "62 kPa"
    assert cutoff_text(1.8881) == "1.888"
    assert file_name("Strain ratio (R1)") == "strain_ratio_r1"


def test_every_text_on_a_page_is_escaped() -> None:
    page = Page("<script>alert(1)</script>", "<b>")
    page.section("<i>")
    page.heading("<i>")
    page.paragraph("<i>")
    page.explain("<i>")
    page.box("<i>", ["<i>"], "short")
    with page.details("<i>"):
        page.table("<i>", ("<i>",), [("<i>",)])
    page.figures(Figure("<svg/>", '"><i>', '"><i>'))
    html = page.render()
    assert "<script>" not in html
    assert "<i>" not in html
    assert "<b>" not in html


def test_contents_name_every_section_in_order() -> None:
    page = Page("t", "s")
    page.box("first", ["x"], "short")
    for title in ("One", "Two"):
        page.section(title)
    html = page.render()
    assert html.index("first") < html.index('<a href="#section-1">One</a><a href="#section-2">Two</a>')
