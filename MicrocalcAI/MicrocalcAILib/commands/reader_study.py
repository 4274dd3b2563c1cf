"""``microcalc reader-study``: several readers, the same cases, several modalities (with and without AI)."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    analyze = actions.add_parser("analyze", help="compare the modalities, and plan the next study")
    analyze.add_argument(
        "table",
        type=Path,
        metavar="TABLE",
        help="CSV: reader, modality, case, truth, rating, and if wanted patient; for marks also lesion (the one that "
        "is hit; empty: false), with truth the number of lesions and an empty rating where nothing was marked",
    )
    analyze.add_argument(
        "--figure",
        choices=("auc", "sensitivity", "specificity", "wafroc", "afroc", "hr-auc", "lroc"),
        help="figure of merit (default: wafroc for marks, else auc)",
    )
    analyze.add_argument(
        "--threshold", type=float, metavar="RATING", help="positive from here on, for sensitivity and specificity"
    )
    analyze.add_argument(
        "--difference", type=float, metavar="D", help="that the next study is to find (default: the one found here)"
    )
    analyze.add_argument("--output", type=Path, required=True, metavar="DIR", help="where tables, picture and text go")


def run(arguments: argparse.Namespace) -> int:
    """Analyze, write, print the text."""
    from ..evaluation.reader_study_report import save_reader_study
    from ..evaluation.reading_table import read_readings, reader_study

    readings = read_readings(arguments.table)
    figure = arguments.figure or ("auc" if readings.marks is None else "wafroc")
    study, method, units = reader_study(readings, figure, arguments.threshold)
    text = save_reader_study(
        study,
        arguments.output,
        figure=figure,
        method=method,
        units=units,
        planned_difference=arguments.difference,
        settings={"threshold": arguments.threshold, "cases": len(readings.lesions)},
        warnings=readings.warnings,
    )
    print(text)
    print(f"\nWritten to {arguments.output}")
    return 0
