"""The lesion detector: boxes across tiles, coordinates, scores of breasts, model folders."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from MicrocalcAILib.base.errors import ModelError, ParameterError
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.networks.detector import BOX_COLUMNS, LesionDetector, detect
from MicrocalcAILib.networks.detector_architecture import DetectorArchitecture
from MicrocalcAILib.networks.lesion_boxes import breast_scores, exam_scores, link_boxes
from MicrocalcAILib.networks.runtime import Runtime
from MicrocalcAILib.networks.tile_boxes import TileBoxes, joined
from MicrocalcAILib.networks.tiles import tiles_over
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.segmentation.breast import BreastRegion

torch = pytest.importorskip("torch")
needs_torchvision = pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")

CPU = Runtime("cpu", "float32")


class BrightParts(torch.nn.Module):
    """In place of a network: a box around everything bright, malignant where it is wide."""

    def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        results = []
        for image in images:
            parts = ndimage.find_objects(ndimage.label(image[0].numpy() > 4)[0])
            boxes = [[part[1].start, part[0].start, part[1].stop, part[0].stop] for part in parts]
            scores = torch.full((len(boxes),), 0.8)
            wide = torch.tensor([box[2] - box[0] > 16 for box in boxes], dtype=torch.bool)
            malignant = torch.where(wide, 0.7, 0.1)
            results.append({"boxes": torch.tensor(boxes).reshape(-1, 4), "scores": scores, "malignant": malignant})
        return results


STAND_IN = LesionDetector(DetectorArchitecture("light"), BrightParts(), {})


def _mammogram(shape: tuple[int, int], spacing_mm: float = 0.05) -> tuple[Mammogram, BreastRegion]:
    pixels = np.random.default_rng(0).normal(100, 1, shape).astype(np.float32)
    mask = np.ones(shape, np.bool_)
    box = (slice(0, shape[0]), slice(0, shape[1]))
    return Mammogram(pixels, (spacing_mm, spacing_mm)), BreastRegion(mask, box, "left", None, 100.0)


def _seen_by(tile: tuple[slice, slice], lesions: np.ndarray, shape: tuple[int, int]) -> TileBoxes:
    """What a perfect network finds in one tile: every lesion it shows at least 12 pixels of, cut at its borders."""
    corner = np.array([tile[0].start, tile[1].start] * 2)
    seen = np.clip(lesions - corner, 0, [tile[0].stop - corner[0], tile[1].stop - corner[1]] * 2)
    shown = ((seen[:, 2:] - seen[:, :2]) >= 12).all(axis=1)
    found = {
        "boxes": seen[shown][:, [1, 0, 3, 2]],
        "scores": np.full(shown.sum(), 0.9),
        "malignant": np.zeros(shown.sum()),
    }
    return TileBoxes.of_tile(found, tile, shape)


@given(seed=st.integers(0, 10_000), count=st.integers(0, 4), largest=st.sampled_from([60, 150, 600]))
@settings(max_examples=60, deadline=None)
def test_lesions_seen_by_several_tiles_are_one_box_each(seed: int, count: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (700, 620)
    lesions: list[np.ndarray] = []
    for _ in range(count):
        corner = rng.integers(0, [shape[0] - 20, shape[1] - 20])
        box = np.concatenate([corner, np.minimum(corner + rng.integers(20, largest + 1, 2), shape)]).astype(float)
        gap = [np.maximum(np.maximum(box[:2] - other[2:], other[:2] - box[2:]).max(), 0) for other in lesions]
        if all(distance > 20 for distance in gap):
            lesions.append(box)
    truth = np.array(sorted(map(tuple, lesions))).reshape(-1, 4)
    tiles = tiles_over(np.ones(shape, np.bool_), 256, 96)
    found = joined([_seen_by(tile, truth, shape) for tile in tiles], 0.3)
    np.testing.assert_allclose(np.array(sorted(map(tuple, found.edges))).reshape(-1, 4), truth)


def test_two_lesions_cut_by_the_same_border_stay_two() -> None:
    shape = (200, 400)
    tiles = [(slice(0, 200), slice(0, 230)), (slice(0, 200), slice(170, 400))]
    truth = np.array([[20.0, 150, 60, 260], [100.0, 140, 150, 250]])
    assert len(joined([_seen_by(tile, truth, shape) for tile in tiles], 0.3).scores) == 2


def test_a_part_keeps_the_probabilities_of_the_surest_part() -> None:
    shape, tiles = (100, 300), [(slice(0, 100), slice(0, 180)), (slice(0, 100), slice(120, 300))]
    left, right = (_seen_by(tile, np.array([[20.0, 100, 70, 200]]), shape) for tile in tiles)
    right = TileBoxes(right.edges, right.scores + 0.05, right.malignant + 0.6, right.cut, right.tile)
    found = joined([left, right], 0.3)
    assert found.scores.tolist() == pytest.approx([0.95])
    assert found.malignant.tolist() == pytest.approx([0.6])


def test_boxes_come_back_in_the_image_s_own_pixels() -> None:
    mammogram, breast = _mammogram((600, 800))
    mammogram.pixels[200:220, 300:330] = 200
    boxes, warnings = detect(mammogram, breast, STAND_IN, CPU)
    assert list(boxes.columns) == BOX_COLUMNS
    assert warnings == ()
    assert len(boxes) == 1
    box = boxes.iloc[0]
    for name, expected in {"row_min": 200, "row_max": 219, "column_min": 300, "column_max": 329}.items():
        assert abs(box[name] - expected) <= 2, name
    assert box["y_mm"] == pytest.approx(209.5 * 0.05, abs=0.1)
    assert box["x_mm"] == pytest.approx(314.5 * 0.05, abs=0.1)
    assert box["class"] == "benign"


def test_a_lesion_on_the_border_of_tiles_is_found_once() -> None:
    mammogram, breast = _mammogram((2600, 500))  # 1300 × 250 on the grid of 0.1 mm, so two tiles
    for row in (500, 1080, 1540, 2040):  # tiles end at rows 2048 and begin at row 552
        mammogram.pixels[row : row + 30, 200:240] = 200
    boxes, _ = detect(mammogram, breast, STAND_IN, CPU)
    assert sorted(boxes["row_min"] // 20 * 20) == [500, 1080, 1540, 2040]
    assert boxes["class"].eq("malignant").all()
    assert boxes["id"].tolist() == [1, 2, 3, 4]


def test_only_the_breast_is_searched() -> None:
    mammogram, breast = _mammogram((600, 800))
    mammogram.pixels[100:120, 100:130] = mammogram.pixels[100:120, 600:630] = 200
    breast.mask[:, 400:] = False
    boxes, _ = detect(mammogram, breast, STAND_IN, CPU)
    assert (boxes["column_max"] < 400).all()
    assert len(boxes) == 1


def test_the_notice_of_a_detector_reaches_the_results() -> None:
    mammogram, breast = _mammogram((300, 200))
    noted = replace(STAND_IN, card={"notice": "Trained on simulated lesions only."})
    _, warnings = detect(mammogram, breast, noted, CPU)
    assert [(warning.code, warning.message) for warning in warnings] == [
        ("lesion-boxes-notice", "Trained on simulated lesions only.")
    ]


def test_an_image_without_a_breast_has_an_empty_table() -> None:
    mammogram, _ = _mammogram((300, 200))
    nothing = BreastRegion(np.zeros((300, 200), np.bool_), (slice(0, 0), slice(0, 0)), None, None, 0.0)
    boxes, _ = detect(mammogram, nothing, STAND_IN, CPU)
    assert list(boxes.columns) == BOX_COLUMNS
    assert boxes.empty


def test_cancel_stops_between_tiles() -> None:
    mammogram, breast = _mammogram((2600, 500))
    stages: list[tuple[str, int, int]] = []

    def cancel(stage: str, done: int, total: int) -> None:
        stages.append((stage, done, total))
        if done == 1:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        detect(mammogram, breast, STAND_IN, CPU, cancel)
    assert stages == [("lesion boxes", 0, 2), ("lesion boxes", 1, 2)]


def test_boxes_name_the_clusters_that_lie_in_them() -> None:
    boxes = pd.DataFrame({"row_min": [0, 50], "row_max": [20, 90], "column_min": [0, 0], "column_max": [20, 90]})
    calcifications = pd.DataFrame(
        {
            "cluster_id": [1, 1, 1, 2, 2, 3, 0],
            "row": [5, 10, 60, 15.0, 15.4, 20.4, 70],
            "column": [5, 10, 60, 3, 4, 20.4, 70],
        }
    )
    assert link_boxes(boxes, calcifications)["cluster_ids"].tolist() == ["1;2;3", ""]
    assert link_boxes(boxes[:0], calcifications)["cluster_ids"].tolist() == []


@given(order=st.permutations(range(5)), views=st.permutations(range(4)))
def test_scores_of_breasts_do_not_depend_on_the_order_of_views_and_boxes(order: list[int], views: list[int]) -> None:
    boxes = pd.DataFrame(
        {
            "patient": ["p", "p", "p", "q", "q"],
            "breast": ["L", "L", "R", "L", "L"],
            "malignant_score": [0.2, 0.7, 0.4, 0.1, 0.3],
        }
    )
    images = pd.DataFrame({"patient": ["p", "p", "q", "q"], "breast": ["L", "R", "L", "R"]})
    breasts = breast_scores(boxes.iloc[order], images.iloc[views])
    assert breasts.to_dict("records") == [
        {"patient": "p", "breast": "L", "score": 0.7},
        {"patient": "p", "breast": "R", "score": 0.4},
        {"patient": "q", "breast": "L", "score": 0.3},
        {"patient": "q", "breast": "R", "score": 0.0},
    ]
    assert exam_scores(breasts)["score"].tolist() == [0.7, 0.3]


@needs_torchvision
@pytest.mark.parametrize("backbone", ["light", "resnet18", "resnet50"])
def test_every_backbone_takes_images_of_any_size(backbone: str) -> None:
    from MicrocalcAILib.networks.detector import untrained_network

    torch.manual_seed(0)
    network = untrained_network(DetectorArchitecture(backbone, score_threshold=0.0, most_boxes=9)).eval()
    with torch.inference_mode():
        found = network([torch.randn(1, 70, 101)])[0]
    assert 0 < len(found["boxes"]) <= 9
    assert bool((found["boxes"] >= 0).all())
    assert bool((found["boxes"][:, 2] <= 101).all())
    assert bool((found["boxes"][:, 3] <= 70).all())
    assert bool((found["scores"].diff() <= 0).all())
    assert bool((found["malignant"] <= found["scores"] + 1e-6).all())


@needs_torchvision
def test_a_detector_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    from MicrocalcAILib.networks.detector import untrained_network

    torch.manual_seed(0)
    architecture = DetectorArchitecture("light", grid_mm=0.12, score_threshold=0.0)
    stored = LesionDetector(architecture, untrained_network(architecture).eval(), {})
    stored.network.half().float()  # what half precision keeps
    stored.save(tmp_path / "Mine", {"name": "Mine", "license": "MIT"})
    read = LesionDetector.load(tmp_path / "Mine")
    assert read.architecture == architecture
    assert read.provenance()["name"] == "Mine"
    image = [torch.randn(1, 96, 96)]
    with torch.inference_mode():
        assert torch.equal(stored.network(image)[0]["boxes"], read.network(image)[0]["boxes"])


@needs_torchvision
def test_altered_or_unfitting_weights_are_refused(tmp_path: Path) -> None:
    from MicrocalcAILib.networks.detector import untrained_network

    light = DetectorArchitecture("light")
    folder = tmp_path / "Altered"
    LesionDetector(light, untrained_network(light), {}).save(folder, {})
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="altered"):
        LesionDetector.load(folder)
    LesionDetector(DetectorArchitecture("resnet18"), untrained_network(light), {}).save(tmp_path / "Other", {})
    with pytest.raises(ModelError, match="do not fit"):
        LesionDetector.load(tmp_path / "Other")


@pytest.mark.parametrize(
    "wrong", [{"backbone": "vgg"}, {"grid_mm": 3.0}, {"score_threshold": 1.5}, {"nms_iou": 0.0}, {"most_boxes": 0}]
)
def test_impossible_architectures_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        DetectorArchitecture(**wrong)
