"""The images of a dataset as trainers take them: with marks for patches, with boxes for detectors; and who judges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from ..dataset.dataset import BOX, OUTLINES, RECORD_FILE, Dataset, DatasetImage, read_image
from ..dataset.lesions import calcifications_of, lesions_of
from ..segmentation.breast import find_breast
from .annotations import AnnotatedImage, marks_of
from .lesion_images import LesionImage, with_margin

TEST_SHARE = 0.25  # of the patients, where the publisher named no test
_STEP_PIXELS = 10.0  # between the places that stand for a region of which nothing is known


def is_dataset(folder: Path) -> bool:
    """Whether a folder is one of ``microcalc dataset``."""
    return (Path(folder) / RECORD_FILE).is_file()


def annotated_images(dataset: Dataset, progress: Progress = no_progress) -> Iterator[AnnotatedImage]:
    """The annotated images of a dataset; those of which nobody said where the calcifications are, are left out.

    Outlined calcifications are marks one by one, boxed lesions as a whole. No patch is cut where nothing is known.

    Raises
    ------
    ParameterError
        When no image is annotated.
    MicrocalcError
        When an image is missing or cannot be read.
    """
    for image in annotated(dataset, progress):
        mammogram = read_image(image)
        if image.annotation == OUTLINES:
            table = calcifications_of(image)
            table["group"] = table["cluster_id"].where(table["cluster_id"] > 0, -table["id"])
        else:
            table = lesions_of(image, dataset).rename(columns={"lesion": "group"})
        yield AnnotatedImage(
            name=image.name,
            patient=image.patient or image.name,
            mammogram=mammogram,
            breast=find_breast(mammogram).mask,
            marks=marks_of(table, image.malignant),
            doubtful=_places(image.ignore_regions()),
            split=image.split,
        )


def lesion_images(dataset: Dataset, progress: Progress = no_progress) -> Iterator[LesionImage]:
    """The annotated images of a dataset with boxes around their lesions, widened as the detector's are.

    Where nobody knows the outcome, the image's BI-RADS category stands for it: malignant from 4 on, as in most
    publications on INbreast.

    Raises
    ------
    ParameterError
        When no image is annotated, or a lesion has neither an outcome nor a category: a detector learns classes.
    MicrocalcError
        When an image is missing or cannot be read.
    """
    for image in annotated(dataset, progress):
        lesions = lesions_of(image, dataset)
        malignant = lesions["malignant"].fillna(malignant_by_category(image.category))
        if malignant.isna().any():
            raise ParameterError(
                f"Nobody said whether {lesions['lesion'].iloc[0]} of “{image.name}” is malignant, which a detector "
                "learns; add the outcome or the BI-RADS category, or choose a split without this image."
            )
        mammogram = read_image(image)
        boxes = with_margin(lesions[list(BOX)], mammogram).assign(malignant=malignant == 1)
        breast = image.laterality or mammogram.laterality or image.name
        yield LesionImage(image.name, mammogram, boxes, image.patient or image.name, breast)


def malignant_by_category(category: str) -> float:
    """1 for a BI-RADS category of 4 or more, 0 for another, NaN when it is none."""
    return float(category[0] >= "4") if category[:1] in set("123456") else math.nan


def divided(dataset: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """A dataset in what is learned from and what judges: the publisher's test, else a quarter of the patients.

    Raises
    ------
    ParameterError
        When a patient is in both, or one of the two is empty.
    """
    names = {image.name for image in dataset.images if image.split == "test"}
    if not names:
        patients = sorted({image.patient or image.name for image in dataset.annotated})
        count = max(round(TEST_SHARE * len(patients)), 1)
        drawn = {patients[index] for index in np.random.default_rng([seed, 7]).permutation(len(patients))[:count]}
        names = {image.name for image in dataset.images if (image.patient or image.name) in drawn}
    learned, judging = (
        Dataset(
            dataset.folder,
            dataset.record,
            tuple(image for image in dataset.images if (image.name in names) == is_test),
            dataset.boxes,
        )
        for is_test in (False, True)
    )
    shared = {image.patient for image in learned.images if image.patient} & {image.patient for image in judging.images}
    if shared:
        raise ParameterError(
            f"The patient “{min(shared):.40}” is in the test and in the training; patients stay whole."
        )
    if not learned.annotated or not judging.annotated:
        raise ParameterError("Training needs annotated images of at least two patients; one of them judges.")
    return learned, judging


def training_data_of(dataset: Dataset) -> str:
    """What a model's card says about the images of a dataset."""
    left_out = len(dataset.images) - len(dataset.annotated)
    text = (
        f"{len(dataset.annotated)} annotated images of {len({image.patient for image in dataset.annotated})} patients "
        f"({dataset.record.get('source') or dataset.record.get('kind')})"
    )
    return f"{text}; {left_out} without annotations were left out." if left_out else f"{text}."


def annotated(dataset: Dataset, progress: Progress) -> Iterator[DatasetImage]:
    """The annotated images, one after the other; ParameterError when there is none."""
    images = dataset.annotated
    if not images:
        raise ParameterError("Nobody said where the calcifications of these images are; nothing can be learned there.")
    for number, image in enumerate(images):
        progress("images", number, len(images))
        yield image
    progress("images", len(images), len(images))


def _places(regions: list[tuple[float, float, float, float]]) -> NDArray[np.float64]:
    """Places that cover regions closely, shape (n, 2)."""
    places = [np.zeros((0, 2))]
    for row_min, row_max, column_min, column_max in regions:
        rows = np.append(np.arange(row_min, row_max, _STEP_PIXELS), row_max)
        columns = np.append(np.arange(column_min, column_max, _STEP_PIXELS), column_max)
        places.append(np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2))
    return np.concatenate(places)
