"""A published study's printed numbers, read from JSON, and what they imply or contradict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from MicrocalcAILib.base.errors import ResultError

from ...resources import resource_path
from . import accuracy, confusion, groups, regression
from .finding import Finding

FORMAT = "microcalc published study"
VERSION = 1
EXAMPLE = "Examples/yan_fang_2025.json"
_SECTIONS = {"measurements", "categories", "accuracy", "confusion_tables", "auc_comparisons", "regression",
             "correlations", "agreement", "sample_size", "single_patients", "earlier_studies", "remarks"}  # fmt: skip
_LARGEST_COUNT = 100_000  # lesions of a group: the possible counts behind a percentage are gone through one by one
_HEAD = {"format", "version", "title", "source", "groups"}
_CHECKS = (
    groups.check_case_mix,
    groups.check_measurements,
    groups.check_categories,
    accuracy.check_accuracy,
    confusion.check_confusion_tables,
    accuracy.check_curve,
    accuracy.check_auc_comparisons,
    accuracy.check_sample_size,
    regression.check_regression,
    groups.check_correlations,
    groups.check_agreement,
    groups.check_single_patients,
    groups.check_earlier_studies,
)


@dataclass(frozen=True)
class PublishedCheck:
    """Outcome of checking one study.

    Parameters
    ----------
    title, source : str
        Of the study.
    findings : tuple of Finding
    remarks : tuple of str
        What a reader of the study noted and no calculation can show.
    """

    title: str
    source: str
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """One row per finding: ``topic``, ``item``, ``printed``, ``implied``, ``verdict``, ``explanation``."""
        return pd.DataFrame([vars(finding) for finding in self.findings])

    def verdict_counts(self) -> dict[str, int]:
        """How many findings have each verdict."""
        return {str(name): int(count) for name, count in self.table()["verdict"].value_counts().items()}


def example_study() -> Path:
    """The bundled example: the figures of Yan & Fang 2025."""
    return resource_path(EXAMPLE)


def load_published_study(path: Path) -> dict[str, Any]:
    """Read the printed figures of a study.

    The file is JSON with ``format``, ``version``, ``title``, ``source``, ``groups`` (malignant and benign counts) and
    any of the sections of the bundled example. Printed numbers are texts, because their digits tell the rounding.

    Raises
    ------
    ResultError
        When the file is not such a description.
    """
    path = Path(path)
    try:
        study = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ResultError(f"“{path.name}” is not a readable JSON file of published figures.") from error
    if not isinstance(study, dict) or study.get("format") != FORMAT or study.get("version") != VERSION:
        raise ResultError(f"“{path.name}” is not a description of a published study (format “{FORMAT}”, version 1).")
    absent = _HEAD - study.keys()
    unknown = study.keys() - _HEAD - _SECTIONS
    if absent or unknown:
        problem = f"lacks “{min(absent)}”" if absent else f"has the unknown section “{min(unknown)}”"
        raise ResultError(f"“{path.name}” {problem}; see the bundled example for the form.")
    if any(abs(count) > _LARGEST_COUNT for count in _whole_numbers(study)):
        raise ResultError(
            f"“{path.name}” holds a count above {_LARGEST_COUNT:,}, more than can be checked; correct it, or write "
            "a printed number as text."
        )
    return study


def _whole_numbers(part: Any) -> Iterator[int]:
    if isinstance(part, int):
        yield part
    elif isinstance(part, (dict, list)):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _whole_numbers(inner)


def check_published(study: dict[str, Any], seed: int = 0) -> PublishedCheck:
    """Recompute what the printed numbers imply and compare.

    Parameters
    ----------
    study : dict
        From :func:`load_published_study`.
    seed : int
        For the simulated sampling ranges.

    Raises
    ------
    ResultError
        When a section is not in the form of the bundled example.
    """
    findings: list[Finding] = []
    for check in _CHECKS:
        try:
            findings.extend(check(study, seed))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as error:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            raise ResultError(f"The published figures on {name} are not in the form of the bundled example.") from error
    remarks: Sequence[str] = study.get("remarks", ())
    return PublishedCheck(
        str(study["title"]), str(study["source"]), tuple(findings), tuple(str(text) for text in remarks)
    )
