"""Training of the lesion detector: its images, their tiles, and that it learns and goes on after a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from breast_samples import picture
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.networks.runtime import Runtime
from MicrocalcAILib.phantom import Background, PhantomParameters, simulate
from MicrocalcAILib.phantom.writer import write_phantom
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.segmentation.breast import find_breast
from MicrocalcAILib.training.camera import seen_by_another_camera
from MicrocalcAILib.training.detector_images import (
    DetectorImage,
    drawn_tile,
    read_grid,
    read_images,
    store_images,
    write_image,
)
from MicrocalcAILib.training.lesion_images import (
    BOX_COLUMNS,
    LesionImage,
    LesionSimulation,
    read_lesion_images,
    read_phantom_images,
)

needs_networks = pytest.mark.skipif(
    find_spec("torch") is None or find_spec("torchvision") is None, reason="torch or torchvision is not installed"
)
CPU = Runtime("cpu", "float32")


def _specks(rng: np.random.Generator, contrast: np.ndarray, box: tuple[int, int, int, int]) -> None:
    """Some bright pixels in a box (x1, y1, x2, y2), its corners among them."""
    x1, y1, x2, y2 = box
    contrast[[y1, y1, y2 - 1, y2 - 1], [x1, x2 - 1, x1, x2 - 1]] = 110
    for _ in range(12):
        contrast[rng.integers(y1, y2), rng.integers(x1, x2)] = 110


def _stored_image(seed: int, shape: tuple[int, int] = (140, 160)) -> DetectorImage:
    rng = np.random.default_rng(seed)
    contrast = rng.normal(0, 8, shape).clip(-100, 60).astype(np.int8)
    contrast[contrast == 0] = 1  # 0 stands for “no breast”
    boxes = [(14, 20, 52, 60), (90, 70, 140, 118)]
    for box in boxes:
        _specks(rng, contrast, box)
    malignant = np.array([False, True])
    return DetectorImage(f"image{seed}", f"patient{seed}", contrast, np.array(boxes, np.float32), malignant, 0.1)


@given(seed=st.integers(0, 5000))
@settings(max_examples=60, deadline=None)
def test_boxes_stay_on_their_lesions_however_a_tile_is_turned_and_scaled(seed: int) -> None:
    image = DetectorImage("a", "p", np.ones((150, 170), np.int8), np.zeros((2, 4), np.float32), np.zeros(2, bool), 0.1)
    image.boxes[:] = [(20, 30, 60, 100), (100, 40, 160, 60)]
    for x1, y1, x2, y2 in image.boxes.astype(int):
        image.contrast[y1:y2, x1:x2] = 120
    tile = drawn_tile(image, 128, 0.8, np.random.default_rng(seed))
    assert tile.contrast.shape == (128, 128)
    bright = tile.contrast > 2
    for x1, y1, x2, y2 in np.rint(tile.boxes).astype(int):
        assert bright[y1:y2, x1:x2].mean() > 0.9
        bright[max(y1 - 2, 0) : y2 + 2, max(x1 - 2, 0) : x2 + 2] = False
    # what is left belongs to lesions that are hardly seen
    assert bright.sum() <= sum(0.35 * 2800 * 1.34**2 for _ in range(2 - len(tile.boxes))) + 1


def test_stored_images_come_back_with_their_boxes_on_the_grid(tmp_path: Path) -> None:
    breast = picture(spacing_mm=0.4)
    pixels = breast.pixels.astype(np.float32)
    lesions = pd.DataFrame([[200, 249, 50, 99]], columns=list(BOX_COLUMNS)).assign(malignant=True)
    image = LesionImage("one", Mammogram(pixels, (0.4, 0.4)), lesions, "p", "L")
    blank = LesionImage("blank", Mammogram(np.zeros((400, 300), np.float32), (0.4, 0.4)), lesions[:0], "q", "L")
    assert store_images([image, blank], tmp_path, 0.2, 2) == 1
    assert read_grid(tmp_path) == 0.2
    (stored,) = read_images(tmp_path)
    assert (stored.name, stored.patient, stored.malignant.tolist()) == ("one", "p", [True])
    rows, columns = find_breast(image.mammogram).box
    x1, y1, x2, y2 = stored.boxes[0]
    assert (x2 - x1, y2 - y1) == pytest.approx((100, 100), abs=0.6)
    assert (x1, y1) == pytest.approx((2 * (50 - columns.start), 2 * (200 - rows.start)), abs=0.6)


def test_damaged_or_missing_training_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no training images"):
        read_images(tmp_path)
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ParameterError, match="damaged"):
        read_images(tmp_path)


def test_a_table_of_one_s_own_gives_images_with_and_without_lesions(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 50), np.uint8)).save(tmp_path / f"{name}.png")
    table = pd.DataFrame(
        {
            "image": ["a.png", "a.png", "b.png"],
            "patient": ["01", "01", "02"],
            "breast": ["L", "L", "R"],
            "spacing_mm": 0.1,
            "row_min": [3, 30, np.nan],
            "row_max": [9, 40, np.nan],
            "column_min": [3, 30, np.nan],
            "column_max": [9, 49, np.nan],
            "class": ["benign", "malignant", None],
            "split": ["train", "train", "test"],
        }
    )
    table.to_csv(tmp_path / "lesions.csv", index=False)
    first, second = read_lesion_images(tmp_path / "lesions.csv")
    assert (first.name, first.patient, first.breast, first.mammogram.spacing_mm) == ("a", "01", "L", (0.1, 0.1))
    assert first.lesions["malignant"].tolist() == [False, True]
    assert (second.patient, len(second.lesions)) == ("02", 0)
    assert [image.name for image in read_lesion_images(tmp_path / "lesions.csv", "test")] == ["b"]
    table.assign(row_max=70).to_csv(tmp_path / "outside.csv", index=False)
    with pytest.raises(ParameterError, match="inside the image"):
        list(read_lesion_images(tmp_path / "outside.csv"))
    table.assign(**{"class": "unsure"}).to_csv(tmp_path / "unsure.csv", index=False)
    with pytest.raises(ParameterError, match="neither benign nor malignant"):
        list(read_lesion_images(tmp_path / "unsure.csv"))
    with pytest.raises(ParameterError, match="no row"):
        list(read_lesion_images(tmp_path / "lesions.csv", "validation"))


def test_phantoms_give_a_box_for_each_cluster_with_a_margin(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(1000, 10, (700, 600)).round().astype(np.float32)
    background = Background(
        Mammogram(pixels, (0.1, 0.1)), np.ones((700, 600), bool), (350.0, 590.0), "image", 1.0, 4095.0
    )
    parameters = PhantomParameters(clusters=(1, 1), singles=(2, 2), distributions=("grouped",))
    phantom = simulate(background, 5, parameters)
    write_phantom(tmp_path, "phantom_0001", phantom, ["nrrd"])
    (image,) = read_phantom_images(tmp_path)
    members = phantom.calcifications.loc[phantom.calcifications["cluster_id"] == 1, "id"]
    rows, columns = np.nonzero(np.isin(phantom.labels, members))
    expected = [rows.min() - 10, rows.max() + 10, columns.min() - 10, columns.max() + 10]
    assert image.lesions[list(BOX_COLUMNS)].to_numpy().tolist() == [
        pytest.approx(np.clip(expected, 0, [699, 699, 599, 599]))
    ]


@given(seed=st.integers(0, 300))
@settings(max_examples=15, deadline=None)
def test_another_camera_keeps_size_and_order_of_what_it_shows(seed: int) -> None:
    pixels = np.random.default_rng(1).normal(1000, 10, (150, 120)).astype(np.float32)
    pixels[40:60, 30:50] += 300
    seen = seen_by_another_camera(
        Mammogram(pixels, (0.07, 0.07)), np.ones(pixels.shape, bool), np.random.default_rng(seed)
    )
    assert np.isfinite(seen.pixels).all()
    for axis in (0, 1):
        assert seen.pixels.shape[axis] * seen.spacing_mm[axis] == pytest.approx(pixels.shape[axis] * 0.07)
    rows, columns = (np.array(limits) * 0.07 / seen.spacing_mm[0] for limits in ((44, 56), (34, 46)))
    bright = seen.pixels[int(rows[0]) : int(rows[1]), int(columns[0]) : int(columns[1])]
    assert bright.mean() > np.percentile(seen.pixels, 90)


@needs_networks
@pytest.mark.slow
def test_a_small_training_finds_the_lesions_it_was_shown(tmp_path: Path) -> None:
    from MicrocalcAILib.networks.detector import LesionDetector, boxes_on_grid
    from MicrocalcAILib.training.detector import train_detector
    from MicrocalcAILib.training.detector_images import contrast_of
    from MicrocalcAILib.training.detector_state import LIGHT

    data = tmp_path / "data"
    data.mkdir()
    for seed in (1, 2):
        write_image(_stored_image(seed), data)
    training = replace(LIGHT, epochs=2, tiles_per_epoch=100, tile=128, learning_rate=2e-3, false_boxes_per_image=None)
    card = train_detector(data, tmp_path / "Model", training, {"name": "Model"}, CPU)
    assert card["learning_curve"][-1]["loss"] < card["learning_curve"][0]["loss"]
    model = LesionDetector.load(tmp_path / "Model")
    image = _stored_image(2 if card["validation_patients"] == ["patient1"] else 1)
    found = boxes_on_grid(contrast_of(image.contrast), model, CPU)
    order = np.argsort(found.edges[:2, 0])
    assert len(found.scores) >= 2
    np.testing.assert_allclose(found.edges[:2][order][:, [1, 0, 3, 2]], image.boxes, atol=12)
    assert (found.malignant[:2] > found.scores[:2] / 2)[order].tolist() == [False, True]


@needs_networks
@pytest.mark.slow
def test_a_stopped_training_goes_on_to_the_same_network(tmp_path: Path) -> None:
    from MicrocalcAILib.training.detector import train_detector
    from MicrocalcAILib.training.detector_state import LIGHT

    data = tmp_path / "data"
    data.mkdir()
    for seed in (1, 2):
        write_image(_stored_image(seed), data)
    training = replace(LIGHT, epochs=2, tiles_per_epoch=4, batch=2, tile=96)

    def stop(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("training", 3):
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        train_detector(data, tmp_path / "Stopped", training, {}, CPU, progress=stop)
    assert not (tmp_path / "Stopped").exists()
    stages = []
    resumed = train_detector(data, tmp_path / "Stopped", training, {}, CPU, progress=lambda *step: stages.append(step))
    assert ("training", 0, 4) not in stages
    whole = train_detector(data, tmp_path / "Whole", training, {}, CPU)
    assert resumed["sha256"] == whole["sha256"]
    with pytest.raises(ParameterError, match="other settings"):
        train_detector(data, tmp_path / "Whole", replace(training, epochs=3), {}, CPU)


@needs_networks
def test_published_settings_are_the_defaults() -> None:
    from MicrocalcAILib.training.detector_state import PUBLISHED

    assert (PUBLISHED.learning_rate, PUBLISHED.weight_decay, PUBLISHED.batch) == (0.005, 5e-4, 1)
    rates = [PUBLISHED.learning_rate_at(epoch * PUBLISHED.steps_per_epoch) for epoch in (0, 9, 10, 20)]
    assert rates == pytest.approx([0.005, 0.005, 0.0015, 0.00045])
    assert (PUBLISHED.architecture.score_threshold, PUBLISHED.architecture.nms_iou) == (0.3, 0.3)


@pytest.mark.slow
def test_the_same_seed_simulates_the_same_lesions() -> None:
    from MicrocalcAILib.training.lesion_images import simulated_lesion_images
    from MicrocalcAILib.training.simulated_clusters import Cohort

    cohort = Cohort(
        [[("fine pleomorphic", "grouped")], [("round", "diffuse"), ("round", "grouped")]], np.array([True, False]), 0
    )
    simulation = LesionSimulation(images=4, seed=3, other_cameras=False)
    ((first,), (second,)) = (list(simulated_lesion_images(cohort, [], simulation, [2])) for _ in range(2))
    assert np.array_equal(first.mammogram.pixels, second.mammogram.pixels)
    assert first.lesions.equals(second.lesions)
    limits = np.array(first.mammogram.pixels.shape)[[0, 0, 1, 1]]
    assert ((first.lesions[list(BOX_COLUMNS)] >= 0) & (first.lesions[list(BOX_COLUMNS)] < limits)).all(axis=None)


@needs_networks
def test_initial_weights_are_taken_over_where_they_fit(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from MicrocalcAILib.base.errors import ModelError
    from MicrocalcAILib.networks.detector import untrained_network
    from MicrocalcAILib.networks.detector_architecture import DetectorArchitecture
    from MicrocalcAILib.training.detector_state import PUBLISHED, TrainingState

    training = replace(PUBLISHED, architecture=DetectorArchitecture("resnet18"))
    torch.manual_seed(7)
    given = untrained_network(training.architecture).state_dict()
    given["roi_heads.box_predictor.cls_score.weight"] = torch.zeros(91, 1024)
    save_file(given, tmp_path / "coco.safetensors")
    state = TrainingState.start(training, CPU, tmp_path / "work", tmp_path / "coco.safetensors")
    own = state.network.state_dict()
    assert torch.equal(own["backbone.body.conv1.weight"], given["backbone.body.conv1.weight"])
    assert torch.equal(own["rpn.head.bbox_pred.weight"], given["rpn.head.bbox_pred.weight"])
    assert own["roi_heads.box_predictor.cls_score.weight"].shape == (3, 1024)
    assert not state.train().backbone.body.bn1.training
    save_file({"something.else": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="another network"):
        TrainingState.start(training, CPU, tmp_path / "work", tmp_path / "other.safetensors")


def test_the_score_from_which_boxes_are_given_follows_the_false_boxes_allowed() -> None:
    from MicrocalcAILib.evaluation.matching import Matches
    from MicrocalcAILib.training.detector import score_threshold

    marks = pd.DataFrame({"id": [1, 2, 3], "probability": [0.9, 0.6, 0.5], "outcome": "false", "truth_id": 0})
    none = pd.DataFrame({"id": [], "outcome": [], "mark_id": [], "probability": []})
    matches = [Matches("a", 100.0, marks, none), Matches("b", 100.0, marks[:1], none)]
    assert score_threshold(matches, 1.0) == 0.9
    assert score_threshold(matches, 1.5) == 0.6
    assert score_threshold(matches, 5.0) == 0.0


@needs_networks
def test_a_detector_is_judged_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from MicrocalcAILib.cli import main
    from MicrocalcAILib.networks.detector import LesionDetector, untrained_network
    from MicrocalcAILib.networks.detector_architecture import DetectorArchitecture

    breast = picture(spacing_mm=0.4)
    background = Background(breast.mammogram(), breast.breast, (250.0, 195.0), "image", 0.0, 255.0)
    parameters = PhantomParameters(clusters=(1, 1), singles=(0, 0), distributions=("grouped",))
    for number in (1, 2):
        write_phantom(tmp_path / "phantoms", f"phantom_{number}", simulate(background, number, parameters), ["nrrd"])
    torch.manual_seed(0)
    architecture = DetectorArchitecture("light", grid_mm=0.4, score_threshold=0.0, most_boxes=3)
    LesionDetector(architecture, untrained_network(architecture), {}).save(tmp_path / "Model", {"name": "Model"})
    options = ["--phantoms", str(tmp_path / "phantoms"), "--model", str(tmp_path / "Model"), "--device", "cpu"]
    assert main(["evaluate-detector", *options, "--output", str(tmp_path / "out"), "--into-card", "phantoms"]) == 0
    assert "2 lesions in 2 images" in capsys.readouterr().out
    boxes = pd.read_csv(tmp_path / "out" / "boxes.csv")
    assert boxes["image"].value_counts().max() <= 3
    figures = json.loads((tmp_path / "out" / "figures.json").read_text(encoding="utf-8"))
    assert figures["free_response"]["iou"]["lesions"] == 2
    assert LesionDetector.load(tmp_path / "Model").card["figures"]["phantoms"] == figures
