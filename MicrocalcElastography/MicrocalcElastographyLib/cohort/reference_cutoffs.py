"""Published cut-offs, each with its source and the statistic it belongs to. References, never verdicts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAILib.statistics.diagnostic import DiagnosticTable

from ..resources import resource_path

FORMAT = "microcalc reference cut-offs"


@dataclass(frozen=True)
class ReferenceCutoff:
    """A published cut-off: suspicious from ``value`` on.

    Parameters
    ----------
    name : str
        Authors and year.
    quantities : tuple of str
        Keys of the quantities it may be applied to, see :mod:`.quantities`.
    statistic : str
        What was measured.
    value : float
    unit : str
    population, source, caution : str
    performance : DiagnosticTable or None
        Counts in the publication, when they are known.
    is_exclusive : bool
        True when only values above the cut-off are suspicious, not the cut-off itself.
    """

    name: str
    quantities: tuple[str, ...]
    statistic: str
    value: float
    unit: str
    population: str
    source: str
    caution: str
    performance: DiagnosticTable | None
    is_exclusive: bool = False

    @property
    def description(self) -> str:
        """Statistic, population, source and caution in one line."""
        return f"{self.statistic}; {self.population}; {self.source}. {self.caution}"


def load_reference_cutoffs(path: Path | None = None) -> tuple[ReferenceCutoff, ...]:
    """Read the cut-offs that come with the module, or a file of the same form.

    Raises
    ------
    ResultError
        When the file is not a list of cut-offs.
    """
    path = resource_path("reference_cutoffs.json") if path is None else Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError
        return tuple(
            ReferenceCutoff(
                name=str(entry["name"]),
                quantities=tuple(str(key) for key in entry["quantities"]),
                statistic=str(entry["statistic"]),
                value=float(entry["value"]),
                unit=str(entry["unit"]),
                population=str(entry["population"]),
                source=str(entry["source"]),
                caution=str(entry["caution"]),
                performance=DiagnosticTable(**entry["counts"]) if "counts" in entry else None,
                is_exclusive=bool(entry.get("is_exclusive", False)),
            )
            for entry in content["cutoffs"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"“{path.name}” is not a readable list of reference cut-offs.") from error


def reference_cutoffs_for(quantity: str) -> tuple[ReferenceCutoff, ...]:
    """The bundled cut-offs that may be applied to a quantity (its key), e.g. ``elasticity_max``."""
    return tuple(cutoff for cutoff in load_reference_cutoffs() if quantity in cutoff.quantities)


def find_reference_cutoff(name: str) -> ReferenceCutoff:
    """The bundled cut-off of this name.

    Raises
    ------
    ParameterError
        When there is none; the sentence lists the names.
    """
    known = load_reference_cutoffs()
    for cutoff in known:
        if cutoff.name.casefold() == name.casefold():
            return cutoff
    names = ", ".join(f"“{cutoff.name}”" for cutoff in known)
    raise ParameterError(f"There is no published cut-off “{name}”; there are: {names}.")
