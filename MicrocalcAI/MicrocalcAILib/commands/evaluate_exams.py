"""``microcalc evaluate-exams``: simulated exams, put together and compared with their truth."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--count", type=int, default=60, metavar="N", help="number of exams (default: 60)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the first exam (default: 1)")
    parser.add_argument(
        "--spacing",
        type=float,
        nargs="+",
        default=[0.1],
        metavar="MM",
        help="pixel spacings that the exams take in turn (default: 0.1); with the true calcifications, 0.2 is enough",
    )
    parser.add_argument(
        "--detect",
        action="store_true",
        help="find the calcifications; without it the true ones are taken as found, which judges the exam alone",
    )
    parser.add_argument("--selector", default="measurements", metavar="NAME|DIR", help="(default: measurements)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for the tables")


def run(arguments: argparse.Namespace) -> int:
    """Simulate, examine, compare, and print every measure with its interval."""
    import pandas as pd

    from ..base.errors import ParameterError
    from ..base.files import folder_replaced_on_success
    from ..base.tables import write_table
    from ..classification.description import DescriptionModels
    from ..evaluation.exams import Reader, joined, score_exam, summary
    from ..phantom.exams import simulate_exam
    from ..pipeline import analyze, load_selector
    from .terminal import show_progress

    if arguments.count < 1 or arguments.seed < 0:
        raise ParameterError("Give a count of at least 1 and a seed of at least 0.")
    reader: Reader | None = None
    if arguments.detect:
        selector, models = load_selector(arguments.selector), DescriptionModels.load()

        def reader(mammogram):  # type: ignore[no-untyped-def]
            return analyze(mammogram, selector=selector, models=models)

    found = []
    for number in range(arguments.count):
        show_progress("exams", number, arguments.count)
        phantom = simulate_exam(arguments.seed + number, arguments.spacing[number % len(arguments.spacing)])
        found.append(score_exam(number, phantom, reader))
    show_progress("exams", arguments.count, arguments.count)
    scores = joined(found)
    rows = summary(scores)
    print(f"{arguments.count} exams, {'calcifications found' if arguments.detect else 'true calcifications'}")
    for name, estimate, units in rows:
        print(f"{name}: {estimate} of {units}")
    if len(scores.changes):
        print(pd.crosstab(scores.changes["truth"], scores.changes["call"]).to_string())
    if arguments.output is not None:
        with folder_replaced_on_success(arguments.output, "summary.csv") as folder:
            table = pd.DataFrame([{"measure": name, **one.as_dict(), "units": units} for name, one, units in rows])
            write_table(table, folder / "summary.csv")
            for name in ("nipples", "places", "clocks", "pairs", "changes"):
                write_table(getattr(scores, name), folder / f"{name}.csv")
    return 0
