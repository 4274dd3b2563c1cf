"""Which reader reads which case when: lists by seed, one for each reader, and lists of what two readers disagree on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator

from ..base.errors import ParameterError
from .cases import Case, read_cases
from .plan import ADJUDICATION, AIDED, CROSSOVER, UNAIDED, StudyPlan, read_plan
from .reader_file import ReaderFile, reader_files, reader_path


def assign(study: Path, reader: str) -> ReaderFile:
    """Give a reader of a study a list of cases, and the file for the answers.

    Training cases come first. In a crossover the readers alternate in which half of the cases begins with the results.

    Raises
    ------
    ParameterError, ResultError
        When the reader has a list already, or a case that is to be read with results has none.
    """
    plan, cases = read_plan(study), read_cases(study)
    if AIDED in plan.conditions:
        without = next((case.name for case in cases.values() if not case.results), None)
        if without is not None:
            raise ParameterError(f"The case “{without}” has no results to show; name them in the table of cases.")
    tasks = tasks_of(plan, list(cases.values()), reader, len(reader_files(study)))
    return ReaderFile.create(reader_path(study, reader), reader, plan.digest, tasks)


def assign_adjudicator(study: Path, reader: str, others: tuple[str, str], cases: Sequence[str]) -> ReaderFile:
    """Give an adjudicator the cases that two readers disagree on, see :func:`~.adjudication.disagreements`.

    Raises
    ------
    ParameterError, ResultError
        When there is nothing to settle, or the name has a list already.
    """
    plan, known = read_plan(study), read_cases(study)
    if not cases:
        raise ParameterError(f"The readers “{others[0]}” and “{others[1]}” agree in all cases that both have finished.")
    tasks = [(1, name, ADJUDICATION, known[name].is_training) for name in cases]
    return ReaderFile.create(reader_path(study, reader), reader, plan.digest, tasks, others)


def tasks_of(plan: StudyPlan, cases: Sequence[Case], reader: str, number: int) -> list[tuple[int, str, str, bool]]:
    """A reader's list: session, case, condition, whether it is training.

    Parameters
    ----------
    plan : StudyPlan
    cases : sequence of Case
    reader : str
    number : int
        How many readers were assigned before.
    """
    training = [case.name for case in cases if case.is_training]
    counted = [case.name for case in cases if not case.is_training]
    shown = {name: list(plan.conditions) for name in (*training, *counted)}
    if plan.mode != CROSSOVER:
        order = [*_shuffled(training, _rng(plan, reader, "training")), *_shuffled(counted, _rng(plan, reader, "1"))]
        return [(1, name, condition, name in training) for name in order for condition in shown[name]]
    halves = _shuffled(counted, _rng(plan, "", "halves"))
    begins_aided = set(halves[number % 2 :: 2])
    tasks = [
        (1, name, condition, True)
        for name in _shuffled(training, _rng(plan, reader, "training"))
        for condition in shown[name]
    ]
    for session in (1, 2):
        for name in _shuffled(counted, _rng(plan, reader, str(session))):
            tasks.append((session, name, AIDED if (name in begins_aided) == (session == 1) else UNAIDED, False))
    return tasks


def _shuffled(names: Sequence[str], rng: Generator) -> list[str]:
    return [names[index] for index in rng.permutation(len(names))]


def _rng(plan: StudyPlan, *words: str) -> Generator:
    digest = hashlib.sha256("/".join((str(plan.seed), *words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
