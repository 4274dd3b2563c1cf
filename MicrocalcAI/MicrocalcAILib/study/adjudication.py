"""What two readers disagree on, and their answers side by side for who settles it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from .collect import Reader, read_reader
from .plan import MARKS, NUMBER, NUMERIC, PROBABILITY, TEXT, Question, read_plan
from .reader_file import Task
from .reading import Answers, Reading, ReadingError

TOLERANCE_PERCENT = 20.0
SAME_PLACE_PIXELS = 100.0  # 5 to 10 mm


def disagreements(study: Path, first: str, second: str) -> pd.DataFrame:
    """Answers of two readers that differ, of the cases that both have finished in the study's last condition.

    Words differ when they are not the same, probabilities by more than 20 percentage points, other
    numbers by more than 20 % of the larger, marks when one has no
    partner within 100 pixels; free text is not compared.

    Returns
    -------
    DataFrame
        ``case``, ``question``, ``first``, ``second``.

    Raises
    ------
    ParameterError, ResultError
    """
    plan = read_plan(study)
    one, other = (_of_last(read_reader(study, name), plan.conditions[-1]) for name in (first, second))
    rows = []
    for case in sorted(one.keys() & other.keys()):
        for question in plan.questions:
            answers = shown_answer(question, one[case]), shown_answer(question, other[case])
            if differ(question, one[case], other[case]):
                rows.append({"case": case, "question": question.name, "first": answers[0], "second": answers[1]})
    return pd.DataFrame(rows, columns=["case", "question", "first", "second"])


def side_by_side(reading: Reading, task: Task) -> tuple[Answers, Answers]:
    """What the two readers answered whom a reader adjudicates.

    Raises
    ------
    ReadingError
        For everybody else: a reader never sees another's answers.
    """
    if len(reading.file.adjudicates) != 2:
        raise ReadingError("Only an adjudicator sees the answers of others.")
    condition = reading.plan.conditions[-1]
    one, other = (_of_last(read_reader(reading.study, name), condition) for name in reading.file.adjudicates)
    return one.get(task.case, Answers()), other.get(task.case, Answers())


def shown_answer(question: Question, found: Answers) -> str:
    """An answer as text; “–” where there is none."""
    if question.kind == MARKS:
        marks = found.marks.get(question.name, {}).values()
        return "; ".join(f"{mark['score']:g} at {mark['row']:.0f}, {mark['column']:.0f}" for mark in marks) or "–"
    value: Any = found.values.get(question.name)
    if value is None or not question.is_asked(found.values):
        return "–"
    return f"{value:g}" if question.kind in NUMERIC else str(value)


def _of_last(reader: Reader, condition: str) -> dict[str, Answers]:
    return {task.case: found for task, found in reader.finished if task.condition == condition}


def differ(question: Question, one: Answers, other: Answers) -> bool:
    """Whether two readers disagree on a question, by the rule of :func:`disagreements`."""
    if question.kind == TEXT:
        return False
    if question.kind == MARKS:
        marks = [list(found.marks.get(question.name, {}).values()) for found in (one, other)]
        return any(_is_alone(mark, marks[1]) for mark in marks[0]) or any(_is_alone(m, marks[0]) for m in marks[1])
    first, second = (
        found.values.get(question.name) if question.is_asked(found.values) else None for found in (one, other)
    )
    if question.kind == PROBABILITY and first is not None and second is not None:
        return bool(abs(first - second) > TOLERANCE_PERCENT)
    if question.kind == NUMBER and first is not None and second is not None:
        return bool(abs(first - second) > TOLERANCE_PERCENT / 100 * max(first, second))
    return bool(first != second)


def _is_alone(mark: dict[str, float], others: list[dict[str, float]]) -> bool:
    return not any(
        mark["image"] == other["image"]
        and math.hypot(mark["row"] - other["row"], mark["column"] - other["column"]) <= SAME_PLACE_PIXELS
        for other in others
    )
