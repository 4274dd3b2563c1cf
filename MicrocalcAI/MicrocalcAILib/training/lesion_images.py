"""Mammograms with boxes around their lesions: simulated, or a table of one's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator

from ..base.errors import ParameterError
from ..base.volumes import read_label_map
from ..phantom import Background, PhantomParameters, image_background, power_law_background, simulate
from ..reading.mammogram import Mammogram
from ..reading.reader import read_mammogram
from .backgrounds import BackgroundImage
from .camera import seen_by_another_camera
from .simulated_clusters import Cohort

BOX_COLUMNS = ("row_min", "row_max", "column_min", "column_max")
_MARGIN_MM = 1.0
_LESIONS_PER_IMAGE = (0.15, 0.45, 0.28, 0.12)  # shares of images with 0, 1, 2 and 3
_CONTRAST_TO_NOISE = (3.0, 20.0)
_DISTRACTORS = (0, 12)
NOTICE = (
    "Trained on simulated lesions only: boxes and scores show how the method works; their class says nothing reliable "
    "about a patient."
)
_NOT_SIMULATED = "diffuse"


@dataclass(frozen=True)
class LesionImage:
    """A mammogram and the boxes around its lesions.

    Parameters
    ----------
    name : str
    mammogram : Mammogram
    lesions : DataFrame
        One row per lesion: ``row_min``, ``row_max``, ``column_min``, ``column_max`` (pixels, inclusive) and, when it is
        known, ``malignant``.
    patient, breast : str
        Whose it is. Views of the same breast share both.
    """

    name: str
    mammogram: Mammogram
    lesions: pd.DataFrame
    patient: str
    breast: str


@dataclass(frozen=True)
class LesionSimulation:
    """How much is simulated.

    Parameters
    ----------
    images : int
    real_share : float
        Of the images, how many have a real background when there are any.
    other_cameras : bool
        Whether images look as if other detectors, films and processing had made them.
    seed : int
        Image i depends on the seed and on i alone.
    """

    images: int = 400
    real_share: float = 0.7
    other_cameras: bool = True
    seed: int = 1


def simulated_name(simulation: LesionSimulation, number: int) -> str:
    """Name of one simulated image."""
    return f"simulated_{simulation.seed}_{number:05d}"


def simulated_lesion_images(
    cohort: Cohort,
    backgrounds: Sequence[BackgroundImage],
    simulation: LesionSimulation,
    wanted: Collection[int] | None = None,
) -> Iterator[LesionImage]:
    """Simulated mammograms with none to three clusters, single calcifications and things that look like some.

    Each lesion is drawn from the cohort: its words say what is simulated, its pathology is the class. Boxes reach 1 mm
    beyond the calcifications. Diffuse calcifications are not simulated: their box would be the breast.

    Parameters
    ----------
    cohort : Cohort
        See :func:`~.simulated_clusters.read_cohort`.
    backgrounds : sequence of BackgroundImage
        Real images; what is bright in them without being inserted is no lesion.
    simulation : LesionSimulation
    wanted : collection of int, optional
        Numbers of the images to make, of those from 0; all by default.
    """
    chosen = set(range(simulation.images) if wanted is None else wanted)
    real = round(simulation.images * simulation.real_share) if backgrounds else 0
    for image, numbers in zip(backgrounds, np.array_split(np.arange(real), max(len(backgrounds), 1)), strict=False):
        of_image = sorted(chosen.intersection(numbers.tolist()))
        if of_image:
            background = image_background(image.read())
            yield from (_simulated(cohort, background, image.patient, simulation, number) for number in of_image)
    for number in sorted(chosen.intersection(range(real, simulation.images))):
        background = power_law_background([simulation.seed, number])
        yield _simulated(cohort, background, f"simulated {number}", simulation, number)


def described(simulation: LesionSimulation, cohort: Cohort, backgrounds: Sequence[BackgroundImage]) -> dict[str, Any]:
    """What a model's card says about simulated images. JSON-ready."""
    return {
        "notice": NOTICE,
        "simulated": True,
        "training_data": (
            f"simulated clusters, single calcifications and distractors in {len(backgrounds)} real images of "
            f"{len({image.patient for image in backgrounds})} patients and in simulated breasts; morphology, "
            "distribution and pathology drawn from the calcification cases of CBIS-DDSM (Lee 2017); pixel size, tone, "
            "sharpness, noise and compression varied"
        ),
        "limits": (
            "malignant and benign lesions differ by morphology and distribution only; diffuse calcifications are not "
            "represented; what is bright in the real images without being inserted counts as no lesion"
        ),
        "simulation": {
            **asdict(simulation),
            "lesions_of_the_cohort": len(cohort.pairs),
            "background_images": [f"{image.path.parent.name}/{image.path.name}" for image in backgrounds],
        },
    }


def read_lesion_images(table: Path, split: str | None = None) -> Iterator[LesionImage]:
    """Images of a table of one's own, in its order.

    Parameters
    ----------
    table : Path
        CSV with one row per lesion: ``image`` (a path relative to the table), ``patient``, ``row_min``, ``row_max``,
        ``column_min``, ``column_max``, ``class`` (``benign`` or ``malignant``); also ``breast`` (``L`` or ``R``;
        otherwise what the file says), ``spacing_mm`` (otherwise the file's) and ``split``. An image without a lesion
        has one row with empty cells for box and class.
    split : str, optional
        Only the rows of this split, when the table has splits.

    Raises
    ------
    ParameterError
        When the table cannot be read, lacks a column, holds an impossible box or class, or has no row of the split.
    """
    rows = lesion_rows(table, split)
    for image, of_image in rows.groupby("image", sort=False):
        yield _read(Path(table).parent / str(image), of_image)


def lesion_rows(table: Path, split: str | None = None) -> pd.DataFrame:
    """The rows of the table that :func:`read_lesion_images` reads; raises as it does."""
    try:
        rows = pd.read_csv(table, dtype={"image": str, "patient": str, "breast": str, "class": str})
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"The table of lesions cannot be read ({type(error).__name__}); give a CSV file."
        ) from error
    for column in ("image", "patient", "class", *BOX_COLUMNS):
        if column not in rows:
            raise ParameterError(f"The table of lesions lacks the column “{column}”.")
    if split is not None and "split" in rows:
        rows = rows[rows["split"] == split]
    if rows.empty:
        raise ParameterError("The table of lesions has no row" + (f" of the split “{split}”." if split else "."))
    return rows


def read_phantom_images(folder: Path) -> Iterator[LesionImage]:
    """Images of ``microcalc phantom``, by name: each cluster is a lesion, of unknown class.

    Raises
    ------
    ParameterError
        When the folder holds no such images, or a file of one is missing.
    """
    names = sorted(path.parent.name for path in (Path(folder) / "truth").glob("*/labels.nrrd"))
    if not names:
        raise ParameterError("The folder holds no truth; give one that microcalc phantom has written.")
    for name in names:
        mammogram = read_mammogram(Path(folder) / "nrrd" / f"{name}.nrrd")
        labels = read_label_map(Path(folder) / "truth" / name / "labels.nrrd")
        members = pd.read_csv(Path(folder) / "truth" / name / "calcifications.csv")
        boxes = []
        for _, cluster in members[members["cluster_id"] > 0].groupby("cluster_id"):
            boxes.append(_box(*np.nonzero(np.isin(labels, cluster["id"]))))
        lesions = with_margin(pd.DataFrame(boxes, columns=list(BOX_COLUMNS)), mammogram)
        yield LesionImage(name, mammogram, lesions, name, name)


def with_margin(boxes: pd.DataFrame, mammogram: Mammogram) -> pd.DataFrame:
    """Boxes around calcifications, widened as lesions' boxes are."""
    wide = boxes.copy()
    for axis, name in enumerate(("row", "column")):
        margin = _MARGIN_MM / mammogram.spacing_mm[axis]
        wide[f"{name}_min"] = (boxes[f"{name}_min"] - margin).clip(lower=0)
        wide[f"{name}_max"] = (boxes[f"{name}_max"] + margin).clip(upper=mammogram.pixels.shape[axis] - 1)
    return wide


def _read(path: Path, rows: pd.DataFrame) -> LesionImage:
    spacing = rows["spacing_mm"].iloc[0] if "spacing_mm" in rows else np.nan
    mammogram = read_mammogram(path, spacing_mm=None if np.isnan(spacing) else float(spacing))
    lesions = rows[rows["class"].notna()]
    if not lesions["class"].isin(["benign", "malignant"]).all():
        raise ParameterError(f"A class of “{path.name}” in the table of lesions is neither benign nor malignant.")
    boxes = lesions[list(BOX_COLUMNS)].to_numpy(float)
    limits = np.array(mammogram.pixels.shape)[[0, 0, 1, 1]]
    if not ((boxes >= 0) & (boxes < limits)).all() or not (boxes[:, ::2] <= boxes[:, 1::2]).all():
        raise ParameterError(f"A box of “{path.name}” in the table of lesions does not lie inside the image.")
    table = pd.DataFrame(boxes, columns=list(BOX_COLUMNS)).assign(
        malignant=(lesions["class"] == "malignant").to_numpy()
    )
    first = rows.iloc[0]
    breast = first["breast"] if "breast" in rows and isinstance(first["breast"], str) else mammogram.laterality
    return LesionImage(path.stem, mammogram, table, str(first["patient"]), breast or path.stem)


def _simulated(
    cohort: Cohort, background: Background, patient: str, simulation: LesionSimulation, number: int
) -> LesionImage:
    rng = np.random.default_rng([simulation.seed, number, 1])  # not the stream that phantoms are drawn from
    lesions: list[dict[str, float | bool]] = []
    wanted = int(rng.choice(len(_LESIONS_PER_IMAGE), p=_LESIONS_PER_IMAGE))
    parameters = PhantomParameters(clusters=(0, 0), distractors=_DISTRACTORS)
    phantom = simulate(background, (simulation.seed, number, 0), parameters)
    for lesion in range(wanted):
        malignant, (morphology, distribution) = _drawn_lesion(cohort, rng)
        parameters = PhantomParameters(
            clusters=(1, 1),
            singles=(0, 0),
            distractors=(0, 0),
            morphologies=(morphology,),
            distributions=(distribution,),
            contrast_to_noise=_CONTRAST_TO_NOISE,
        )
        ground = replace(background, mammogram=phantom.mammogram)
        phantom = simulate(ground, (simulation.seed, number, lesion + 1), parameters)
        rows, columns = np.nonzero(phantom.labels)
        if len(rows):
            lesions.append({**_box(rows, columns), "malignant": malignant})
    mammogram = phantom.mammogram
    table = with_margin(pd.DataFrame(lesions, columns=[*BOX_COLUMNS, "malignant"]), mammogram)
    if simulation.other_cameras:
        before = mammogram.spacing_mm
        mammogram = seen_by_another_camera(mammogram, background.breast, rng)
        for axis, names in enumerate((BOX_COLUMNS[:2], BOX_COLUMNS[2:])):
            table[list(names)] = (table[list(names)] + 0.5) * before[axis] / mammogram.spacing_mm[axis] - 0.5
    name = simulated_name(simulation, number)
    return LesionImage(name, mammogram, table, patient, name)


def _drawn_lesion(cohort: Cohort, rng: Generator) -> tuple[bool, tuple[str, str]]:
    while True:
        lesion = int(rng.integers(len(cohort.pairs)))
        pairs = [pair for pair in cohort.pairs[lesion] if pair[1] != _NOT_SIMULATED]
        if pairs:
            return bool(cohort.malignant[lesion]), pairs[int(rng.integers(len(pairs)))]


def _box(rows: np.ndarray, columns: np.ndarray) -> dict[str, float]:
    edges = (rows.min(), rows.max(), columns.min(), columns.max())
    return dict(zip(BOX_COLUMNS, map(float, edges), strict=True))
