"""Annotated images as a selector sees them: candidates with measurements and truth, and how a selector does on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.model_folder import model_kind, read_model_files
from ..base.parameters import CandidateParameters
from ..base.trees import TreeEnsemble
from ..dataset.dataset import DatasetImage, read_image
from ..evaluation.findings import Findings
from ..evaluation.matching import Matches, MatchingRule, Region, match_calcifications
from ..networks.catalogue import find_network
from ..networks.regressor import Look, SpeckRegressor
from ..networks.selector import KIND as NETWORK_KIND
from ..networks.selector import SCHEMA as NETWORK_SCHEMA
from ..networks.selector import NetworkSelector
from ..phantom import Phantom
from ..reading.mammogram import Mammogram
from ..segmentation.candidates import Candidates
from ..segmentation.selection import KIND, SCHEMA, MeasurementSelector, judged_twice, without_overlaps
from .measured_candidates import measured
from .selector import what_candidates_are

_LEAST_PROBABILITY = 0.01  # marks below it are never shown at any operating point


@dataclass(frozen=True)
class Base:
    """A selector that is to be adapted.

    Parameters
    ----------
    name, kind : str
    schema : int
    card : dict
    files : dict, name -> content
        All files of the model folder.
    trees : MeasurementSelector
    regressor : SpeckRegressor or None
    """

    name: str
    kind: str
    schema: int
    card: dict[str, Any]
    files: dict[str, bytes]
    trees: MeasurementSelector
    regressor: SpeckRegressor | None

    @classmethod
    def load(cls, name: str | Path = "SpeckSelectorNetwork") -> Base:
        """A selector of the catalogue, or in a folder; raises ModelError or MissingPackageError."""
        folder = find_network(name)
        kind = model_kind(folder)
        if kind == KIND:
            card, files = read_model_files(folder, KIND, SCHEMA)
            return cls(folder.name, KIND, SCHEMA, card, files, MeasurementSelector.load(folder), None)
        card, files = read_model_files(folder, NETWORK_KIND, NETWORK_SCHEMA)
        selector = NetworkSelector.load(folder)
        return cls(folder.name, NETWORK_KIND, NETWORK_SCHEMA, card, files, selector.trees, selector.regressor)

    @property
    def candidate_parameters(self) -> CandidateParameters:
        """What the selector's candidates were found with."""
        return CandidateParameters(**self.card["candidate_parameters"])

    @property
    def models(self) -> tuple[str, str]:
        """The two ensembles as text."""
        return self.trees.models


class Judge:
    """Two ensembles in the place of a selector's own, read once for many images."""

    def __init__(self, models: tuple[str, str]) -> None:
        self._first, self._second = (TreeEnsemble(model) for model in models)

    def probabilities(self, values: NDArray[np.float64], positions_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """As :meth:`~MicrocalcAILib.segmentation.selection.MeasurementSelector.probabilities`."""
        if not len(values):
            return np.empty(0)
        return judged_twice(self._first, self._second, values, positions_mm)


@dataclass(frozen=True)
class Corrected:
    """The candidates of one image.

    Parameters
    ----------
    name, patient : str
    candidates : Candidates
    values : DataFrame
        What the selector knows of each candidate.
    positions_mm : float array, shape (candidates, 2)
    truth : int8 array, shape (candidates,)
        1 calcification, 0 none, −1 neither or not known.
    labels : int array, shape (rows, columns)
    spacing_mm : (float, float)
    breast_area_cm2 : float
    ignore_regions : sequence of Region
    look : Look or None
        What the selector's network saw, if it has one.
    """

    name: str
    patient: str
    candidates: Candidates
    values: pd.DataFrame
    positions_mm: NDArray[np.float64]
    truth: NDArray[np.int8]
    labels: NDArray[np.integer]
    spacing_mm: tuple[float, float]
    breast_area_cm2: float
    ignore_regions: Sequence[Region] = ()
    look: Look | None = None

    def judged_by(self, judge: Judge) -> NDArray[np.float64]:
        """Probability of each candidate."""
        return judge.probabilities(self.values.to_numpy(np.float64), self.positions_mm)

    def matches(self, probabilities: NDArray[np.float64]) -> Matches:
        """Every mark that a selector with these probabilities could show, matched to the truth."""
        worth = np.where(probabilities >= _LEAST_PROBABILITY, probabilities, 0)
        kept = without_overlaps(self.candidates, worth, self.labels.shape)
        marked = np.zeros(self.labels.shape, np.int32)
        candidates = self.candidates
        for number, index in enumerate(kept, start=1):
            own = slice(candidates.starts[index], candidates.starts[index + 1])
            marked[candidates.rows[own], candidates.columns[own]] = number
        table = Findings.from_labels(marked, self.spacing_mm).calcifications
        table["probability"] = probabilities[kept][table["id"].to_numpy(int) - 1]
        return match_calcifications(
            Findings(table, marked),
            Findings.from_labels(self.labels, self.spacing_mm),
            self.spacing_mm,
            MatchingRule(),
            image=self.name,
            patient=self.patient,
            breast_area_cm2=self.breast_area_cm2,
            ignore_regions=self.ignore_regions,
        )


def corrected(
    mammogram: Mammogram,
    labels: NDArray[np.integer],
    base: Base,
    *,
    name: str,
    patient: str,
    ignore_regions: Sequence[Region] = (),
) -> Corrected:
    """The candidates of an image whose calcifications are known.

    Raises
    ------
    ParameterError
        When the label map has another size.
    """
    if labels.shape != mammogram.pixels.shape:
        raise ParameterError(f"The outlines of “{name}” have another size than the image.")
    found = measured(mammogram, base.candidate_parameters, base.regressor)
    candidates = found.candidates
    truth = what_candidates_are(candidates, labels.astype(np.int32), mammogram.spacing_mm)
    for row_min, row_max, column_min, column_max in ignore_regions:
        rows, columns = candidates.peak_rows, candidates.peak_columns
        inside = (rows >= row_min) & (rows <= row_max) & (columns >= column_min) & (columns <= column_max)
        truth[inside] = -1
    return Corrected(
        name=name,
        patient=patient,
        candidates=candidates,
        values=found.values[list(base.trees.card["measurements"])],
        positions_mm=candidates.positions_mm(mammogram.spacing_mm),
        truth=truth,
        labels=labels,
        spacing_mm=mammogram.spacing_mm,
        breast_area_cm2=found.breast.area_cm2,
        ignore_regions=tuple(ignore_regions),
        look=None if found.look is None else found.look.in_half_precision(),
    )


def corrected_image(image: DatasetImage, base: Base) -> Corrected:
    """The candidates of an image of a dataset; raises MicrocalcError when it cannot be read or is not outlined."""
    return corrected(
        read_image(image),
        image.labels(),
        base,
        name=image.name,
        patient=image.patient or image.name,
        ignore_regions=image.ignore_regions(),
    )


def corrected_phantom(phantom: Phantom, base: Base, name: str) -> Corrected:
    """The candidates of a simulated image."""
    return corrected(phantom.mammogram, phantom.labels, base, name=name, patient=name)
