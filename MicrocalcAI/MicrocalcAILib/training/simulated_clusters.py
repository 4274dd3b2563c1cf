"""Simulated clusters with the morphologies, distributions and pathology of a real cohort (CBIS-DDSM).

For each simulated cluster a lesion of the cohort is drawn. Its words say what is simulated, its pathology is the
label: so the mix of morphology and distribution, and P(malignant | morphology, distribution), are those of the cohort.
Whatever else tells benign from malignant in real breasts is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from ..base.progress import Progress, no_progress
from ..base.tables import write_table
from ..classification.cases import DESCRIPTION_FILE
from ..classification.feature_tables import FeatureTables, measure_features
from ..evaluation.cluster_matching import match_clusters
from ..evaluation.findings import Findings
from ..evaluation.matching import NO_ID, match_calcifications
from ..features import estimate_nipple
from ..lexicon.cbis import read_cbis
from ..lexicon.vocabulary import in_cbis
from ..phantom import Background, PhantomParameters, image_background, power_law_background, simulate
from ..pipeline import analyze, load_selector
from ..segmentation.breast import find_breast
from ..segmentation.selection import Selector
from ..statistics import auc
from .backgrounds import BackgroundImage, read_backgrounds

_CONTRAST_TO_NOISE = (5.0, 20.0)  # the cohort's lesions were all seen by readers; fainter clusters are left out


@dataclass(frozen=True)
class ClusterSimulation:
    """How much is simulated.

    Parameters
    ----------
    clusters : int
        In all images together; half of the images are real ones when there are any.
    simulated_backgrounds : int
        Power-law backgrounds they are spread over.
    seed : int
    per_image : int
        Clusters of one image.
    """

    clusters: int = 800
    simulated_backgrounds: int = 40
    seed: int = 1
    per_image: int = 4


TEST_SIMULATION = ClusterSimulation(clusters=240, simulated_backgrounds=12, seed=2)
NOTICE = (
    "Trained on simulated clusters only: the probability shows how the method works and says nothing reliable about "
    "a patient."
)


@dataclass(frozen=True)
class Cohort:
    """Lesions of a cohort that can be simulated.

    Parameters
    ----------
    pairs : list of list of (morphology, distribution)
        The phantom's words for each lesion.
    malignant : bool array, shape (lesions,)
    left_out : int
        Lesions without a word, or whose words are not simulated together.
    """

    pairs: list[list[tuple[str, str]]]
    malignant: NDArray[np.bool_]
    left_out: int

    def malignancy(self, morphology: str, distribution: str) -> float:
        """P(malignant | morphology, distribution) of what is drawn from the cohort."""
        pair = (morphology, distribution)
        weights = np.array([pairs.count(pair) / len(pairs) for pairs in self.pairs])
        return float(weights @ self.malignant / weights.sum())


def read_cohort(tables: Sequence[Path]) -> Cohort:
    """Lesions of CBIS-DDSM's tables of calcification cases; a lesion seen in two views counts once.

    Raises
    ------
    ParameterError
        When a table cannot be read or is another one.
    """
    lesions = pd.concat([read_cbis(table) for table in tables]).drop_duplicates("lesion")
    pairs = [_simulated_pairs(*words) for words in zip(lesions["morphology"], lesions["distribution"], strict=True)]
    possible = np.array([bool(of_lesion) for of_lesion in pairs], np.bool_)
    return Cohort(
        [of_lesion for of_lesion in pairs if of_lesion],
        lesions["malignant"].to_numpy(np.bool_)[possible],
        int((~possible).sum()),
    )


@dataclass(frozen=True)
class Lesion:
    """A lesion of the cohort as it is simulated.

    Parameters
    ----------
    morphology, distribution : str
    malignant : bool
    expected : float
        P(malignant | morphology, distribution) in the cohort.
    """

    morphology: str
    distribution: str
    malignant: bool
    expected: float


def simulate_clusters(
    cohort: Cohort,
    backgrounds: Sequence[BackgroundImage],
    simulation: ClusterSimulation | None = None,
    progress: Progress = no_progress,
) -> tuple[FeatureTables, pd.DataFrame]:
    """Simulate clusters and measure what the analysis finds of them.

    The features are those of the cluster that :func:`~MicrocalcAILib.pipeline.analyze` marks at its default operating
    point and that hits the simulated one (:func:`~MicrocalcAILib.evaluation.cluster_matching.match_clusters`): missed
    and merged calcifications and false marks are part of them. Clusters that are not found are left out, as they would
    be in use, and so are found ones that join two simulated ones.

    Returns
    -------
    tables : FeatureTables
    labels : DataFrame
        One row per cluster that was simulated: ``image``, ``cluster_id`` (0: not found), ``malignant``, ``expected``
        (P(malignant | morphology, distribution) in the cohort), ``patient_id`` (clusters in the same breast belong
        together), ``morphology``, ``distribution``, ``background``.
    """
    simulation = simulation or ClusterSimulation()
    selector = load_selector()
    images = drawn_images(cohort, simulation)
    tables, labels = [], []
    for number, (lesions, (background, patient)) in enumerate(
        zip(images, _spread(backgrounds, simulation, len(images)), strict=True)
    ):
        progress("simulated clusters", number, len(images))
        features, rows = _simulated_image(lesions, background, (simulation.seed, number), selector)
        labels += [row | {"patient_id": patient} for row in rows]
        if features is not None:
            tables.append(features)
    progress("simulated clusters", len(images), len(images))
    if not tables:
        raise ParameterError("None of the simulated clusters was found; simulate more of them.")
    return FeatureTables.concatenate(tables), pd.DataFrame(labels)


def drawn_images(cohort: Cohort, simulation: ClusterSimulation) -> list[list[Lesion]]:
    """The lesions of each image; one that is scattered through the whole breast has an image of its own."""
    rng = np.random.default_rng([simulation.seed, 1])  # not the stream that the phantoms are drawn from
    alone: list[Lesion] = []
    others: list[Lesion] = []
    for _ in range(simulation.clusters):
        number = int(rng.integers(len(cohort.pairs)))
        morphology, distribution = cohort.pairs[number][rng.integers(len(cohort.pairs[number]))]
        expected = cohort.malignancy(morphology, distribution)
        lesion = Lesion(morphology, distribution, bool(cohort.malignant[number]), expected)
        (alone if distribution == "diffuse" else others).append(lesion)
    together = [others[first : first + simulation.per_image] for first in range(0, len(others), simulation.per_image)]
    images = [*together, *([lesion] for lesion in alone)]
    return [images[place] for place in rng.permutation(len(images))]


def _simulated_image(
    lesions: Sequence[Lesion], background: Background, seed: tuple[int, int], selector: Selector
) -> tuple[FeatureTables | None, list[dict[str, Any]]]:
    """Features of what is found of the lesions in one image (None when nothing is), and a row of labels for each."""
    parameters = PhantomParameters(contrast_to_noise=_CONTRAST_TO_NOISE)
    phantom = simulate(background, seed, parameters, [(one.morphology, one.distribution) for one in lesions])
    analysis = analyze(phantom.mammogram, selector=selector)
    found = Findings(analysis.calcifications, analysis.labels)
    truth = Findings(phantom.calcifications, phantom.labels)
    spacing_mm = phantom.mammogram.spacing_mm
    hits = match_clusters(match_calcifications(found, truth, spacing_mm), found, truth, spacing_mm).truths
    of_one = hits[~hits["mark_id"].duplicated(keep=False)].set_index("id")["mark_id"]
    image = f"simulated {seed[0]}-{seed[1]:04d}"
    placed = phantom.clusters[["id", "morphology", "distribution"]].to_dict("records")
    labels = []
    for lesion in lesions:
        cluster = NO_ID
        if placed and (placed[0]["morphology"], placed[0]["distribution"]) == (lesion.morphology, lesion.distribution):
            cluster = int(of_one.get(placed.pop(0)["id"], NO_ID))
        labels.append(
            {
                "image": image,
                "cluster_id": cluster,
                "malignant": lesion.malignant,
                "expected": round(lesion.expected, 6),
                "morphology": lesion.morphology,
                "distribution": lesion.distribution,
                "background": background.kind,
            }
        )
    clusters = {row["cluster_id"] for row in labels} - {NO_ID}
    if not clusters:
        return None, labels
    members = analysis.calcifications[analysis.calcifications["cluster_id"].isin(clusters)]
    breast = find_breast(phantom.mammogram)
    nipple = estimate_nipple(breast.mask, breast.chest_wall_side, spacing_mm)
    return measure_features(phantom.mammogram, analysis.labels, members, breast.mask, nipple, image), labels


def write_training_data(
    backgrounds: Path,
    cohorts: Mapping[str, Sequence[Path]],
    output: Path,
    simulations: dict[str, ClusterSimulation] | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Simulate clusters for training and for the test, and write what ``microcalc train classifier`` reads.

    Training and test have no breast, no lesion of the cohort and no seed in common.

    Parameters
    ----------
    backgrounds : Path
        Table for :func:`~.backgrounds.read_backgrounds` with the splits ``train`` and ``held-out``.
    cohorts : mapping
        ``train`` and ``test``: CBIS-DDSM's tables of calcification cases.
    output : Path
        Folder; gets the feature tables, ``labels.csv`` and ``description.json``.
    simulations : dict, optional
        ``train`` and ``test``; 800 and 240 clusters by default.
    progress : callable, optional

    Returns
    -------
    dict
        The description, which becomes part of the model's card.
    """
    simulations = simulations or {"train": ClusterSimulation(), "test": TEST_SIMULATION}
    labels, details = [], {}
    for split, images in (("train", "train"), ("test", "held-out")):
        cohort = read_cohort(cohorts[split])
        tables, of_split = simulate_clusters(
            cohort, read_backgrounds(backgrounds, images), simulations[split], progress
        )
        tables.save(output / split)
        labels.append(of_split.assign(split=split))
        details[split] = _described(cohort, simulations[split], of_split)
    description = {
        "name": "ClusterMalignancy",
        "notice": NOTICE,
        "simulated": True,
        "training_data": (
            "simulated clusters in real and simulated mammograms; morphology, distribution and pathology drawn from "
            "the calcification cases of CBIS-DDSM (Lee 2017); features of what the analysis finds by default"
        ),
        "limits": (
            "malignant and benign clusters differ by morphology and distribution only; composite descriptions are "
            "simulated by one of their words; clusters that the analysis does not find, or of fewer than five "
            "calcifications, are not represented"
        ),
        "simulation": details,
    }
    with replaced_on_success(output / "labels.csv") as temporary:
        write_table(pd.concat(labels), temporary)
    with replaced_on_success(output / DESCRIPTION_FILE) as temporary:
        temporary.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return description


def _described(cohort: Cohort, simulation: ClusterSimulation, labels: pd.DataFrame) -> dict[str, Any]:
    """How much of the cohort was simulated, how much of that was found, and the best that its two words could tell."""
    found = labels[labels["cluster_id"] != NO_ID]
    enough = found["malignant"].value_counts().min() > 1 and found["malignant"].nunique() == 2
    return {
        **asdict(simulation),
        "lesions_of_the_cohort": len(cohort.pairs),
        "lesions_left_out": cohort.left_out,
        "malignant_lesions": int(cohort.malignant.sum()),
        "found": len(found),
        "malignant_found": int(found["malignant"].sum()),
        "found_by_morphology": {
            str(name): [int(part["cluster_id"].ne(NO_ID).sum()), len(part)]
            for name, part in labels.groupby("morphology")
        },
        "auc_of_the_words": auc(found["malignant"], found["expected"]).as_dict() if enough else None,
    }


def _spread(
    backgrounds: Sequence[BackgroundImage], simulation: ClusterSimulation, images: int
) -> Iterator[tuple[Background, str]]:
    """A background and whose breast it is for each image; each background is made once."""
    in_real = images // 2 if backgrounds else 0
    for part, image in zip(np.array_split(np.arange(in_real), max(len(backgrounds), 1)), backgrounds, strict=False):
        background = image_background(image.read())
        yield from ((background, image.patient) for _ in part)
    for number, part in enumerate(np.array_split(np.arange(images - in_real), simulation.simulated_backgrounds)):
        if len(part):
            background = power_law_background([simulation.seed, number])
            yield from ((background, f"simulated {simulation.seed}-{number}") for _ in part)


def _simulated_pairs(morphologies: tuple[str, ...], distributions: tuple[str, ...]) -> list[tuple[str, str]]:
    """What can stand for a lesion: each of its words, in each of its distributions (in any when none is recorded)."""
    return sorted(
        (morphology.name, distribution)
        for morphology, distribution in PhantomParameters().pairs()
        if in_cbis("morphology", morphology.name) in morphologies
        and (not distributions or distribution in distributions)
    )
