"""Patches of simulated clusters in real and simulated mammograms, cut while the images are simulated.

Morphology, distribution and pathology of each cluster are those of a lesion drawn from CBIS-DDSM, as for the classifier
of clusters (:mod:`.simulated_clusters`); single calcifications and look-alikes are added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from ..base.progress import Progress, no_progress
from ..phantom import Background, PhantomParameters, image_background, power_law_background
from ..phantom.insertion import Insertion
from ..pipeline import analyze
from ..reading.mammogram import Mammogram
from ..statistics import auc
from .annotations import AnnotatedImage, marks_of_phantom, positions
from .backgrounds import BackgroundImage, read_backgrounds
from .degradation import degraded
from .patches import Cutting, PatchSet, cut_patches
from .simulated_clusters import Cohort, read_cohort

NOTICE = (
    "Trained on simulated clusters only: the probability of malignancy shows how the method works and says nothing "
    "reliable about a patient."
)
_CONTRAST_TO_NOISE = (4.0, 20.0)
_DISTRACTORS = (4, 20)
_SINGLES = (0, 8)
_MARGIN_MM = 5.0  # kept around the breast


@dataclass(frozen=True)
class PatchSimulation:
    """How much is simulated.

    Parameters
    ----------
    images : int
        Simulated mammograms, half of them in real images when there are any.
    simulated_backgrounds : int
        Power-law backgrounds that the other half is spread over; each counts as a patient.
    clusters : (int, int)
        In each image.
    seed : int
    """

    images: int = 160
    simulated_backgrounds: int = 40
    clusters: tuple[int, int] = (4, 8)
    seed: int = 1


TEST_SIMULATION = PatchSimulation(images=40, simulated_backgrounds=12, seed=2)


def simulate_patches(
    backgrounds: Path,
    cohorts: Mapping[str, Path],
    simulations: Mapping[str, PatchSimulation] | None = None,
    cutting: Cutting | None = None,
    progress: Progress = no_progress,
) -> PatchSet:
    """Simulate and cut patches for training, validation and test.

    The test has no breast, no lesion of the cohort and no seed in common with the rest.

    Parameters
    ----------
    backgrounds : Path
        Table for :func:`~.backgrounds.read_backgrounds` with the splits ``train`` and ``held-out``.
    cohorts : mapping
        ``train`` and ``test``: CBIS-DDSM's tables of calcification cases.
    simulations : mapping, optional
        ``train`` and ``test``; 160 and 40 images by default.
    cutting, progress : optional

    Returns
    -------
    PatchSet
        For both tasks. Patches of the test name their split; the rest is still to be divided.
    """
    simulations = simulations or {"train": PatchSimulation(), "test": TEST_SIMULATION}
    sets, details = [], {}
    for split, rows in (("train", "train"), ("test", "held-out")):
        cohort, simulation = read_cohort([cohorts[split]]), simulations[split]
        images = simulated_images(read_backgrounds(backgrounds, rows), cohort, simulation, split, progress)
        patches = cut_patches(images, simulation.seed, cutting)
        sets.append(patches)
        details[split] = {**asdict(simulation), "lesions_of_the_cohort": len(cohort.pairs), **_counted(patches)}
    description = {
        "training_data": (
            "Patches of simulated calcifications in real and simulated mammograms; morphology, distribution and "
            "pathology of clusters drawn from the calcification cases of CBIS-DDSM (Lee 2017). Images were varied in "
            "pixel size (0.05 to 0.2 mm), noise, contrast curve, sharpness and JPEG quality. Not trained on annotated "
            "patients."
        ),
        "simulated": True,
        "command": _command(simulations),
        "malignancy_notice": NOTICE,
        "limits": (
            "malignant and benign clusters differ by morphology and distribution only; real images were not read by a "
            "radiologist, and what the analysis marks in them was not used as tissue without calcifications"
        ),
        "simulation": {**details, "contrast_to_noise": _CONTRAST_TO_NOISE, "cutting": asdict(cutting or Cutting())},
    }
    return PatchSet.concatenate(sets, description)


def simulated_images(
    backgrounds: Sequence[BackgroundImage],
    cohort: Cohort,
    simulation: PatchSimulation,
    split: str,
    progress: Progress = no_progress,
) -> Iterator[AnnotatedImage]:
    """Annotated mammograms, one after the other; each background is made once."""
    in_real = simulation.images // 2 if backgrounds else 0
    number = 0
    for part, image in zip(np.array_split(np.arange(in_real), max(len(backgrounds), 1)), backgrounds, strict=False):
        mammogram = image.read()
        found = analyze(mammogram).calcifications[["row", "column"]].to_numpy(float)
        background = image_background(mammogram)
        for _ in part:
            progress(f"{split} images", number, simulation.images)
            yield _simulated(background, found, cohort, simulation, number, image.patient, split)
            number += 1
    for index, part in enumerate(
        np.array_split(np.arange(simulation.images - in_real), simulation.simulated_backgrounds)
    ):
        if len(part):
            background = power_law_background([simulation.seed, index])
        for _ in part:
            progress(f"{split} images", number, simulation.images)
            patient = f"simulated {simulation.seed}-{index}"
            yield _simulated(background, np.zeros((0, 2)), cohort, simulation, number, patient, split)
            number += 1
    progress(f"{split} images", simulation.images, simulation.images)


def _simulated(
    background: Background,
    doubtful: NDArray[np.float64],
    cohort: Cohort,
    simulation: PatchSimulation,
    number: int,
    patient: str,
    split: str,
) -> AnnotatedImage:
    rng = np.random.default_rng([simulation.seed, number])
    parameters = PhantomParameters(contrast_to_noise=_CONTRAST_TO_NOISE, distractors=_DISTRACTORS)
    insertion = Insertion(background, parameters, rng)
    insertion.add_distractors()
    outcomes = {}
    for _ in range(int(rng.integers(simulation.clusters[0], simulation.clusters[1] + 1))):
        lesion = int(rng.integers(len(cohort.pairs)))
        morphology, distribution = cohort.pairs[lesion][rng.integers(len(cohort.pairs[lesion]))]
        insertion.parameters = replace(parameters, morphologies=(morphology,), distributions=(distribution,))
        before = len(insertion.clusters)
        insertion.add_cluster()
        if len(insertion.clusters) > before:
            expected = cohort.malignancy(morphology, distribution)
            outcomes[len(insertion.clusters)] = (float(cohort.malignant[lesion]), expected)
    insertion.parameters = parameters
    for _ in range(int(rng.integers(_SINGLES[0], _SINGLES[1] + 1))):
        insertion.add_single()
    marks = marks_of_phantom(pd.DataFrame(insertion.calcifications, columns=["id", "cluster_id"]), insertion.labels)
    for cluster, (malignant, expected) in outcomes.items():
        marks.loc[marks["group"] == cluster, ["malignant", "expected"]] = malignant, expected
    return _as_photographed(
        AnnotatedImage(
            name=f"simulated {simulation.seed}-{number:04d}",
            patient=patient,
            mammogram=replace(background.mammogram, pixels=insertion.quantized_pixels()),
            breast=background.breast,
            marks=marks,
            doubtful=doubtful,
            lookalikes=positions(insertion.distractors),
            split="test" if split == "test" else "",
            background="real" if background.kind == "image" else "simulated",
        ),
        rng,
    )


def _as_photographed(image: AnnotatedImage, rng: Generator) -> AnnotatedImage:
    """The breast's part of the image after changes that detectors, films and archives make."""
    margin = round(_MARGIN_MM / image.mammogram.spacing_mm[0])
    window = []
    for axis in (0, 1):
        filled = np.flatnonzero(image.breast.any(axis=1 - axis))
        window.append(slice(max(int(filled[0]) - margin, 0), int(filled[-1]) + 1 + margin))
    box = tuple(window)
    pixels, spacing_mm, scale = degraded(image.mammogram.pixels[box], image.mammogram.spacing_mm[0], rng)
    old_shape = image.breast[box].shape
    indices = [
        np.minimum(((np.arange(length) + 0.5) * factor).astype(int), old - 1)
        for length, factor, old in zip(pixels.shape, scale, old_shape, strict=True)
    ]
    first = np.array([part.start for part in window])

    def moved(places: NDArray[np.float64]) -> NDArray[np.float64]:
        return (places + 0.5 - first) / scale - 0.5

    marks = image.marks.copy()
    for end in ("", "_min", "_max"):
        names = [f"row{end}", f"column{end}"]
        marks[names] = moved(marks[names].to_numpy(float))
    return replace(
        image,
        mammogram=Mammogram(pixels, (spacing_mm, spacing_mm)),
        breast=image.breast[box][np.ix_(indices[0], indices[1])],
        marks=marks,
        doubtful=moved(image.doubtful),
        lookalikes=moved(image.lookalikes),
    )


def _command(simulations: Mapping[str, PatchSimulation]) -> str:
    """What makes these patches, less the paths."""
    train, test = simulations["train"], simulations["test"]
    return (
        f"microcalc train simulated-patches --images {train.images} --simulated-backgrounds "
        f"{train.simulated_backgrounds} --test-images {test.images} --test-simulated-backgrounds "
        f"{test.simulated_backgrounds} --seed {train.seed}"
    )


def _counted(patches: PatchSet) -> dict[str, Any]:
    """How many patches of each kind there are, and the best that the two words of a cluster could tell."""
    table = patches.table
    known = table[table["malignant"].notna()]
    enough = known["malignant"].value_counts().min() > 1 and known["malignant"].nunique() == 2
    return {
        "patches": len(table),
        "with_calcifications": int(table["calcifications"].sum()),
        "malignant": int(known["malignant"].sum()),
        "benign": int((known["malignant"] == 0).sum()),
        "patients": int(table["patient"].nunique()),
        "auc_of_the_words": auc(known["malignant"], known["expected"]).as_dict() if enough else None,
    }
