"""The plan of a reader study: what is asked, in which mode cases are read, and what is hidden from the readers."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..base.errors import ParameterError
from ..base.parameters import check_range
from ..lexicon.vocabulary import KINDS as WORD_KINDS
from ..lexicon.vocabulary import categories, words

PLAN_FILE = "study.json"
SCHEMA = 1
INDEPENDENT, SEQUENTIAL, CROSSOVER = "independent", "sequential", "crossover"
MODES = (INDEPENDENT, SEQUENTIAL, CROSSOVER)
UNAIDED, AIDED, ADJUDICATION = "unaided", "aided", "adjudication"
PROBABILITY, MARKS, TEXT, CHOICE, YES_NO, CATEGORY = "probability", "marks", "text", "choice", "yes-no", "category"
NUMBER = "number"
KINDS = (PROBABILITY, NUMBER, MARKS, TEXT, CHOICE, YES_NO, CATEGORY, *WORD_KINDS)
NUMERIC = (PROBABILITY, NUMBER)
LARGEST_NUMBER = 100_000.0
MAMMOGRAMS, ELASTOGRAMS = "mammograms", "elastograms"
IMAGES = (MAMMOGRAMS, ELASTOGRAMS)
HANGINGS = ("one view", "four views")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Condition:
    """A question is asked only after one of these answers to an earlier question."""

    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """One question of the form.

    Parameters
    ----------
    name : str
        In tables: lower-case letters, digits and ``_``.
    text : str
        As readers see it.
    kind : str
        ``probability`` (of malignancy, 0 to 100 %), ``number`` (from 0, in ``unit``: a ratio, a stiffness; the larger,
        the more suspicious), ``marks`` (points in the image, each with a score of 0 to 100),
        ``choice`` (one of ``choices``), ``yes-no``, ``category`` (BI-RADS), ``morphology`` and ``distribution`` (words
        of the lexicon), ``text``.
    required : bool
        Whether a case can be finished only with an answer; a question that is not asked needs none.
    choices : tuple of str
    when : Condition or None
    specks : bool
        Of marks: each is one single calcification, and goes to the speck that lies under it.
    unit : str
        Of a number, as readers see it.
    """

    name: str
    text: str
    kind: str
    required: bool = True
    choices: tuple[str, ...] = ()
    when: Condition | None = None
    specks: bool = False
    unit: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ParameterError(
                f"“{self.name:.40}” cannot name a question; use up to 40 lower-case letters, digits and _."
            )
        if self.kind not in KINDS:
            raise ParameterError(f"The question “{self.name}” is of no known kind; choose {', '.join(KINDS)}.")
        if (self.kind == CHOICE) != bool(self.choices) or len(set(self.choices)) != len(self.choices):
            raise ParameterError(
                f"The question “{self.name}” needs different “choices” if it is a choice, and none otherwise."
            )
        if self.specks and self.kind != MARKS:
            raise ParameterError(f"The question “{self.name}” asks for no marks, so “specks” says nothing there.")

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """The answers to choose from; none for numbers, marks and free text."""
        if self.kind in WORD_KINDS:
            return tuple(words(self.kind))
        if self.kind == CATEGORY:
            return ("1", *(category.name for category in categories()))  # 1: nothing to comment on
        return ("yes", "no") if self.kind == YES_NO else self.choices

    def check(self, answer: Any) -> None:
        """Refuse what is no answer to the question (None takes an answer back).

        Raises
        ------
        ParameterError
        """
        if answer is None:
            return
        if self.kind in NUMERIC:
            check_number(f"“{self.text}”", answer, 0, 100 if self.kind == PROBABILITY else LARGEST_NUMBER)
        elif self.kind == MARKS:
            if not isinstance(answer, dict) or set(answer) != {"image", "row", "column", "score"}:
                raise ParameterError("A mark has an image, a row, a column and a score.")
            check_number("The score of a mark", answer["score"], 0, 100)
            for name in ("image", "row", "column"):
                check_number(f"The {name} of a mark", answer[name], 0, 1e6)
        elif not isinstance(answer, str) or len(answer) > 10_000:
            raise ParameterError(f"The answer to “{self.text}” is text of up to 10,000 characters.")
        elif self.answers and answer not in self.answers:
            raise ParameterError(f"“{answer:.40}” is no answer to “{self.text}”; choose {', '.join(self.answers)}.")

    def is_asked(self, given: Mapping[str, Any]) -> bool:
        """Whether the question is asked, by the answers so far."""
        return self.when is None or given.get(self.when.question) in self.when.answers


def check_number(name: str, value: Any, lowest: float, highest: float) -> None:
    """Raise ParameterError unless the value is a number between the limits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ParameterError(f"{name} is answered by a number.")
    check_range(name, value, lowest, highest)


@dataclass(frozen=True)
class StudyPlan:
    """What a reader study is.

    Parameters
    ----------
    title : str
    questions : tuple of Question
    mode : {"independent", "sequential", "crossover"}
        Every case once; first without and then at once with the results of the analysis; or in two sessions, half of
        the cases with the results in the first session, the other half in the second.
    aided : bool
        Whether an independent reading shows the results of the analysis.
    seed : int
        Of the readers' orders of cases.
    washout_days : float
        Between the sessions of a crossover.
    minutes_per_case : float
        Time limit of one reading of a case; 0: none.
    hanging : {"one view", "four views"}
    images : {"mammograms", "elastograms"}
    blind_names, blind_dates : bool
        Whether names (of patients, files and cases) and dates are kept from the readers.
    digest : str
        SHA-256 of the file; readers' files belong to one plan.
    """

    title: str
    questions: tuple[Question, ...]
    mode: str = INDEPENDENT
    aided: bool = False
    seed: int = 1
    washout_days: float = 28.0
    minutes_per_case: float = 0.0
    hanging: str = HANGINGS[0]
    images: str = MAMMOGRAMS
    blind_names: bool = True
    blind_dates: bool = True
    digest: str = ""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ParameterError(f"The mode of a study is one of {', '.join(MODES)}, not “{self.mode:.40}”.")
        if self.hanging not in HANGINGS:
            raise ParameterError(f"The hanging of a study is one of {', '.join(HANGINGS)}, not “{self.hanging:.40}”.")
        if self.images not in IMAGES:
            raise ParameterError(f"The images of a study are {' or '.join(IMAGES)}, not “{self.images:.40}”.")
        if self.images == ELASTOGRAMS and (
            self.hanging != HANGINGS[0] or AIDED in self.conditions or any(one.specks for one in self.questions)
        ):
            raise ParameterError("Elastograms hang in one view, are read without results, and show no specks to mark.")
        if self.aided and self.mode != INDEPENDENT:
            raise ParameterError(f"“aided” belongs to independent readings; a {self.mode} study has both.")
        check_range("seed", self.seed, 0, 2**31)
        check_range("washout_days", self.washout_days, 0, 3650, "days")
        check_range("minutes_per_case", self.minutes_per_case, 0, 600, "minutes")
        if not self.questions:
            raise ParameterError("A study asks at least one question.")
        known: dict[str, Question] = {}
        for question in self.questions:
            if question.name in known:
                raise ParameterError(f"The question “{question.name}” is there twice; every name is used once.")
            if question.when is not None:
                earlier = known.get(question.when.question)
                if earlier is None or not set(question.when.answers) <= set(earlier.answers):
                    raise ParameterError(
                        f"The question “{question.name}” depends on answers that no earlier question has."
                    )
            known[question.name] = question

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that every case is read in, in the order of a sequential reading."""
        if self.mode == INDEPENDENT:
            return (AIDED if self.aided else UNAIDED,)
        return UNAIDED, AIDED

    def question(self, name: str) -> Question:
        """The question of this name; ParameterError when there is none."""
        for question in self.questions:
            if question.name == name:
                return question
        raise ParameterError(f"The study asks no question “{name:.40}”.")


def read_plan(folder: Path) -> StudyPlan:
    """The plan of a study's folder.

    ``study.json`` holds ``schema`` (1), ``title``, ``questions`` (a list of ``name``, ``text``, ``kind`` and, where
    wanted, ``required``, ``choices``, ``specks``, ``unit``, ``when`` with ``question`` and ``answers``), and the other
    entries of :class:`StudyPlan` where they differ from their defaults.

    Raises
    ------
    ParameterError
        When the file cannot be read, or holds something else; the sentence says what.
    """
    try:
        content = (Path(folder) / PLAN_FILE).read_bytes()
        record = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise ParameterError(f"“{Path(folder).name}” holds no study: “{PLAN_FILE}” cannot be read there.") from error
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"The plan “{PLAN_FILE}” is not sound JSON; correct it or begin anew.") from error
    return plan_of(record, hashlib.sha256(content).hexdigest())


_ENTRIES: dict[str, type | tuple[type, ...]] = {
    **{"schema": int, "title": str, "questions": list, "mode": str, "aided": bool, "seed": int, "hanging": str},
    "images": str,
    **{"washout_days": (int, float), "minutes_per_case": (int, float), "blind_names": bool, "blind_dates": bool},
}
_OF_QUESTION: dict[str, type | tuple[type, ...]] = {
    **{"name": str, "text": str, "kind": str, "required": bool, "choices": list, "when": dict},
    **{"specks": bool, "unit": str},
}
_OF_CONDITION: dict[str, type | tuple[type, ...]] = {"question": str, "answers": list}


def plan_of(record: Any, digest: str = "") -> StudyPlan:
    """The plan that a decoded file holds; see :func:`read_plan`."""
    entries = _checked(record, "the plan", _ENTRIES, ("schema", "title", "questions"))
    if entries.pop("schema") != SCHEMA:
        raise ParameterError(f"The plan was made for another version of Microcalc; this one reads schema {SCHEMA}.")
    entries["questions"] = tuple(_question_of(question) for question in entries["questions"])
    return StudyPlan(**entries, digest=digest)


def _question_of(record: Any) -> Question:
    entries = _checked(record, "a question", _OF_QUESTION, ("name", "text", "kind"))
    entries["choices"] = _texts(entries.get("choices", []), "choices")
    if "when" in entries:
        when = _checked(entries["when"], "the “when” of a question", _OF_CONDITION, tuple(_OF_CONDITION))
        entries["when"] = Condition(when["question"], _texts(when["answers"], "answers"))
    return Question(**entries)


def _texts(values: list[Any], name: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) and value for value in values):
        raise ParameterError(f"“{name}” of a question is a list of words.")
    return tuple(values)


def _checked(
    record: Any, place: str, known: dict[str, type | tuple[type, ...]], needed: tuple[str, ...]
) -> dict[str, Any]:
    """A copy of a table whose entries are known, there, and of their kinds."""
    if not isinstance(record, dict):
        raise ParameterError(f"In the study's plan, {place} holds names and values in braces.")
    for name, value in record.items():
        if name not in known:
            raise ParameterError(f"In the study's plan, {place} has no entry “{name:.40}”; known: {', '.join(known)}.")
        if not isinstance(value, known[name]) or (isinstance(value, bool) and known[name] is not bool):
            raise ParameterError(f"In the study's plan, “{name}” of {place} is of the wrong kind.")
    for name in needed:
        if name not in record:
            raise ParameterError(f"In the study's plan, {place} lacks “{name}”.")
    return dict(record)
