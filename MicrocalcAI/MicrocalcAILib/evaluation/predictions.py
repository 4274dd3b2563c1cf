"""What was found in each image: folders of analyses, or mammography CAD documents of any maker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from ..analysis import load_analysis
from ..base.errors import ParameterError, ResultError, WarningRecord
from ..base.files import is_hidden
from ..lexicon.clouds import Cloud
from .findings import Findings
from .patients import patient_of


@dataclass(frozen=True)
class Prediction:
    """What was found in one image.

    Parameters
    ----------
    findings : Findings
    spacing_mm : (float, float)
    breast_area_cm2 : float
    patient : str
        Empty when nobody said.
    cluster_marks : DataFrame or None
        Clusters that are marked by themselves: ``id``, ``row``, ``column``, ``probability``. None: clusters are what
        the ``cluster_id`` of their members says.
    clouds : tuple of Cloud or None
        None when what was found says nothing about clouds.
    """

    findings: Findings
    spacing_mm: tuple[float, float]
    breast_area_cm2: float
    patient: str = ""
    cluster_marks: pd.DataFrame | None = None
    clouds: tuple[Cloud, ...] | None = None


class Predictions(Protocol):
    """What was found in a set of images."""

    @property
    def names(self) -> Sequence[str]:
        """Images that were read, those included in which nothing was found."""

    @property
    def warnings(self) -> Sequence[WarningRecord]:
        """Doubts about all of them."""

    def read(self, name: str, shape: tuple[int, int]) -> Prediction:
        """What was found in an image of these rows and columns."""


class AnalysisFolders:
    """One folder per image as ``microcalc analyze`` writes it, by its name.

    Parameters
    ----------
    folders : dict of str to Path
    """

    warnings: Sequence[WarningRecord] = ()

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders

    @property
    def names(self) -> Sequence[str]:
        return sorted(self._folders)

    def read(self, name: str, shape: tuple[int, int]) -> Prediction:
        """See :class:`Predictions`; a label map of another shape is refused when it is compared."""
        analysis = load_analysis(self._folders[name])
        findings = findings_of(name, "analysis", analysis.calcifications, analysis.labels)
        patient = patient_of(analysis.provenance)
        return Prediction(findings, analysis.spacing_mm, analysis.breast_area_cm2, patient, clouds=analysis.clouds)


def image_folders(parent: Path, file_name: str) -> dict[str, Path]:
    """The folders in a folder that hold a file of this name, by their own names.

    Raises
    ------
    ResultError
        When there is no such folder.
    """
    if not parent.is_dir():
        raise ResultError(f"There is no folder “{parent.name}”.")
    return {
        folder.name: folder
        for folder in parent.iterdir()
        if not is_hidden(folder, parent) and (folder / file_name).is_file()
    }


def findings_of(name: str, side: str, table: pd.DataFrame, labels: np.ndarray) -> Findings:
    """Findings of the image called ``name``.

    Raises
    ------
    ResultError
        When table and map contradict each other; ``side`` says whose they are.
    """
    try:
        return Findings(table, labels)
    except ParameterError as error:
        raise ResultError(f"The {side} of image “{name}” contradicts itself: {error}") from error
