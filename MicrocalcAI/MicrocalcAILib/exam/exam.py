"""An exam as a result: images, findings, breasts, what to keep in mind; saved to a folder, loaded from it."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base.errors import ResultError, WarningRecord
from .density import Density
from .findings import Finding
from .identity import ImageIdentity
from .marks import Mark
from .place import Frame

EXAM_FILE = "exam.json"
SCHEMA = 1


@dataclass(frozen=True)
class ExamView:
    """One image of an exam.

    Parameters
    ----------
    identity : ImageIdentity
    results : str
        Place of the image's own results below the output folder.
    shape : (int, int)
    spacing_mm : (float, float)
    spacing_source : str
    breast_box : (int, int, int, int)
        As in :class:`~MicrocalcAILib.analysis.Analysis`.
    chest_wall_side : {"left", "right"} or None
    frame : Frame or None
    density : Density or None
    calcifications, clusters : int
    gone : tuple of Mark
        Clusters of the prior, in the prior's positions, of which nothing is found now.
    prior : str
        Name of the prior image it was compared with; empty without one.
    """

    identity: ImageIdentity
    results: str
    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    spacing_source: str
    breast_box: tuple[int, int, int, int]
    chest_wall_side: str | None
    frame: Frame | None
    density: Density | None
    calcifications: int
    clusters: int
    gone: tuple[Mark, ...] = ()
    prior: str = ""


@dataclass(frozen=True)
class Breast:
    """What an exam says about one breast.

    Parameters
    ----------
    laterality : {"L", "R"}
    highest : int or None
        Number of its finding with the highest risk.
    density : Density or None
        Mean over its views.
    """

    laterality: str
    highest: int | None
    density: Density | None


@dataclass(frozen=True)
class Exam:
    """The result of an exam; see :func:`~.examine.examine`.

    Parameters
    ----------
    key : str
        Stable name without patient data.
    date, prior_date : str
        ``YYYY-MM-DD``, or empty.
    views, priors : tuple of ExamView
    findings : tuple of Finding
    breasts : tuple of Breast
        Right first.
    asymmetry : tuple of str
        Differences between left and right, as information.
    caveats : tuple of str
        What makes findings and risks less certain in this woman or man.
    warnings : tuple of WarningRecord
    provenance : dict
        JSON-ready.
    """

    key: str
    date: str
    prior_date: str
    views: tuple[ExamView, ...]
    priors: tuple[ExamView, ...]
    findings: tuple[Finding, ...]
    breasts: tuple[Breast, ...]
    asymmetry: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    warnings: tuple[WarningRecord, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    def view(self, name: str) -> ExamView:
        """The image of a name, of now or of the prior."""
        return next(view for view in (*self.views, *self.priors) if view.identity.name == name)


def exam_text(exam: Exam) -> str:
    """An exam as JSON; :func:`exam_of` reads it back."""
    record = {"schema": SCHEMA, **_plain(dataclasses.asdict(exam))}
    for kind in ("views", "priors"):
        for view, saved in zip(getattr(exam, kind), record[kind], strict=True):
            saved["frame"] = None if view.frame is None else _plain(view.frame.to_dict())
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)


def save_exam(exam: Exam, folder: Path) -> None:
    """Write ``exam.json`` into an existing folder; :func:`load_exam` reads it back."""
    (Path(folder) / EXAM_FILE).write_text(exam_text(exam) + "\n", encoding="utf-8")


def load_exam(folder: Path) -> Exam:
    """Read an exam back from its folder.

    Raises
    ------
    ResultError
        When there is none, or it was written by something else.
    """
    folder = Path(folder)
    try:
        text = (folder / EXAM_FILE).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _incomplete(folder.name, error) from error
    return exam_of(text, folder.name)


def exam_of(text: str, name: str) -> Exam:
    """An exam of :func:`exam_text`; ``name`` is what an error calls it.

    Raises
    ------
    ResultError
        When it was written by something else.
    """
    try:
        record = json.loads(text)
        if record.pop("schema") != SCHEMA:
            raise ResultError(f"The exam “{name}” was written by another version; please analyze it again.")
        return Exam(
            **{
                **record,
                "views": tuple(map(_view, record["views"])),
                "priors": tuple(map(_view, record["priors"])),
                "findings": tuple(map(Finding.from_dict, record["findings"])),
                "breasts": tuple(
                    Breast(one["laterality"], one["highest"], _density(one["density"])) for one in record["breasts"]
                ),
                "asymmetry": tuple(record["asymmetry"]),
                "caveats": tuple(record["caveats"]),
                "warnings": tuple(WarningRecord(**warning) for warning in record["warnings"]),
            }
        )
    except ResultError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _incomplete(name, error) from error


def _incomplete(name: str, error: Exception) -> ResultError:
    return ResultError(
        f"“{name}” is not a complete exam ({type(error).__name__}); please give a folder below “exams” that "
        "microcalc analyze-exam wrote."
    )


def _view(record: dict[str, Any]) -> ExamView:
    values = dict(record)
    values["identity"] = ImageIdentity.from_dict(record["identity"])
    values["frame"] = None if record["frame"] is None else Frame.from_dict(record["frame"])
    values["density"] = _density(record["density"])
    values["gone"] = tuple(map(Mark.from_dict, record["gone"]))
    for name in ("shape", "spacing_mm", "breast_box"):
        values[name] = tuple(record[name])
    return ExamView(**values)


def _density(record: dict[str, Any] | None) -> Density | None:
    return None if record is None else Density(**record)


def _plain(value: Any) -> Any:
    """JSON has no NaN: numbers that do not exist become null."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
