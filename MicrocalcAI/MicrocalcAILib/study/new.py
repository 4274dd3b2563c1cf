"""New studies: from a dataset, whose truth is kept from the readers, or from images alone; and copies for readers."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..analysis import ANALYSIS_FILE
from ..base.errors import ParameterError, ResultError
from ..base.resources import resource_path
from ..dataset.dataset import Dataset, DatasetImage, locate
from ..dataset.lesions import LESION_COLUMNS, lesions_of
from ..evaluation.cluster_marks import MARGIN_MM
from .cases import BOX, Case, Truth, read_cases, read_truth, write_cases, write_truth
from .plan import PLAN_FILE
from .reader_file import ReaderFile, reader_path

EXAMPLE, ELASTOGRAPHY_EXAMPLE = "Studies/questions.json", "Studies/elastography_questions.json"
_ASSUMED_SPACING_MM = 0.07


def example_plan(title: str, mode: str, seed: int, of_elastograms: bool = False) -> dict[str, Any]:
    """A plan with the questions that most studies of calcifications, or of elastograms, ask."""
    record: dict[str, Any] = {"schema": 1, "title": title, "mode": mode, "seed": seed}
    return record | json.loads(
        resource_path(ELASTOGRAPHY_EXAMPLE if of_elastograms else EXAMPLE).read_text(encoding="utf-8")
    )


def cases_of_dataset(
    dataset: Dataset, results: Path | None, training: int, seed: int
) -> tuple[list[Case], dict[str, Truth]]:
    """A case for each image of a dataset, and its truth.

    A case is diseased when its image is malignant or, where no outcome is known, when it shows a cluster. Marks hit a
    cluster inside its bounding box, widened by 1 mm as marks of CAD programs are counted.

    Parameters
    ----------
    dataset : Dataset
    results : Path or None
        Folder with one folder of ``microcalc analyze`` for each image, of the same name.
    training : int
        How many cases, drawn by the seed, train the readers.
    seed : int

    Raises
    ------
    ParameterError, ResultError
        When there are not more cases than training cases, or an image or result is missing.
    """
    names = [image.name for image in dataset.images]
    drawn = _drawn(names, training, seed)
    cases, truth = [], {}
    for image in dataset.images:
        shown = () if results is None else (_result(results, image.name),)
        cases.append(Case(image.name, image.patient or image.name, (locate(image),), shown, image.name in drawn))
        truth[image.name] = _truth_of(image, dataset)
    return cases, truth


def cases_of_images(images: Sequence[Path], results: Path | None, training: int, seed: int) -> list[Case]:
    """A case for each image; ParameterError when two have one name or there are not enough."""
    names = [path.name.partition(".")[0] for path in images]
    if len(set(names)) < len(names):
        raise ParameterError("Two images have the same name; give a table of cases, or rename one.")
    drawn = _drawn(names, training, seed)
    return [
        Case(name, name, (path,), () if results is None else (_result(results, name),), name in drawn)
        for name, path in zip(names, images, strict=True)
    ]


def package(study: Path, reader: str, folder: Path, copies_images: bool = True) -> None:
    """Write what one reader needs into a folder for another machine: plan, cases, images, results, the reader's file.

    Of the truth only that of training cases goes along, and no other reader's answers.

    Raises
    ------
    ParameterError, ResultError
        When the folder holds something, or the reader has no list.
    """
    study, folder = Path(study), Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ParameterError(f"“{folder.name}” holds something already; choose an empty folder.")
    file = ReaderFile(reader_path(study, reader))
    cases, truth = list(read_cases(study).values()), read_truth(study)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(study / PLAN_FILE, folder / PLAN_FILE)
    if copies_images:
        cases = [_copied(case, number, folder) for number, case in enumerate(cases, start=1)]
    write_cases(folder, cases)
    write_truth(folder, {case.name: truth[case.name] for case in cases if case.is_training and case.name in truth})
    file.save_copy(reader_path(folder, reader))
    file.close()


def _copied(case: Case, number: int, folder: Path) -> Case:
    """The case with its files in a folder; the names of the files say nothing."""
    images, results = [], []
    for index, path in enumerate(case.images, start=1):
        target = folder / "cases" / f"{number:04d}_{index}{path.suffix.lower()}"
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(path, target)
        images.append(target)
    for index, path in enumerate(case.results, start=1):
        target = folder / "results" / f"{number:04d}_{index}"
        shutil.copytree(path, target)
        results.append(target)
    return Case(case.name, case.patient, tuple(images), tuple(results), case.is_training)


def _drawn(names: Sequence[str], count: int, seed: int) -> set[str]:
    if not 0 <= count < len(names):
        raise ParameterError(f"Of {len(names)} cases {count} cannot be training cases; more cases are needed.")
    return {names[index] for index in np.random.default_rng(seed).permutation(len(names))[:count]}


def _result(results: Path, name: str) -> Path:
    path = Path(results) / name
    if not (path / ANALYSIS_FILE).is_file():
        raise ResultError(f"The image “{name}” has no results in “{Path(results).name}”; analyze it first.")
    return path


def _truth_of(image: DatasetImage, dataset: Dataset) -> Truth:
    margin = MARGIN_MM / (image.spacing_mm or _ASSUMED_SPACING_MM)
    known = lesions_of(image, dataset) if image.annotation else pd.DataFrame(columns=list(LESION_COLUMNS))
    lesions = known[["lesion", *BOX]].assign(image=0)
    for end in BOX:
        lesions[end] += -margin if end.endswith("min") else margin
    diseased = image.malignant == 1 if not math.isnan(image.malignant) else len(lesions) > 0
    return Truth(diseased, "", lesions[["image", "lesion", *BOX]])
