"""``microcalc study``: reader studies from the plan to the tables, with or without Slicer."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..study.plan import Question
    from ..study.reading import Reading

_LATER, _STOP = ":later", ":stop"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per step of a study."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str, act: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
        added.set_defaults(act=act)
        return added

    new = action("new", "make a study of images or of a dataset", _new)
    source = new.add_mutually_exclusive_group(required=True)
    source.add_argument("--dataset", type=Path, metavar="DATASET", help="its images are the cases, its truth is hidden")
    source.add_argument("--images", type=Path, nargs="+", metavar="IMAGE", help="a case each; the truth is not known")
    source.add_argument("--elastograms", type=Path, nargs="+", metavar="IMAGE", help="screens of elastography likewise")
    new.add_argument("--results", type=Path, metavar="DIR", help="of “microcalc analyze”, to be shown where allowed")
    new.add_argument("--plan", type=Path, metavar="FILE", help="a plan (JSON); else one with the usual questions")
    new.add_argument("--title", default="Reader study")
    new.add_argument(
        "--mode",
        choices=("independent", "sequential", "crossover"),
        default="independent",
        help="(default: %(default)s)",
    )
    new.add_argument("--training", type=int, default=0, metavar="N", help="cases that are read first, with feedback")
    new.add_argument("--seed", type=int, default=1, metavar="S", help="of the orders of cases (default: 1)")

    assign = action("assign", "give a reader a list of cases", _assign)
    assign.add_argument("--reader", required=True, metavar="NAME", help="initials or a code")
    assign.add_argument(
        "--adjudicate", nargs=2, metavar="READER", help="the cases that these two disagree on, with their answers"
    )
    assign.add_argument("--package", type=Path, metavar="DIR", help="also write what this reader needs elsewhere")

    read = action("read", "read cases at the terminal, the images in a viewer of your own", _read)
    read.add_argument("--reader", required=True, metavar="NAME")

    action("status", "how far every reader is", _status)

    collect = action("collect", "all answers as tables", _collect)
    collect.add_argument(
        "--add", type=Path, nargs="+", default=[], metavar="FILE", help="readers' files from elsewhere"
    )
    collect.add_argument("--output", type=Path, required=True, metavar="DIR")

    analyze = action("analyze", "agreement of the readers, and what the results changed", _analyze)
    analyze.add_argument("--output", type=Path, required=True, metavar="DIR", help="where tables, pictures and text go")


def run(arguments: argparse.Namespace) -> int:
    """Do the step."""
    return int(arguments.act(arguments))


def _new(arguments: argparse.Namespace) -> int:
    import json

    from ..base.errors import ParameterError
    from ..dataset.dataset import read_dataset
    from ..study.cases import write_study
    from ..study.new import cases_of_dataset, cases_of_images, example_plan

    record = example_plan(arguments.title, arguments.mode, arguments.seed, bool(arguments.elastograms))
    if arguments.plan is not None:
        try:
            record = json.loads(arguments.plan.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise ParameterError(f"The plan “{arguments.plan.name}” cannot be read as JSON.") from error
    chosen = arguments.results, arguments.training, arguments.seed
    if arguments.dataset is not None:
        cases, truth = cases_of_dataset(read_dataset(arguments.dataset), *chosen)
    else:
        cases, truth = cases_of_images(arguments.images or arguments.elastograms, *chosen), {}
    write_study(arguments.study, record, cases, truth)
    print(f"{len(cases)} cases → {arguments.study}")
    return 0


def _assign(arguments: argparse.Namespace) -> int:
    from ..study.adjudication import disagreements
    from ..study.assignment import assign, assign_adjudicator
    from ..study.new import package

    if arguments.adjudicate is None:
        file = assign(arguments.study, arguments.reader)
    else:
        first, second = arguments.adjudicate
        cases = list(dict.fromkeys(disagreements(arguments.study, first, second)["case"]))
        file = assign_adjudicator(arguments.study, arguments.reader, (first, second), cases)
    print(f"{file.reader}: {len(file.tasks)} readings")
    file.close()
    if arguments.package is not None:
        package(arguments.study, arguments.reader, arguments.package)
        print(f"For another machine → {arguments.package}")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from ..study.collect import collect

    for row in collect(arguments.study).progress.to_dict("records"):
        print(
            f"{row['reader']}: {row['finished']} of {row['tasks']} readings finished"
            + (f", last on {row['last'][:16].replace('T', ' at ')} UTC" if row["last"] else "")
        )
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    from ..study.collect import add_reader_file, collect, save_collected

    for path in arguments.add:
        reader, count = add_reader_file(arguments.study, path)
        print(f"{reader}: {count} new entries")
    found = collect(arguments.study)
    names = save_collected(found, arguments.output)
    for warning in found.warnings:
        print(f"Warning: {warning.message}")
    print(f"{', '.join(names)} → {arguments.output}")
    return 0


def _analyze(arguments: argparse.Namespace) -> int:
    from ..study.analysis import analyze_study

    print(analyze_study(arguments.study, arguments.output))
    print(f"Written to {arguments.output}")
    return 0


def _read(arguments: argparse.Namespace) -> int:
    from ..study.reading import Reading

    reading = Reading(arguments.study, arguments.reader)
    try:
        while reading.next_unfinished():
            if not _read_case(reading):
                break
        print(f"{reading.finished} of {len(reading.tasks)} readings finished")
    except EOFError:
        print("\nStopped; what was answered is kept.")
    finally:
        reading.close()
    return 0


def _read_case(reading: Reading) -> bool:
    """Ask the questions of the open case; False when the reader wants to stop."""
    from ..base.errors import MicrocalcError
    from ..study.plan import MARKS
    from .terminal import shown_name

    task = reading.current
    assert task is not None
    print(f"\n{reading.title(task)}, {task.condition}")
    for path in (*reading.images(task), *reading.results(task)):
        print(f"  {shown_name(path)}")
    done: set[str] = set()
    while True:
        question = next((question for question in reading.asked() if question.name not in done), None)
        if question is None and not reading.missing():
            break
        question = question or reading.missing()[0]
        said = input(f"{question.text}{_hint(question)}: ").strip()
        if said == _STOP:
            return False
        if said == _LATER:
            reading.come_back_later()
            return True
        try:
            if question.kind == MARKS:
                for mark in filter(None, (part.strip() for part in said.split(";"))):
                    row, column, score = (float(word) for word in mark.split(","))
                    reading.mark(question.name, 0, row, column, score)
            elif said:
                reading.answer(question.name, _value(question, said))
        except (MicrocalcError, ValueError, TypeError) as error:
            print(f"  {error}")
            continue
        done.add(question.name)
    feedback = reading.finish()
    if feedback:
        print(f"  {feedback}")
    return True


def _hint(question: Question) -> str:
    from ..study.plan import MARKS

    if question.kind == MARKS:
        return " (row, column, score; …)"
    hint = ", ".join(question.answers) or question.unit
    return f" ({hint})" if hint else ""


def _value(question: Question, said: str) -> float | str:
    from ..study.plan import NUMERIC

    return float(said) if question.kind in NUMERIC else said
