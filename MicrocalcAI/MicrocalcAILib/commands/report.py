"""``microcalc report``: one page per exam."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "exam", metavar="EXAM", type=Path, help="folder of one exam, below “exams” of the output of analyze-exam"
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="FILE",
        help="report.html (needs no other file), or report.pdf (printed by Chromium, Chrome or Edge)",
    )
    parser.add_argument(
        "--elastography",
        type=Path,
        metavar="CSV",
        help="readings that microcalc elastography measure wrote; --lesion says which finding each lesion is",
    )
    parser.add_argument(
        "--lesion",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "FINDING"),
        help="a lesion of the readings is the finding of this number; may be given again",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page and name it."""
    from ..base.errors import ParameterError
    from ..report.stiffness import read_stiffness
    from ..report.write import write_report

    if bool(arguments.lesion) != (arguments.elastography is not None):
        raise ParameterError("Give the readings with --elastography and, with --lesion, which finding each lesion is.")
    try:
        findings = {name: int(number) for name, number in arguments.lesion}
    except ValueError:
        raise ParameterError("--lesion takes the name of a lesion and the number of a finding.") from None
    readings = read_stiffness(arguments.elastography, findings) if findings else []
    write_report(arguments.exam, arguments.output, readings)
    print(arguments.output)
    return 0
