"""A reader at work: the list of cases, what may be seen, the answers, and when a reading is closed for good."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..base.errors import MicrocalcError, ParameterError, ResultError
from .cases import read_cases, read_truth
from .plan import ADJUDICATION, AIDED, MARKS, Question, read_plan
from .reader_file import BEGUN, DONE, PUT_OFF, UNREAD, Entry, ReaderFile, Task, reader_path

OPENED, CLOSED, FINISHED, LATER, NOTE = ":opened", ":closed", ":finished", ":later", ":note"


class ReadingError(MicrocalcError):
    """Something that the study does not allow now; the sentence says why."""


@dataclass(frozen=True)
class Answers:
    """What holds of one task.

    Parameters
    ----------
    values : dict, question -> answer
        Of questions with one answer.
    marks : dict, question -> dict of mark's name -> mark
    note : str
    state : {"unread", "begun", "later", "finished"}
    seconds : float
        That the task was on the screen, over all visits. A visit that a crash ended lasts until its last entry.
    changes : int
        Entries that replaced an earlier answer.
    finished : str
        Time, empty before.
    """

    values: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    note: str = ""
    state: str = UNREAD
    seconds: float = 0.0
    changes: int = 0
    finished: str = ""


def answers_of(entries: list[Entry]) -> Answers:
    """What the entries of one task, in the order of time, come to."""
    values: dict[str, Any] = {}
    marks: dict[str, dict[str, dict[str, Any]]] = {}
    note, state, finished, changes, seconds = "", UNREAD, "", 0, 0.0
    opened: datetime | None = None
    last: datetime | None = None
    for entry in entries:
        time = datetime.fromisoformat(entry.time)
        if entry.question in (OPENED, CLOSED) and opened is not None:
            end = time if entry.question == CLOSED else last or opened
            seconds += (end - opened).total_seconds()
            opened = None
        if entry.question == OPENED:
            opened = time
            state = BEGUN if state == UNREAD else state
        elif entry.question == LATER:
            state = PUT_OFF
        elif entry.question == FINISHED:
            state, finished = DONE, entry.time
        elif entry.question == NOTE:
            note = entry.value or ""
        elif entry.item:
            changes += entry.item in marks.get(entry.question, {})
            marks.setdefault(entry.question, {}).pop(entry.item, None)
            if entry.value is not None:
                marks[entry.question][entry.item] = entry.value
        elif entry.question != CLOSED:
            changes += entry.question in values
            values.pop(entry.question, None)
            if entry.value is not None:
                values[entry.question] = entry.value
        if entry.question not in (CLOSED, OPENED, LATER, FINISHED) and state == PUT_OFF:
            state = BEGUN
        last = time
    if opened is not None and last is not None:
        seconds += (last - opened).total_seconds()
    return Answers(values, marks, note, state, seconds, changes, finished)


class Reading:
    """One reader's work on a study: what the panel and the command line stand on.

    Every change is on the disk when the call returns. A finished task is closed for good.

    Parameters
    ----------
    study : Path
    reader : str
    now : callable, optional
        Gives the time; for tests.

    Raises
    ------
    ParameterError, ResultError
        When the study or the reader's file cannot be read or do not belong together.
    """

    def __init__(self, study: Path, reader: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.study, self._now = Path(study), now
        self.plan, self._cases = read_plan(study), read_cases(study)
        self.file = ReaderFile(reader_path(study, reader))
        if self.file.plan_digest != self.plan.digest:
            raise ResultError("The plan was changed after this reader was assigned; restore it, or assign anew.")
        missing = next((task.case for task in self.file.tasks if task.case not in self._cases), None)
        if missing is not None:
            raise ResultError(f"The case “{missing}” of the reader's list is no longer in the table of cases.")
        self._truth = read_truth(study)
        self._positions = {case: number for number, case in enumerate(dict.fromkeys(t.case for t in self.tasks), 1)}
        self._answers = {task.position: answers_of(self.file.entries(task.position)) for task in self.tasks}
        self.current: Task | None = None

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The reader's list."""
        return self.file.tasks

    def answers(self, task: Task) -> Answers:
        """What holds of a task."""
        return self._answers[task.position]

    def title(self, task: Task) -> str:
        """What readers see a task called: its number, unless names are shown."""
        name = f"Case {self._positions[task.case]}" if self.plan.blind_names else task.case
        return f"{name} of {len(self._positions)}" if self.plan.blind_names else name

    def images(self, task: Task) -> tuple[Path, ...]:
        """The images of a task's case."""
        return self._cases[task.case].images

    def results(self, task: Task) -> tuple[Path, ...]:
        """The results of the analysis, one for each image, where the reader may see them; else none."""
        return self._cases[task.case].results if task.condition in (AIDED, ADJUDICATION) else ()

    def why_closed(self, task: Task) -> str:
        """Why a task cannot be opened now, in one sentence; empty when it can."""
        earlier = [other for other in self.tasks if other.position < task.position]
        if task.session > 1:
            ends = [self.answers(other) for other in earlier if other.session < task.session]
            if any(end.state != DONE for end in ends):
                return "Finish the cases of the first session first."
            washout = timedelta(days=self.plan.washout_days)
            opens = max((datetime.fromisoformat(end.finished) for end in ends), default=self._now() - washout) + washout
            if self._now() < opens:
                return f"The second session opens on {opens.date().isoformat()}."
        same = [other for other in earlier if other.case == task.case and other.session == task.session]
        if any(self.answers(other).state != DONE for other in same):
            return "Finish the reading of this case without the results first."
        if any(self.answers(other).state != DONE for other in earlier if other.is_training) and not task.is_training:
            return "Finish the training cases first."
        return ""

    def open(self, task: Task) -> None:
        """Turn to a task; the one that was open is left.

        Raises
        ------
        ReadingError
            When it cannot be opened now.
        """
        reason = self.why_closed(task)
        if reason:
            raise ReadingError(reason)
        if task is self.current:
            return
        self.leave()
        if self.answers(task).state != DONE:
            self._add(task, OPENED, True)
        self.current = task

    def leave(self) -> None:
        """Stop the clock of the open task."""
        task, self.current = self.current, None
        if task is not None and self.answers(task).state != DONE:
            self._add(task, CLOSED, True)

    def step(self, direction: int, only_unfinished: bool = False) -> bool:
        """Open the next (1) or previous (−1) task that can be opened; return whether there is one."""
        at = self.current.position if self.current is not None else (-1 if direction > 0 else len(self.tasks))
        for task in (self.tasks[at + 1 :]) if direction > 0 else reversed(self.tasks[: max(at, 0)]):
            if not self.why_closed(task) and not (only_unfinished and self.answers(task).state == DONE):
                self.open(task)
                return True
        return False

    def next_unfinished(self) -> bool:
        """Open the next unfinished task, from the beginning again after the last; False when all are finished."""
        if self.step(1, only_unfinished=True):
            return True
        for task in self.tasks:
            if self.answers(task).state != DONE and not self.why_closed(task):
                self.open(task)
                return True
        return False

    @property
    def finished(self) -> int:
        """How many tasks are finished."""
        return sum(self.answers(task).state == DONE for task in self.tasks)

    def asked(self) -> tuple[Question, ...]:
        """The questions of the open task, by the answers so far."""
        given = self.answers(self._open_task()).values
        return tuple(question for question in self.plan.questions if question.is_asked(given))

    def missing(self) -> tuple[Question, ...]:
        """The questions that the open task still needs an answer to; marks are never missing: there may be none."""
        given = self.answers(self._open_task()).values
        return tuple(q for q in self.asked() if q.required and q.kind != MARKS and given.get(q.name) in (None, ""))

    def answer(self, name: str, value: Any) -> None:
        """Answer a question of the open task; None takes the answer back, and the same answer is not written twice.

        Raises
        ------
        ParameterError
            When it is no answer to the question, or the question is not asked.
        ReadingError
            When the task is closed.
        """
        task, question = self._changeable(), self.plan.question(name)
        if question.kind == MARKS:
            raise ParameterError(f"“{question.text}” is answered by marks in the image.")
        if question not in self.asked():
            raise ParameterError(f"“{question.text}” is not asked after the answers so far.")
        question.check(value)
        if self.answers(task).values.get(name) == value:
            return
        self._add(task, name, value)

    def mark(self, name: str, image: int, row: float, column: float, score: float = 50.0, item: str = "") -> str:
        """Mark a place of the open task's image, or change the mark called ``item``; return the mark's name.

        A mark of a single calcification goes to the peak of the speck that lies there, and stays where none does.

        Parameters
        ----------
        name : str
            Of the question.
        image : int
            Counts from 0.
        row, column : float
            Pixels.
        score : float
            0 to 100.
        item : str
        """
        task, question = self._changeable(), self.plan.question(name)
        if question.kind != MARKS or question not in self.asked():
            raise ParameterError(f"“{question.text}” is not answered by marks now.")
        if not 0 <= image < len(self.images(task)):
            raise ParameterError("The mark lies in no image of the case.")
        if question.specks and self._is_new_place(task, name, item, image, row, column):
            from .specks import speck_at  # loads what most studies do not need

            speck = speck_at(self.images(task)[image], row, column)
            row, column = (row, column) if speck is None else (float(place) for place in speck.peak)
        value = {"image": image, "row": round(row, 2), "column": round(column, 2), "score": score}
        question.check(value)
        item = item or uuid.uuid4().hex[:12]
        if self.answers(task).marks.get(name, {}).get(item) != value:
            self._add(task, name, value, item)
        return item

    def _is_new_place(self, task: Task, name: str, item: str, image: int, row: float, column: float) -> bool:
        known = self.answers(task).marks.get(name, {}).get(item)
        return known is None or (known["image"], known["row"], known["column"]) != (image, row, column)

    def unmark(self, name: str, item: str) -> None:
        """Take a mark away."""
        task = self._changeable()
        if item in self.answers(task).marks.get(name, {}):
            self._add(task, name, None, item)

    def note(self, text: str) -> None:
        """Write the reader's note on the open task; allowed also when it is finished."""
        task = self._open_task()
        if text != self.answers(task).note:
            self._add(task, NOTE, text)

    def come_back_later(self) -> None:
        """Put the open task off; it stays unfinished."""
        task = self._changeable(after_time=True)
        self._add(task, LATER, True)

    def finish(self) -> str:
        """Close the open task for good; return the feedback of a training case, else an empty text.

        Raises
        ------
        ReadingError
            When an answer is missing.
        """
        task = self._changeable(after_time=True)
        missing = self.missing()
        if missing and self.seconds_left() != 0:
            raise ReadingError(f"Please answer first: {missing[0].text}")
        self._add(task, CLOSED, True)
        self._add(task, FINISHED, True)
        return self.feedback(task)

    def feedback(self, task: Task) -> str:
        """What a reader learns of a finished training case; empty for others."""
        known = self._truth.get(task.case)
        if not task.is_training or self.answers(task).state != DONE or known is None:
            return ""
        return known.feedback or ("The disease is present." if known.diseased else "There is no disease.")

    def seconds_left(self) -> float | None:
        """Of the open task's time limit, 0 when it is over; None without a limit."""
        if not self.plan.minutes_per_case:
            return None
        task = self._open_task()
        entries = self.file.entries(task.position)
        begun = max((datetime.fromisoformat(e.time) for e in entries if e.question == OPENED), default=self._now())
        before = answers_of([entry for entry in entries if datetime.fromisoformat(entry.time) < begun]).seconds
        used = before + (self._now() - begun).total_seconds()
        return max(0.0, 60 * self.plan.minutes_per_case - used)

    def close(self) -> None:
        """Stop the clock and close the file."""
        self.leave()
        self.file.close()

    def _open_task(self) -> Task:
        if self.current is None:
            raise ReadingError("Open a case first.")
        return self.current

    def _changeable(self, after_time: bool = False) -> Task:
        task = self._open_task()
        if self.answers(task).state == DONE:
            raise ReadingError("This reading is finished and cannot be changed.")
        if not after_time and self.seconds_left() == 0:
            raise ReadingError("The time for this case is over; finish it.")
        return task

    def _add(self, task: Task, question: str, value: Any, item: str = "") -> None:
        self.file.add(task.position, question, value, item, self._now())
        self._answers[task.position] = answers_of(self.file.entries(task.position))
