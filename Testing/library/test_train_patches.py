"""Training of patch networks: what patches are cut, how they are divided, and that training can be interrupted."""

import argparse
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from MicrocalcAILib.base.errors import ModelError, ParameterError, ResultError
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.commands import train_patches
from MicrocalcAILib.networks.patch_networks import Architecture, PatchInput, PatchModel
from MicrocalcAILib.networks.runtime import Runtime
from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from MicrocalcAILib.phantom.writer import write_phantom
from MicrocalcAILib.statistics import auc, diagnostic_table
from MicrocalcAILib.training.annotations import read_annotated_images
from MicrocalcAILib.training.compare import read_predictions
from MicrocalcAILib.training.degradation import degraded
from MicrocalcAILib.training.patch_figures import figures_text, patch_figures
from MicrocalcAILib.training.patch_learning import PatchTraining
from MicrocalcAILib.training.patch_network import train_patch_network
from MicrocalcAILib.training.patches import QUANTUM, Cutting, PatchSet, cut_patches, with_splits
from MicrocalcAILib.training.simulated_patches import _as_photographed
from patch_examples import ENDS, annotated_image, toy_patches

EXACT = Runtime("cpu", "float32")
TINY = PatchTraining(Architecture("alexnet", width=8, pooled=1), epochs=3, batch=32, learning_rate=1e-3)
SEEN = PatchInput(side=64)
BOXES = [(300, 303, 200, 204), (310, 312, 215, 218), (600, 606, 350, 352)]


def reach(table, image):
    """Per patch: which marks lie wholly in the network's patch, and which touch the patch as stored."""
    scale = SEEN.grid_mm / image.mammogram.spacing_mm[0]
    half, half_stored = (side / 2 * scale for side in (SEEN.side, SEEN.side + 16))
    marks = image.marks[ENDS].to_numpy()
    held, touched = [], []
    for row, column in table[["row", "column"]].to_numpy():
        inside = (marks >= (row - half, row - half, column - half, column - half)) & (
            marks <= (row + half, row + half, column + half, column + half)
        )
        held.append(inside.all(axis=1))
        touched.append(
            (marks[:, 1] >= row - half_stored)
            & (marks[:, 0] <= row + half_stored)
            & (marks[:, 3] >= column - half_stored)
            & (marks[:, 2] <= column + half_stored)
        )
    return np.array(held), np.array(touched)


@pytest.mark.parametrize("spacing_mm", [0.07, 0.05])
def test_positive_patches_hold_an_annotation_and_negative_ones_meet_both_criteria(spacing_mm):
    image = annotated_image(BOXES, spacing_mm=spacing_mm)
    patches = cut_patches([image] * 5, 1, Cutting(least_tissue=0.4), SEEN)
    shown = patches.table["calcifications"].to_numpy()
    assert shown.sum() == 15
    assert (~shown).sum() == 15
    held, touched = reach(patches.table, image)
    assert held[shown].any(axis=1).all(), "something annotated lies wholly in every positive patch"
    assert not touched[~shown].any(), "no negative patch overlaps an annotated region, wherever training moves it"
    scale = SEEN.grid_mm / spacing_mm
    for row, column in patches.table.loc[~shown, ["row", "column"]].to_numpy():
        half = (SEEN.side + 16) / 2 * scale
        columns = np.clip(500, column - half, column + half) - (column - half)
        rows = np.clip(row + half, 0, 900) - np.clip(row - half, 0, 900)
        columns -= max(-(column - half), 0)
        assert rows * columns / (2 * half) ** 2 >= 0.4 - 0.05, "enough of every negative patch is breast"


def test_annotations_lie_anywhere_in_the_positive_patches():
    image = annotated_image([(450, 452, 250, 252)])
    patches = cut_patches([image] * 12, 1, Cutting(), SEEN)
    table = patches.table[patches.table["calcifications"]]
    assert np.ptp(table["row"] - 451) > 20
    assert np.abs(table[["row", "column"]] - (451, 251)).to_numpy().max() < 32


def test_nothing_doubtful_is_used_as_tissue_without_calcifications():
    rng = np.random.default_rng(0)
    doubtful = rng.uniform((0, 0), (900, 500), (12, 2))
    image = annotated_image(BOXES, doubtful=doubtful)
    patches = cut_patches([image] * 5, 1, Cutting(), SEEN)
    centers = patches.table.loc[~patches.table["calcifications"], ["row", "column"]].to_numpy()
    distance = np.abs(centers[:, np.newaxis] - doubtful).max(axis=2)
    assert distance.min() > 39


def test_every_group_gets_its_turn():
    boxes = [(10 * i + 100, 10 * i + 102, 100, 102) for i in range(50)] + [(700, 702, 300, 302)]
    image = annotated_image(boxes, group=[0] * 50 + [1])
    table = cut_patches([image], 1, Cutting(per_image=4), SEEN).table
    assert (table.loc[table["calcifications"], "row"] > 650).sum() == 1


def test_a_patch_that_shows_benign_and_malignant_is_for_detection_only():
    boxes = [(300, 302, 200, 202), (306, 308, 206, 208), (600, 602, 200, 202)]
    image = annotated_image(boxes, malignant=[1.0, 0.0, 1.0], expected=[0.8, 0.2, 0.7])
    table = cut_patches([image] * 5, 1, Cutting(), SEEN).table
    shown = table[table["calcifications"]]
    alone = shown["row"] > 500
    assert (shown.loc[alone, "malignant"] == 1).all()
    assert (shown.loc[alone, "expected"] == 0.7).all()
    assert shown.loc[~alone, "malignant"].isna().mean() > 0.5
    assert table.loc[~table["calcifications"], "malignant"].isna().all()


def with_patients(patients, splits=None):
    table = pd.DataFrame({"patient": patients})
    table["image"] = "image of " + table["patient"]
    table["split"] = splits if splits is not None else ""
    return PatchSet(np.zeros((len(table), 32, 32), np.int8), table, PatchInput(side=16), 8, {})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=3, max_size=25), st.integers(0, 5))
def test_a_patient_is_never_split_and_every_split_has_one(counts, seed):
    patients = [f"patient {number}" for number, count in enumerate(counts) for _ in range(count)]
    table = with_splits(with_patients(patients), seed).table
    assert (table.groupby("patient")["split"].nunique() == 1).all()
    assert set(table["split"]) == {"train", "validation", "test"}


def test_many_patients_are_divided_seventy_twenty_ten():
    patients = [f"patient {number}" for number in range(200) for _ in range(number % 7 + 1)]
    shares = with_splits(with_patients(patients), 3).table["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.7, abs=0.02)
    assert shares["validation"] == pytest.approx(0.2, abs=0.02)
    assert shares["test"] == pytest.approx(0.1, abs=0.02)


def test_a_given_test_stays_and_the_rest_is_divided():
    patients = [f"patient {number}" for number in range(30)]
    table = with_splits(with_patients(patients, ["test"] * 5 + [""] * 25), 1).table
    assert (table["split"] == "test").tolist() == [True] * 5 + [False] * 25
    assert 4 <= (table["split"] == "validation").sum() <= 7


def test_impossible_divisions_are_refused():
    with pytest.raises(ParameterError, match="is in two splits"):
        with_splits(with_patients(["a", "a", "b", "c"], ["test", "train", "", ""]), 1)
    with pytest.raises(ParameterError, match="images of more"):
        with_splits(with_patients(["a", "b"]), 1)
    with pytest.raises(ParameterError, match="A split is called"):
        with_splits(with_patients(["a", "b"], ["holdout", ""]), 1)
    mixed = with_patients(["a", "b", "c"])
    mixed.table["image"] = "one image"
    with pytest.raises(ParameterError, match="belongs to two patients"):
        with_splits(mixed, 1)


def write_image_folder(folder, annotations, images):
    labels = np.zeros((300, 250), np.uint8)
    for label, (top, bottom, left, right) in enumerate(BOXES[:2], start=1):
        labels[top - 250 : bottom - 249, left - 150 : right - 149] = label
    rng = np.random.default_rng(1)
    pixels = np.where(np.arange(250) < 180, rng.normal(30000, 500, (300, 250)), 0).astype(np.uint16)
    for number in range(len(images)):
        write_volume(pixels, (0.1, 0.1), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1), folder / f"{number}.nrrd")
    write_volume(labels, (0.1, 0.1), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1), folder / "labels.nrrd")
    pd.DataFrame(images).to_csv(folder / "images.csv", index=False)
    if annotations is not None:
        pd.DataFrame(annotations).to_csv(folder / "annotations.csv", index=False)


def test_label_maps_boxes_and_points_mark_the_same_places(tmp_path):
    boxes = [dict(zip(ENDS, np.array(box) - (250, 250, 150, 150), strict=True)) for box in BOXES[:2]]
    points = [
        {"row": (b["row_min"] + b["row_max"]) / 2, "column": (b["column_min"] + b["column_max"]) / 2} for b in boxes
    ]
    found = []
    for name, annotations, labels in (("map", None, "labels.nrrd"), ("boxes", boxes, None), ("points", points, None)):
        folder = tmp_path / name
        folder.mkdir()
        image = {"image": "0.nrrd", "patient": 7, "malignant": 1, "labels": labels}
        rows = None if annotations is None else [{"image": "0.nrrd", **row} for row in annotations]
        write_image_folder(folder, rows, [image])
        (read,) = read_annotated_images(folder)
        assert read.patient == "7"
        assert read.marks["malignant"].tolist() == [1, 1]
        found.append(read.marks[["row", "column"]].to_numpy())
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[0], found[2])


@pytest.mark.parametrize(
    ("annotations", "images", "message"),
    [
        ([{"image": "x.nrrd", "row": 1, "column": 1}], [{"image": "0.nrrd", "patient": 1}], "names “x.nrrd”"),
        ([{"image": "0.nrrd", "row": 1}], [{"image": "0.nrrd", "patient": 1}], "need “column”"),
        ([{"image": "0.nrrd", "row": 1, "column": None}], [{"image": "0.nrrd", "patient": 1}], "no position"),
        (
            [{"image": "0.nrrd", "row": 1, "column": 1, "malignant": 2}],
            [{"image": "0.nrrd", "patient": 1}],
            "1, 0, or empty",
        ),
        (None, [{"image": "0.nrrd"}], "lacks the column “patient”"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_in_one_sentence(tmp_path, annotations, images, message):
    write_image_folder(tmp_path, annotations, images)
    with pytest.raises(ParameterError, match=message):
        list(read_annotated_images(tmp_path))


def test_folders_of_phantoms_are_read_by_their_truth(tmp_path):
    small = BreastParameters(spacing_mm=0.1, frame_mm=(80.0, 60.0))
    truth = []
    for number in range(2):
        background = power_law_background([4, 0], small)
        phantom = simulate(background, [4, number], PhantomParameters(clusters=(1, 1), distractors=(3, 3)))
        write_phantom(tmp_path, f"phantom_{number}", phantom, ["nrrd"])
        truth.append(phantom)
    read = list(read_annotated_images(tmp_path))
    assert len({image.patient for image in read}) == 1, "the same background is the same patient"
    for image, phantom in zip(read, truth, strict=True):
        assert len(image.marks) == len(phantom.calcifications)
        assert len(image.lookalikes) == len(phantom.parameters["distractors"])
        apart = np.hypot(*(image.marks[["row", "column"]] - phantom.calcifications[["row", "column"]]).to_numpy().T)
        assert np.median(apart) < 2


def test_changed_images_keep_their_annotations_in_place():
    boxes = [(row, row + 2, column, column + 2) for row in (100, 400, 700) for column in (100, 300)]
    for seed in range(6):
        image = annotated_image(boxes, shape=(900, 600))
        for row, column in image.marks[["row", "column"]].to_numpy(int):
            image.mammogram.pixels[row - 4 : row + 5, column - 4 : column + 5] += 2000
        changed = _as_photographed(image, np.random.default_rng(seed))
        assert changed.breast.shape == changed.mammogram.pixels.shape
        for row, column in changed.marks[["row", "column"]].to_numpy():
            top, left = round(row) - 10, round(column) - 10
            part = changed.mammogram.pixels[top : top + 21, left : left + 21]
            weight = np.clip(part - np.median(part), 0, None)
            assert np.abs(ndimage.center_of_mass(weight) - np.array([row - top, column - left])).max() < 1


def test_changes_are_reproducible_and_differ():
    pixels = np.random.default_rng(0).normal(100, 10, (200, 150)).astype(np.float32)
    first, second, other = (degraded(pixels, 0.05, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], second[0])
    assert first[0].shape != other[0].shape or not np.array_equal(first[0], other[0])


@pytest.mark.slow
def test_the_interval_of_the_paper_is_reproduced():
    outcome = np.arange(3393) < 0.71 * 3393
    wrong = np.zeros(3393, bool)
    wrong[:: round(1 / 0.05)] = True  # accuracy 0.95
    figures = patch_figures(outcome, np.where(outcome ^ wrong, 0.9, 0.1), 0.5, [f"{i % 100}" for i in range(3393)])
    assert figures["accuracy"]["value"] == pytest.approx(0.95, abs=1e-3)
    assert np.round(figures["accuracy"]["paper_interval"], 2).tolist() == [0.94, 0.96]
    assert "0.94 to 0.96" in figures_text(figures)


def test_the_measures_agree_with_the_two_by_two_table():
    rng = np.random.default_rng(4)
    outcome, probability = rng.random(200) < 0.4, rng.random(200)
    figures = patch_figures(outcome, probability, 0.6, [str(patient) for patient in rng.integers(0, 20, 200)])
    table = diagnostic_table(outcome, probability, 0.6)
    for name in ("accuracy", "sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value"):
        assert figures[name]["value"] == pytest.approx(getattr(table, name).value, abs=1e-4)
    assert figures["auc"]["value"] == pytest.approx(auc(outcome, probability).value, abs=1e-4)


def test_patches_of_few_patients_have_wider_intervals_over_patients():
    rng = np.random.default_rng(2)
    patients = np.repeat(np.arange(10), 60)
    outcome = rng.random(600) < 0.5
    right = rng.random(600) < rng.uniform(0.6, 1, 10)[patients]
    figures = patch_figures(outcome, np.where(outcome == right, 0.9, 0.1), 0.5, [str(patient) for patient in patients])
    narrow, wide = (np.ptp(figures["accuracy"][f"{name}_interval"]) for name in ("paper", "patient"))
    assert wide > 1.3 * narrow
    one = patch_figures(outcome, np.where(outcome, 0.9, 0.1), 0.5, ["a"] * 600)
    assert one["accuracy"]["patient_interval"] is None
    json.dumps(one, allow_nan=False)


def test_sets_of_patches_are_saved_and_loaded(tmp_path):
    patches = toy_patches(3, 4)
    patches.save(tmp_path / "set")
    loaded = PatchSet.load(tmp_path / "set")
    np.testing.assert_array_equal(loaded.values, patches.values)
    pd.testing.assert_frame_equal(loaded.table, patches.table)
    assert (loaded.input, loaded.shift) == (patches.input, patches.shift)
    (tmp_path / "set" / "patches.npy").unlink()
    with pytest.raises(ResultError, match="no complete set"):
        PatchSet.load(tmp_path / "set")


def test_stored_patches_are_what_networks_see():
    image = annotated_image([(450, 452, 250, 252)])
    image.mammogram.pixels[450:453, 250:253] += 400
    patches = cut_patches([image], 1, Cutting(), SEEN)
    shown = patches.values[patches.table["calcifications"].to_numpy()][0] * QUANTUM
    quiet = patches.values[~patches.table["calcifications"].to_numpy()][0] * QUANTUM
    assert shown.max() > 3.5 > 3 > quiet.max()
    assert np.abs(shown).max() <= 5.26


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.slow
def test_a_small_network_learns_to_tell_patches(torch, tmp_path):
    training = PatchTraining(Architecture("alexnet", 16, 1), epochs=8, learning_rate=1e-3, balanced=True)
    card = train_patch_network(toy_patches(20, 24), "detection", tmp_path / "model", training, EXACT)
    assert card["figures"]["test"]["auc"]["value"] > 0.9
    assert card["splits"]["test"]["patients"]
    assert 0 < card["threshold"] < 1
    model = PatchModel.load(tmp_path / "model")
    assert model.card == card
    curve = pd.read_csv(tmp_path / "model" / "learning_curve.csv")
    assert len(curve) == card["epochs"]
    assert curve["training_loss"].iloc[-1] < 0.5 * curve["training_loss"].iloc[0]
    assert (tmp_path / "model" / "learning_curve.png").stat().st_size > 1000
    (task,) = read_predictions([tmp_path / "model" / "test_predictions.csv"])
    assert task.name == "Task 1: microcalcifications or none"
    for name in ("auc", "sensitivity", "specificity"):
        found = task.measures["model"].measures[name].value
        assert found == pytest.approx(card["figures"]["test"][name]["value"])


class _StopAfter:
    """Cancels at one of the steps of training."""

    def __init__(self, steps):
        self.left = steps

    def __call__(self, stage, done, total):
        self.left -= stage == "training"
        if self.left < 0:
            raise Cancelled("stop")


@pytest.mark.slow
def test_interrupted_training_continues_to_the_same_weights(torch, tmp_path):
    patches = toy_patches()
    whole = train_patch_network(patches, "malignancy", tmp_path / "whole", TINY, EXACT)
    batches = -(-whole["splits"]["train"]["patches"] // TINY.batch)
    for steps in (batches + 1, 2 * batches - 1):
        with pytest.raises(Cancelled):
            train_patch_network(patches, "malignancy", tmp_path / "cut", TINY, EXACT, progress=_StopAfter(steps))
        assert [path.name for path in tmp_path.iterdir() if "cut" in path.name] == [".cut-training.safetensors"]
    counted = []
    continued = train_patch_network(
        patches, "malignancy", tmp_path / "cut", TINY, EXACT, progress=lambda stage, done, total: counted.append(done)
    )
    assert counted[0] >= batches, "the first epoch is not repeated"
    assert continued["sha256"] == whole["sha256"]
    assert continued["figures"] == whole["figures"]
    assert not (tmp_path / ".cut-training.safetensors").exists()


@pytest.mark.slow
def test_a_cancelled_training_leaves_no_model_and_other_data_start_afresh(torch, tmp_path):
    with pytest.raises(Cancelled):
        train_patch_network(toy_patches(), "detection", tmp_path / "model", TINY, EXACT, progress=_StopAfter(0))
    assert list(tmp_path.iterdir()) == []
    batches = 3
    with pytest.raises(Cancelled):
        train_patch_network(
            toy_patches(), "detection", tmp_path / "model", TINY, EXACT, progress=_StopAfter(batches + 2)
        )
    counted = []
    train_patch_network(
        toy_patches(seed=1),
        "detection",
        tmp_path / "model",
        TINY,
        EXACT,
        progress=lambda s, done, t: counted.append(done),
    )
    assert counted[0] == 0


@pytest.mark.slow
def test_training_can_start_from_another_network_of_the_same_architecture(torch, tmp_path):
    first = train_patch_network(toy_patches(), "detection", tmp_path / "first", TINY, EXACT)
    start = PatchTraining(TINY.architecture, start=str(tmp_path / "first"), epochs=1, learning_rate=1e-9)
    second = train_patch_network(toy_patches(), "detection", tmp_path / "second", start, EXACT)
    assert second["figures"]["test"]["auc"] == first["figures"]["test"]["auc"]
    other = PatchTraining(Architecture("alexnet", 9, 1), start=str(tmp_path / "first"))
    with pytest.raises(ModelError, match="another architecture"):
        train_patch_network(toy_patches(), "detection", tmp_path / "third", other, EXACT)


def test_data_of_one_class_and_foreign_folders_are_refused(torch, tmp_path):
    patches = toy_patches()
    only = patches.take(patches.table["calcifications"].to_numpy())
    with pytest.raises(ParameterError, match="with and without"):
        train_patch_network(only, "detection", tmp_path / "model", TINY, EXACT)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    with pytest.raises(ResultError, match="holds something else"):
        train_patch_network(patches, "detection", tmp_path / "mine", TINY, EXACT)


def test_the_command_prints_the_table_and_writes_the_model(torch, tmp_path, capsys):
    toy_patches().save(tmp_path / "data")
    parser = argparse.ArgumentParser()
    train_patches.add_arguments(parser)
    options = "--task detection --width 8 --pooled 1 --epochs 1 --device cpu --batch 32 --json-progress"
    arguments = [*options.split(), "--data", str(tmp_path / "data"), "--output", str(tmp_path / "model")]
    assert train_patches.run(parser.parse_args(arguments)) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("AUC", "Accuracy", "Sensitivity", "Specificity", "PPV", "NPV"))
    assert '{"stage": "training", "done": 0' in printed
    assert PatchModel.load(tmp_path / "model").card["name"] == "model"


@pytest.mark.slow
def test_whole_images_without_calcifications_are_counted(torch, tmp_path):
    images = [("plain", annotated_image([]).mammogram)]
    card = train_patch_network(toy_patches(), "detection", tmp_path / "model", TINY, EXACT, images)
    (row,) = card["figures"]["images_without_known_calcifications"]
    assert row["image"] == "plain"
    assert 0 <= row["marked"] <= row["patches"]
    assert row["patches"] > 10
    assert PatchModel.load(tmp_path / "model").card["figures"] == card["figures"]
