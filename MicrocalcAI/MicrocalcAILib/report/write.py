"""The page of an exam as a file: HTML, or PDF by a browser that is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import MissingPackageError, ParameterError, ResultError
from ..base.files import replaced_on_success, temporary_folder
from ..exam.exam import load_exam
from .page import page_of
from .stiffness import StiffnessReading

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_SECONDS = 300


def write_report(exam_folder: Path, path: Path, readings: Sequence[StiffnessReading] = ()) -> None:
    """Write the page of an exam.

    Parameters
    ----------
    exam_folder : Path
        That ``microcalc analyze-exam`` wrote.
    path : Path
        Ends in ``.html`` or ``.pdf``.
    readings : sequence of StiffnessReading
        Elastography of its findings.

    Raises
    ------
    ParameterError
        When the name ends in something else, or a reading is of a finding that there is not.
    ResultError
        When the exam or one of its pictures is missing.
    MissingPackageError
        When a PDF is asked for, and no browser that prints is installed.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".pdf"):
        raise ParameterError(f"A report is written as .html or .pdf, not as “{path.suffix}”.")
    browser = _browser() if path.suffix.lower() == ".pdf" else ""
    exam = load_exam(exam_folder)
    if unknown := {reading.finding for reading in readings} - {finding.number for finding in exam.findings}:
        raise ParameterError(f"The exam has no finding {min(unknown)}; it has {len(exam.findings)}, numbered from 1.")
    try:
        page = page_of(exam, Path(exam_folder), readings)
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise ResultError(f"The exam's picture “{missing}” is missing; please analyze the exam again.") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_on_success(path) as temporary:
        if browser:
            _print(browser, page, temporary)
        else:
            temporary.write_text(page, encoding="utf-8")


def _browser() -> str:
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise MissingPackageError(
        "A PDF is printed by Chromium, Chrome or Edge, and none is installed; write the report as .html and print it."
    )


def _print(browser: str, page: str, path: Path) -> None:
    with temporary_folder() as folder:
        source, target = folder / "report.html", folder / "report.pdf"
        source.write_text(page, encoding="utf-8")
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"),
            *("--no-pdf-header-footer", f"--print-to-pdf={target}", source.as_uri()),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            raise ResultError(
                "The browser could not print the report; write it as .html and print it by hand."
            ) from error
        if not target.is_file():
            raise ResultError("The browser printed nothing; write the report as .html and print it by hand.")
        shutil.copyfile(target, path)
