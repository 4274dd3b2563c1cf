"""The protocol of a study as a file: what was fixed beforehand, and who was excluded and why."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from MicrocalcAILib.base.errors import ParameterError

from ..resources import resource_path
from .diagnostics import GivenCutoff, given_cutoffs

EXAMPLE = "Examples/study_protocol.toml"
MEASURES = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}  # entry → in words
_TEXTS = ("title", "registration", "document", "design", "sampling", "setting", "sample_size", "criteria")
_LISTS = ("cutoffs", "low_suspicious", "subgroups", "model")
_SECTIONS = ("eligibility", "index_test", "reference_standard", "interval", "adverse_events", "checklist")


@dataclass(frozen=True)
class Hypothesis:
    """A measure of a parameter is expected to lie above a value.

    Parameters
    ----------
    text : str
        In the authors' words.
    parameter : str
        Column.
    measure : {"auc", "sensitivity", "specificity"}
        The last two at the parameter's first prespecified cut-off.
    above : float
        0 to 1.
    """

    text: str
    parameter: str
    measure: str
    above: float


@dataclass(frozen=True)
class FlowStep:
    """Participants who left the study at one step, by reason."""

    title: str
    reasons: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many left."""
        return sum(self.reasons.values())


@dataclass(frozen=True)
class StudyProtocol:
    """What a protocol file says; what it does not say is empty or None.

    Parameters
    ----------
    texts : mapping
        ``title``, ``registration``, ``document``, ``design``, ``sampling``, ``setting``, ``sample_size``, and the
        ``criteria`` of eligibility.
    hypotheses : tuple of Hypothesis
    cutoffs : mapping
        Column → cut-offs.
    low_suspicious, subgroups, model : tuple of str
        Columns.
    prevalence : float or None
    screened : int or None
        Potentially eligible participants.
    unit : str
        What is counted: ``patients`` or ``lesions``.
    steps : tuple of FlowStep
        In the order of the study: excluded, without index test, index test inconclusive, without reference standard,
        reference standard inconclusive.
    interval_column : str
        Column with the days between index test and reference standard.
    interval_text : str
        The same in words, when there is no column.
    adverse_events : mapping
        Of the index test and of the reference standard.
    checklist : mapping
        ``STARD 2015 13a`` → where the authors report it.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    hypotheses: tuple[Hypothesis, ...] = ()
    cutoffs: Mapping[str, tuple[GivenCutoff, ...]] = field(default_factory=dict)
    low_suspicious: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    prevalence: float | None = None
    screened: int | None = None
    unit: str = "patients"
    steps: tuple[FlowStep, ...] = ()
    interval_column: str = ""
    interval_text: str = ""
    adverse_events: Mapping[str, str] = field(default_factory=dict)
    checklist: Mapping[str, str] = field(default_factory=dict)

    @property
    def expected(self) -> int | None:
        """Participants who should be in the table: screened less everyone who left."""
        return None if self.screened is None else self.screened - sum(step.count for step in self.steps)


def read_protocol(path: Path) -> StudyProtocol:
    """Read a protocol from a TOML or JSON file.

    Raises
    ------
    ParameterError
        When the file is not readable or holds something else; the sentence names what.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ParameterError(f"The protocol “{path.name}” cannot be read; please check its name and folder.") from error
    except ValueError as error:
        raise ParameterError(f"The protocol “{path.name}” is not sound TOML or JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ParameterError(f"The protocol “{path.name}” is a list; it has to be a table of named entries.")
    try:
        return _protocol_of(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ParameterError(
            f"The protocol “{path.name}” does not fit the form: {error}. See the example of "
            "`microcalc cohort simulate --protocol`."
        ) from error


def example_protocol(analyzed: int) -> str:
    """The protocol of a simulated study in TOML, with every entry there is.

    Parameters
    ----------
    analyzed : int
        Lesions in its table, to which the counts of the flow add up.
    """
    text = resource_path(EXAMPLE).read_text(encoding="utf-8")
    left = sum(step.count for step in _protocol_of(tomllib.loads(text)).steps)
    return re.sub(r"(?m)^screened = \d+$", f"screened = {analyzed + left}", text)


def _protocol_of(content: dict[str, Any]) -> StudyProtocol:
    unknown = content.keys() - {*_TEXTS, *_LISTS, *_SECTIONS, "hypotheses", "prevalence"}
    if unknown:
        raise ParameterError(f"The protocol has the unknown entry “{min(unknown)}”.")
    lists = {name: tuple(str(entry) for entry in content.get(name, ())) for name in _LISTS}
    eligibility = content.get("eligibility", {})
    interval = content.get("interval", {})
    steps = (
        ("Excluded", eligibility.get("excluded", {})),
        ("Without index test", content.get("index_test", {}).get("not_done", {})),
        ("Index test inconclusive", content.get("index_test", {}).get("inconclusive", {})),
        ("Without reference standard", content.get("reference_standard", {}).get("not_done", {})),
        ("Reference standard inconclusive", content.get("reference_standard", {}).get("inconclusive", {})),
    )
    unit = str(eligibility.get("unit", "patients"))
    if unit not in ("patients", "lesions"):
        raise ParameterError(f"A protocol counts patients or lesions, not “{unit}”.")
    prevalence = content.get("prevalence")
    return StudyProtocol(
        texts={name: str(content[name]) for name in _TEXTS if name in content},
        hypotheses=tuple(_hypothesis(entry) for entry in content.get("hypotheses", ())),
        cutoffs=given_cutoffs(lists["cutoffs"]),
        low_suspicious=lists["low_suspicious"],
        subgroups=lists["subgroups"],
        model=lists["model"],
        prevalence=None if prevalence is None else float(prevalence),
        screened=_count(eligibility["screened"]) if "screened" in eligibility else None,
        unit=unit,
        steps=tuple(
            FlowStep(title, {str(reason): _count(count) for reason, count in reasons.items()})
            for title, reasons in steps
            if reasons
        ),
        interval_column=str(interval.get("column", "")),
        interval_text=str(interval.get("text", "")),
        adverse_events={str(test): str(events) for test, events in content.get("adverse_events", {}).items()},
        checklist={str(item): str(place) for item, place in content.get("checklist", {}).items()},
    )


def _hypothesis(entry: Mapping[str, Any]) -> Hypothesis:
    measure = str(entry.get("measure", "auc"))
    above = float(entry["above"])
    if measure not in MEASURES or not 0 <= above < 1:
        raise ParameterError(
            f"A hypothesis needs a measure ({', '.join(MEASURES)}) and a value from 0 to below 1 that it lies above."
        )
    return Hypothesis(str(entry.get("text", "")), str(entry["parameter"]), measure, above)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ParameterError(f"“{value}” is not a number of participants.")
    return value
