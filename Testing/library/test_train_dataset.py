"""Training that goes on from a model with a dataset: what is learned from, who judges, before and after."""

import dataclasses
import json
import math
from importlib.util import find_spec

import numpy as np
import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.cli import main
from MicrocalcAILib.dataset.dataset import Annotation, read_dataset, written_dataset
from MicrocalcAILib.dataset.lesions import lesions_of
from MicrocalcAILib.lexicon.arrangement import CLUSTER_MEASUREMENTS
from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from MicrocalcAILib.training.dataset_clusters import found_cases, worded_clusters
from MicrocalcAILib.training.dataset_images import annotated_images, divided, lesion_images, malignant_by_category

FRAME_MM = (32.0, 26.0)
_IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.fixture(scope="module")
def phantoms():
    """Six small simulated images with one cluster each."""
    made = []
    for number in range(6):
        background = power_law_background([41, number], BreastParameters(frame_mm=FRAME_MM))
        made.append(
            simulate(background, [41, number], PhantomParameters(clusters=(1, 1), contrast_to_noise=(8.0, 20.0)))
        )
    return made


@pytest.fixture
def make(phantoms, tmp_path):
    """A dataset of the phantoms; every second one is malignant, and the last is annotated by nobody."""

    def made(category="", unannotated=True):
        with written_dataset(tmp_path / "dataset", "example") as writer:
            for number, phantom in enumerate(phantoms):
                path, spacing_mm = tmp_path / f"image_{number}.nrrd", phantom.mammogram.spacing_mm
                pixels = np.round(phantom.mammogram.pixels).astype(np.uint16)
                write_volume(pixels, spacing_mm, (0.0, 0.0, 0.0), _IDENTITY, path)
                table = phantom.calcifications
                known = Annotation(
                    f"patient {number}",
                    spacing_mm=spacing_mm[0],
                    labels=phantom.labels,
                    clusters=phantom.clusters,
                    cluster_of=dict(zip(table["id"], table["cluster_id"], strict=True)),
                    malignant=math.nan if category else float(number % 2),
                    category=category,
                )
                if unannotated and number == len(phantoms) - 1:
                    known = Annotation(f"patient {number}", spacing_mm=spacing_mm[0], malignant=1.0)
                writer.add(path, known)
        return read_dataset(tmp_path / "dataset")

    return made


def test_images_of_which_nobody_said_where_calcifications_are_teach_nothing(make):
    dataset = make()
    assert [image.name for image in annotated_images(dataset)] == [f"image_{number}" for number in range(5)]
    assert len(list(lesion_images(dataset))) == 5
    only = dataclasses.replace(dataset, images=dataset.images[-1:])
    with pytest.raises(ParameterError, match="Nobody said where"):
        list(annotated_images(only))


def test_marks_know_their_cluster_and_its_outcome(make, phantoms):
    for image, phantom in zip(annotated_images(make()), phantoms, strict=False):
        clustered = image.marks["group"] > 0
        assert clustered.sum() == (phantom.calcifications["cluster_id"] > 0).sum()
        assert (image.marks["malignant"] == int(image.name[-1]) % 2).all()


def test_lesions_are_boxed_around_their_calcifications_with_words_and_outcome(make, phantoms):
    dataset = make()
    lesions = lesions_of(dataset.images[0], dataset)
    rows, columns = np.nonzero(np.isin(phantoms[0].labels, phantoms[0].calcifications.query("cluster_id == 1")["id"]))
    assert lesions[["row_min", "row_max", "column_min", "column_max"]].to_numpy().tolist() == [
        [rows.min(), rows.max(), columns.min(), columns.max()]
    ]
    assert lesions["morphology"].item() == phantoms[0].clusters["morphology"].iloc[0]
    assert lesions["malignant"].item() == 0


def test_category_stands_for_an_outcome_that_nobody_knows(make):
    assert [malignant_by_category(word) for word in ("1", "3", "4a", "5")] == [0, 0, 1, 1]
    assert math.isnan(malignant_by_category(""))
    assert math.isnan(malignant_by_category("removed"))
    assert all(image.lesions["malignant"].all() for image in lesion_images(make("4B")))
    with pytest.raises(ParameterError, match="malignant, which a detector"):
        list(lesion_images(make("unknown")))


def test_patients_judge_or_are_learned_from_and_the_publisher_s_test_stays(make):
    dataset = make()
    learned, judging = divided(dataset, 1)
    assert {image.patient for image in learned.images}.isdisjoint(image.patient for image in judging.images)
    assert len(learned.images) + len(judging.images) == 6
    split = [
        dataclasses.replace(image, split="test" if number < 2 else "") for number, image in enumerate(dataset.images)
    ]
    _, judging = divided(dataclasses.replace(dataset, images=tuple(split)), 1)
    assert [image.name for image in judging.images] == ["image_0", "image_1"]
    shared = [dataclasses.replace(image, patient="A") for image in split]
    with pytest.raises(ParameterError, match="patients stay whole"):
        divided(dataclasses.replace(dataset, images=tuple(shared)), 1)


def test_region_of_which_nothing_is_known_gives_no_patch(make):
    from MicrocalcAILib.training.patches import Cutting, cut_patches

    dataset = make()
    record = dataset.images[0].truth / "truth.json"
    content = json.loads(record.read_text("utf-8"))
    rows, columns = dataset.images[0].labels().shape
    record.write_text(json.dumps(content | {"ignore_regions": [[0, rows, 0, columns]]}), encoding="utf-8")
    image = next(annotated_images(dataset))
    assert not cut_patches([image], 1, Cutting(per_image=3)).table["calcifications"].eq(False).any()


@pytest.mark.slow  # PyTorch, and two trainings of one epoch
def test_patch_network_goes_on_from_another_and_its_card_says_before_and_after(make, tmp_path, capsys):
    pytest.importorskip("torch")
    make()
    shared = [
        "train",
        "patches",
        "--task",
        "detection",
        "--dataset",
        str(tmp_path / "dataset"),
        "--epochs",
        "1",
        "--batch",
        "64",
    ]
    fresh = ["--start", "fresh", "--architecture", "alexnet", "--width", "8", "--pooled", "2"]
    assert main([*shared, *fresh, "--output", str(tmp_path / "first")]) == 0
    assert "before" not in json.loads((tmp_path / "first" / "card.json").read_text("utf-8"))["figures"]
    assert main([*shared, "--start", str(tmp_path / "first"), "--output", str(tmp_path / "second")]) == 0
    card = json.loads((tmp_path / "second" / "card.json").read_text("utf-8"))
    assert card["figures"]["before"]["patches"] == card["figures"]["test"]["patches"]
    assert card["architecture"]["width"] == 8
    assert "1 without annotations were left out" in card["training_data"]
    assert "Before, first." in capsys.readouterr().out


def test_dataset_is_not_taken_for_a_folder_of_own_tables(make, tmp_path, capsys):
    make()
    options = ["--task", "detection", "--data", str(tmp_path / "dataset"), "--output", str(tmp_path / "model")]
    assert main(["train", "patches", *options]) == 2
    assert "give it with --dataset" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
@pytest.mark.slow  # PyTorch, and a short training
def test_detector_goes_on_from_the_bundled_one_and_its_card_says_before_and_after(make, tmp_path, capsys):
    make()
    options = ["--dataset", str(tmp_path / "dataset"), "--output", str(tmp_path / "model"), "--epochs", "2"]
    assert main(["train", "detector", *options, "--tiles", "4", "--batch", "2"]) == 0
    assert "images of patients it did not learn from" in capsys.readouterr().out
    card = json.loads((tmp_path / "model" / "card.json").read_text("utf-8"))
    rates = card["comparison"]["test"]["rates"]
    assert [rate["false_per_image"] for rate in rates] == [0.2, 0.5, 1.0, 2.0]
    assert all(rate["before"] is None or 0 <= rate["before"] <= 1 for rate in rates)
    assert card["initial_weights"]
    assert card["name"] == "LesionDetector, gone on"
    assert "Gone on with" in card["training_data"]


def test_outlined_clusters_with_words_are_measured_as_the_word_model_needs_them(make, phantoms):
    table = worded_clusters(make())
    assert table["morphology"].tolist() == [phantom.clusters["morphology"].iloc[0] for phantom in phantoms[:5]]
    assert np.isfinite(table[list(CLUSTER_MEASUREMENTS)].dropna(axis=1, how="all").to_numpy()).all()
    assert table["patient"].nunique() == 5


def test_clusters_that_the_analysis_finds_in_lesions_get_their_outcome(make):
    dataset = make()
    cases = found_cases(dataset, "measurements")
    assert 0 < len(cases) <= 5
    names = cases.tables.clusters.index.get_level_values("image")
    assert cases.malignant.tolist() == [int(name[-1]) % 2 == 1 for name in names]
    assert cases.patients.tolist() == [f"patient {name[-1]}" for name in names]


def test_going_on_needs_outcomes_and_words(make, tmp_path, capsys):
    make(category="4")
    for model in ("classifier", "words"):
        arguments = ["train", model, "--dataset", str(tmp_path / "dataset"), "--output", str(tmp_path / "model")]
        assert main(arguments) == 2
    assert "no lesion of known outcome" in capsys.readouterr().err
    assert main(["train", "classifier", "--table", "x", "--output", "y"]) == 2
    assert "--labels" in capsys.readouterr().err
