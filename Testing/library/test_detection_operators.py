"""Torchvision's operators in PyTorch alone: the same values as their definition, gradients included."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MicrocalcAILib.base.errors import MissingPackageError
from MicrocalcAILib.networks import detection_operators

torch = pytest.importorskip("torch")


def _boxes(rng: np.random.Generator, count: int, side: float) -> np.ndarray:
    corner = rng.uniform(-0.1 * side, 0.9 * side, (count, 2))
    return np.hstack([corner, corner + rng.uniform(0.02 * side, 0.6 * side, (count, 2))])


def _suppressed_one_by_one(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        x1, y1, x2, y2 = boxes[index]
        for other in kept:
            a1, b1, a2, b2 = boxes[other]
            common = max(min(x2, a2) - max(x1, a1), 0) * max(min(y2, b2) - max(y1, b1), 0)
            if common / ((x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1) - common) > threshold:
                break
        else:
            kept.append(int(index))
    return kept


def _value_at(features: np.ndarray, y: float, x: float) -> np.ndarray:
    """Bilinear value of every channel as the compiled operator defines it."""
    _, height, width = features.shape
    if y < -1 or y > height or x < -1 or x > width:
        return np.zeros(len(features))
    y, x = min(max(y, 0.0), height - 1), min(max(x, 0.0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = y - top, x - left
    return (
        features[:, top, left] * (1 - down) * (1 - across)
        + features[:, top, right] * (1 - down) * across
        + features[:, bottom, left] * down * (1 - across)
        + features[:, bottom, right] * down * across
    )


def _aligned_one_by_one(
    features: np.ndarray, boxes: np.ndarray, bins: tuple[int, int], scale: float, samples: int, aligned: bool
) -> np.ndarray:
    pooled = np.zeros((len(boxes), features.shape[1], *bins))
    for number, (image, *edges) in enumerate(boxes):
        x1, y1, x2, y2 = (edge * scale - 0.5 * aligned for edge in edges)
        height, width = y2 - y1, x2 - x1
        if not aligned:
            height, width = max(height, 1.0), max(width, 1.0)
        for i in range(bins[0] * samples):
            for j in range(bins[1] * samples):
                y = y1 + (i + 0.5) * height / (bins[0] * samples)
                x = x1 + (j + 0.5) * width / (bins[1] * samples)
                pooled[number, :, i // samples, j // samples] += _value_at(features[int(image)], y, x)
    return pooled / samples**2


@given(seed=st.integers(0, 10_000), count=st.integers(0, 40), threshold=st.sampled_from([0.1, 0.3, 0.5, 0.7]))
@settings(max_examples=40, deadline=None)
def test_suppression_keeps_what_comparing_boxes_one_by_one_keeps(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores = _boxes(rng, count, 50.0).reshape(-1, 4), rng.integers(0, 8, count) / 8  # equal scores are frequent
    kept = detection_operators.non_maximum_suppression(torch.tensor(boxes), torch.tensor(scores), threshold)
    assert kept.tolist() == _suppressed_one_by_one(boxes, scores, threshold)


def test_suppression_of_more_boxes_than_a_block_agrees_too() -> None:
    rng = np.random.default_rng(3)
    boxes, scores = _boxes(rng, 600, 300.0), rng.permutation(600) / 600
    kept = detection_operators.non_maximum_suppression(torch.tensor(boxes), torch.tensor(scores), 0.4)
    assert kept.tolist() == _suppressed_one_by_one(boxes, scores, 0.4)


@given(
    seed=st.integers(0, 10_000),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    samples=st.integers(1, 3),
    scale=st.sampled_from([1.0, 0.25]),
    aligned=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_roi_align_gives_the_mean_of_bilinear_samples(
    seed: int, height: int, width: int, samples: int, scale: float, aligned: bool
) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(2, 3, height, width))
    boxes = np.hstack([rng.integers(0, 2, (5, 1)), _boxes(rng, 5, 1.3 * max(height, width) / scale)])
    found = detection_operators.roi_align(
        torch.tensor(features, dtype=torch.float32), torch.tensor(boxes), (2, 3), scale, samples, aligned
    )
    expected = _aligned_one_by_one(features, boxes, (2, 3), scale, samples, aligned)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-4)


def test_gradients_of_roi_align_are_its_linear_weights() -> None:
    # the operator is linear: its gradient holds the response to each single cell
    rng = np.random.default_rng(1)
    boxes = np.array([[0, 1.2, 0.4, 6.5, 4.9], [0, -2.0, 3.0, 2.0, 9.0]])
    weights = rng.normal(size=(2, 1, 2, 2))
    features = torch.zeros((1, 1, 5, 6), requires_grad=True)
    pooled = detection_operators.roi_align(features, torch.tensor(boxes), 2)
    (pooled * torch.tensor(weights, dtype=torch.float32)).sum().backward()
    for row in range(5):
        for column in range(6):
            single = np.zeros((1, 1, 5, 6))
            single[0, 0, row, column] = 1
            expected = (_aligned_one_by_one(single, boxes, (2, 2), 1.0, 2, False) * weights).sum()
            assert float(features.grad[0, 0, row, column]) == pytest.approx(expected, abs=1e-4)


def test_roi_align_takes_a_list_of_boxes_for_each_image() -> None:
    rng = np.random.default_rng(2)
    features = torch.tensor(rng.normal(size=(2, 2, 8, 8)), dtype=torch.float32)
    first, second = (torch.tensor(_boxes(rng, count, 8.0), dtype=torch.float32) for count in (3, 0))
    listed = detection_operators.roi_align(features, [second, first], 7)
    stacked = torch.cat([torch.ones(3, 1), first], dim=1)
    assert torch.equal(listed, detection_operators.roi_align(features, stacked, 7))


def test_torchvision_finds_lesions_with_or_without_its_compiled_operators() -> None:
    pytest.importorskip("PIL")
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    torchvision = detection_operators.import_torchvision()
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.7])
    assert torchvision.ops.boxes.batched_nms(boxes, scores, torch.zeros(3), 0.5).tolist() == [1, 2]
    pool = torchvision.ops.MultiScaleRoIAlign(["0"], 7, 2)
    pooled = pool({"0": torch.ones(1, 4, 8, 8)}, [boxes], [(32, 32)])
    assert pooled.shape == (3, 4, 7, 7)
    assert torch.allclose(pooled[0], torch.ones(4, 7, 7))


def test_missing_torchvision_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(detection_operators, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="torchvision, which is not installed"):
        detection_operators.import_torchvision()
