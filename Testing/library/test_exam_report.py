"""The page of an exam: whole, readable without pictures, the same numbers everywhere."""

import re
import shutil

import html5lib
import pytest

from exam_samples import examined
from MicrocalcAILib.base.errors import MissingPackageError, ParameterError, ResultError
from MicrocalcAILib.cli import main
from MicrocalcAILib.exam.exam import save_exam
from MicrocalcAILib.report import write
from MicrocalcAILib.report.write import write_report
from MicrocalcElastographyLib.readings.reading import Reading
from MicrocalcElastographyLib.readings.table import table_of, write_readings

FOUR = {
    ("R", "CC"): [],
    ("L", "CC"): [(70.0, 44.0, 12, 8.0)],
    ("R", "MLO"): [],
    ("L", "MLO"): [(75.0, 62.0, 10, 9.0), (150.0, 20.0, 6, 5.0)],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exam")
    exam = examined(FOUR, {("L", "CC"): [(70.0, 44.0, 5, 6.0)]}, pictures=folder, age=35)
    save_exam(exam, folder)
    return folder


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert main(["report", str(folder), "--output", str(path)]) == 0
    return path.read_text(encoding="utf-8")


def test_the_page_is_valid_and_needs_no_other_file(page):
    html5lib.HTMLParser(strict=True).parse(page)
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert "<script" not in page


def test_pictures_have_words_for_those_who_do_not_see_them(page):
    assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall(r"<img[^>]*>", page))
    drawings = re.findall(r"<svg[^>]*>", page)
    assert len(drawings) == 4 + 1 + 2  # views, the prior, two schematics
    assert all('role="img"' in tag and 'aria-label="' in tag for tag in drawings)


def test_a_finding_has_the_same_number_in_both_views(page):
    labels = re.findall(r'aria-label="(L (?:CC|MLO): [^"]*)"', page)
    both = [set(re.findall(r"Finding (\d)", label)) for label in labels[:2]]
    assert both[0] <= both[1]
    assert both[0]


def test_the_page_says_what_it_is_and_what_it_did_not_do(page):
    text = re.sub(r"<[^>]+>", " ", page)
    for sentence in ("Research software, not for diagnosis", "Masses, distortions and skin are not judged", "more"):
        assert sentence in text
    assert "Younger than 40 years" in text
    assert "12 calcifications, 5 in this region of the prior" in text


def test_elastography_readings_stand_with_the_finding_that_a_reader_named(folder, tmp_path, capsys):
    readings = [
        Reading("left one", "A", 1, elasticity_max_kpa=88.2, strain_ratio=4.44, bound=">=", warnings="saturated"),
        Reading("left one", "B", 1, elasticity_max_kpa=70.0),
        Reading("another", "A", 1, elasticity_max_kpa=12.0),
    ]
    write_readings(table_of(readings), tmp_path / "readings.csv")
    command = ["report", str(folder), "--output", str(tmp_path / "page.html")]
    elastography = ["--elastography", str(tmp_path / "readings.csv")]
    assert main([*command, *elastography, "--lesion", "left one", "2"]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    section = text.split('<section class="finding">')[2]
    assert "left one, reader A, repeat 1: Emax (kPa) ≥ 88, strain ratio ≥ 4.4 (doubts: saturated)." in section
    assert "reader B, repeat 1: Emax (kPa) 70." in section
    assert "Emax (kPa) 12" not in text
    assert "No elastography reading" not in text
    for wrong, words in (
        (["--lesion", "left one", "9"], "no finding 9"),
        (["--lesion", "nobody", "1"], "the table has left one, another"),
        ([], "which finding each lesion is"),
    ):
        assert main([*command, *elastography, *wrong]) == 2
        assert words in capsys.readouterr().err


def test_further_views_are_shown_too_now_and_before(tmp_path):
    further = {("L", "ML"): [], ("R", "ML"): [], ("L", "XCCL"): []}
    save_exam(examined(FOUR | further, further, pictures=tmp_path), tmp_path)
    write_report(tmp_path, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    shown = re.findall(r'<svg[^>]*aria-label="(\w \w+):', text)
    assert sorted(shown) == sorted(2 * ["L ML", "R ML", "L XCCL"] + ["L CC", "R CC", "L MLO", "R MLO"])


def test_hung_views_are_printed_on_one_sheet_each(page):
    widths = [float(width) for width in re.findall(r"--print-width: ([\d.]+)mm", page)]
    assert len(widths) == 2  # now, and the prior
    assert all(40 < width <= 180 for width in widths)
    assert widths[0] < widths[1]  # two rows have to share the height


def test_the_place_of_a_finding_is_marked_on_its_prior(page):
    prior = page.split("<h3>Prior 2024-01-01</h3>")[1].split("</svg>")[0]
    (circle,) = re.findall(r"<circle[^>]*>", prior)
    assert "stroke-dasharray" in circle
    assert re.search(r"<text[^>]*>\d</text>", prior)


def test_an_exam_without_findings_has_a_page(tmp_path):
    save_exam(examined({("L", "CC"): []}, pictures=tmp_path), tmp_path)
    write_report(tmp_path, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No cluster of calcifications was found." in text
    assert "No prior was given" in text


def test_a_report_that_cannot_be_written_says_why(folder, tmp_path, monkeypatch):
    with pytest.raises(ParameterError, match=r"html or \.pdf"):
        write_report(folder, tmp_path / "report.docx")
    with pytest.raises(ResultError, match="not a complete exam"):
        write_report(tmp_path, tmp_path / "report.html")
    shutil.copytree(folder, tmp_path / "exam")
    (tmp_path / "exam" / "view_01.png").unlink()
    with pytest.raises(ResultError, match=r"view_01\.png"):
        write_report(tmp_path / "exam", tmp_path / "report.html")
    monkeypatch.setattr(write, "BROWSERS", ("no-such-browser",))
    with pytest.raises(MissingPackageError, match=r"write the report as \.html"):
        write_report(folder, tmp_path / "report.pdf")


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, write.BROWSERS)), reason="no browser that prints is installed")
def test_a_browser_prints_the_page(folder, tmp_path):
    write_report(folder, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
