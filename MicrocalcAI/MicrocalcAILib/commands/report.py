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


def run(arguments: argparse.Namespace) -> int:
    """Write the page and name it."""
    from ..report.write import write_report

    write_report(arguments.exam, arguments.output)
    print(arguments.output)
    return 0
