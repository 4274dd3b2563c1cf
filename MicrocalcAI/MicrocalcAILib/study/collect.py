"""All readers' answers as tables: tidy ones for any program, and those that the analysis of reader studies takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..base.errors import ResultError, WarningRecord
from ..base.tables import write_table
from .cases import Case, Truth, read_cases, read_truth
from .plan import ADJUDICATION, MARKS, NUMERIC, Question, StudyPlan, read_plan
from .reader_file import DONE, Entry, ReaderFile, Task, reader_files, reader_path
from .reading import Answers, answers_of

RATED = (*NUMERIC, MARKS)


@dataclass(frozen=True)
class Reader:
    """One reader's tasks with what holds of them, and all entries."""

    name: str
    tasks: tuple[Task, ...]
    answers: dict[int, Answers]
    entries: list[Entry]

    @property
    def finished(self) -> list[tuple[Task, Answers]]:
        """The finished tasks, in the order of the list."""
        return [(task, self.answers[task.position]) for task in self.tasks if self.answers[task.position].state == DONE]


@dataclass(frozen=True)
class Collected:
    """A study's answers.

    Parameters
    ----------
    plan : StudyPlan
    readers : tuple of Reader
        Adjudicators too; their condition is ``adjudication``.
    answers : DataFrame
        One row for each answer of a finished task: ``reader``, ``case``, ``patient``, ``condition``, ``session``,
        ``training``, ``question``, ``answer``.
    marks : DataFrame
        One row for each mark: the same, and ``mark``, ``image`` (0, 1, …), ``image_file``, ``row``, ``column``,
        ``score``, ``lesion`` (the one it hits; empty: none, or the truth is not known).
    readings : dict, question -> DataFrame
        What ``microcalc reader-study analyze`` takes, of the questions that rate, where the truth is known.
    times : DataFrame
        One row for each finished task: ``seconds``, ``changes``, ``note``, ``finished``.
    progress : DataFrame
        One row for each reader: ``finished``, ``tasks``, ``last``.
    audit : DataFrame
        Every entry of every reader.
    warnings : tuple of WarningRecord
    """

    plan: StudyPlan
    readers: tuple[Reader, ...]
    answers: pd.DataFrame
    marks: pd.DataFrame
    readings: dict[str, pd.DataFrame]
    times: pd.DataFrame
    progress: pd.DataFrame
    audit: pd.DataFrame
    warnings: tuple[WarningRecord, ...]


def read_reader(study: Path, reader: str) -> Reader:
    """One reader's tasks and answers."""
    return _reader(reader_path(study, reader))


def add_reader_file(study: Path, path: Path) -> tuple[str, int]:
    """Take a reader's file from another machine into the study; return the reader and how many entries were new.

    Raises
    ------
    ResultError
        When the file belongs to another study.
    """
    other = ReaderFile(path)
    try:
        if other.plan_digest != read_plan(study).digest:
            raise ResultError(f"“{Path(path).name}” belongs to another study, or its plan was changed.")
        own = reader_path(study, other.reader)
        if not own.exists():
            other.save_copy(own)
            return other.reader, len(other.entries())
        file = ReaderFile(own)
        try:
            return other.reader, file.merge(other)
        finally:
            file.close()
    finally:
        other.close()


def collect(study: Path) -> Collected:
    """Read all readers' files of a study.

    Raises
    ------
    ParameterError, ResultError
        When a file cannot be read or belongs to another plan.
    """
    plan, cases, truth = read_plan(study), read_cases(study), read_truth(study)
    readers = tuple(_reader(path, plan.digest) for path in reader_files(study))
    answers, marks, times, progress, audit = [], [], [], [], []
    for reader in readers:
        for task, found in reader.finished:
            of_task = _named(reader, task, cases)
            of_answers = of_task | {"session": task.session, "training": int(task.is_training)}
            for question in plan.questions:
                if not question.is_asked(found.values):
                    continue
                if question.kind == MARKS:
                    marks += _marks(question, of_answers, found, cases[task.case], truth.get(task.case))
                elif found.values.get(question.name) is not None:
                    answers.append(of_answers | {"question": question.name, "answer": found.values[question.name]})
            spent = {"seconds": round(found.seconds, 1), "changes": found.changes}
            times.append(of_answers | spent | {"note": found.note, "finished": found.finished})
        last = max((entry.time for entry in reader.entries), default="")
        done = {"finished": len(reader.finished), "tasks": len(reader.tasks), "last": last}
        progress.append({"reader": reader.name, **done})
        for entry in reader.entries:
            said = {"time": entry.time, "question": entry.question, "item": entry.item, "value": entry.value}
            audit.append(_named(reader, reader.tasks[entry.position], cases) | said)
    warnings = []
    if set(cases) - set(truth):
        unknown = sum(name not in truth and not case.is_training for name, case in cases.items())
        warnings.append(WarningRecord("truth-unknown", f"The truth of {unknown} case(s) is not known; not judged."))
    keys = ["reader", "case", "patient", "condition"]
    of_answers_keys = [*keys, "session", "training", "question"]
    return Collected(
        plan=plan,
        readers=readers,
        answers=pd.DataFrame(answers, columns=[*of_answers_keys, "answer"]),
        marks=pd.DataFrame(
            marks, columns=[*of_answers_keys, "mark", "image", "image_file", "row", "column", "score", "lesion"]
        ),
        readings={
            question.name: _readings(question, readers, cases, truth)
            for question in plan.questions
            if question.kind in RATED and truth
        },
        times=pd.DataFrame(times, columns=[*keys, "session", "training", "seconds", "changes", "note", "finished"]),
        progress=pd.DataFrame(progress, columns=["reader", "finished", "tasks", "last"]),
        audit=pd.DataFrame(audit, columns=[*keys, "time", "question", "item", "value"]),
        warnings=tuple(warnings),
    )


def save_collected(found: Collected, folder: Path) -> list[str]:
    """Write the tables; return the names of their files.

    ``answers.csv``, ``marks.csv``, ``times.csv``, ``progress.csv``, ``audit.csv``; for each question
    ``question_<name>.csv`` (one row for each case, one column for each reader and condition); and for each question
    that rates ``readings_<name>.csv``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "answers": found.answers,
        "marks": found.marks,
        "times": found.times,
        "progress": found.progress,
        "audit": found.audit,
        **{f"readings_{name}": table for name, table in found.readings.items()},
    }
    for name, own in found.answers.groupby("question"):
        wide = own.pivot(index=["case", "patient"], columns=["reader", "condition"], values="answer")
        wide.columns = [" ".join(names) for names in wide.columns]
        tables[f"question_{name}"] = wide.reset_index()
    for name, table in tables.items():
        write_table(table, folder / f"{name}.csv")
    return [f"{name}.csv" for name in tables]


def _reader(path: Path, plan_digest: str | None = None) -> Reader:
    file = ReaderFile(path)
    try:
        if plan_digest is not None and file.plan_digest != plan_digest:
            raise ResultError(f"The file of the reader “{file.reader}” belongs to another plan than “study.json”.")
        entries = file.entries()
    finally:
        file.close()
    of_task: dict[int, list[Entry]] = {task.position: [] for task in file.tasks}
    for entry in entries:
        of_task[entry.position].append(entry)
    return Reader(file.reader, file.tasks, {at: answers_of(own) for at, own in of_task.items()}, entries)


def _named(reader: Reader, task: Task, cases: dict[str, Case]) -> dict[str, object]:
    case = cases[task.case]
    return {"reader": reader.name, "case": case.name, "patient": case.patient, "condition": task.condition}


def _marks(
    question: Question, of_task: dict[str, object], found: Answers, case: Case, truth: Truth | None
) -> list[dict[str, object]]:
    rows = []
    for item, mark in found.marks.get(question.name, {}).items():
        image = case.images[mark["image"]]
        lesion = "" if truth is None else lesion_hit(truth.lesions, mark)
        rows.append(
            of_task | {"question": question.name, "mark": item, **mark, "image_file": image.name, "lesion": lesion}
        )
    return rows


def lesion_hit(lesions: pd.DataFrame, mark: dict[str, float]) -> str:
    """The lesion in whose box a mark lies, the one with the nearest center of several; empty when there is none."""
    low, high = (lesions[[f"row_{end}", f"column_{end}"]].to_numpy(float) for end in ("min", "max"))
    place = [mark["row"], mark["column"]]
    inside = (lesions["image"].to_numpy(int) == mark["image"]) & ((place >= low) & (place <= high)).all(axis=1)
    if not inside.any():
        return ""
    own = lesions[inside]
    rows, columns = (own[f"{axis}_min"].add(own[f"{axis}_max"]) / 2 for axis in ("row", "column"))
    return str(own.loc[((rows - place[0]) ** 2 + (columns - place[1]) ** 2).idxmin(), "lesion"])


def _readings(
    question: Question, readers: Sequence[Reader], cases: dict[str, Case], truth: dict[str, Truth]
) -> pd.DataFrame:
    """Finished readings of counted cases whose truth is known, as the analysis of reader studies takes them."""
    rows: list[dict[str, object]] = []
    for reader in readers:
        for task, found in reader.finished:
            if task.is_training or task.case not in truth or task.condition == ADJUDICATION:
                continue
            known = truth[task.case]
            key = {"reader": reader.name, "modality": task.condition, "case": task.case}
            key |= {"patient": cases[task.case].patient}
            if question.kind in NUMERIC:
                rating = found.values.get(question.name)
                if rating is not None:
                    rows.append(key | {"truth": int(known.diseased), "rating": rating})
                continue
            count = known.lesions["lesion"].nunique()
            marks = found.marks.get(question.name, {}).values()
            for mark in marks:
                hit = lesion_hit(known.lesions, mark)
                rows.append(key | {"truth": count, "rating": mark["score"], "lesion": hit})
            if not marks:
                rows.append(key | {"truth": count, "rating": None, "lesion": ""})
    columns = ["reader", "modality", "case", "patient", "truth", "rating"]
    return pd.DataFrame(rows, columns=columns if question.kind in NUMERIC else [*columns, "lesion"])
