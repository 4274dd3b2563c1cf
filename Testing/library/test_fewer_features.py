"""A selector's network in fewer features: what it says stays, what it costs does not."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from MicrocalcAILib.base.errors import ParameterError  # noqa: E402
from MicrocalcAILib.base.resources import resource_path  # noqa: E402
from MicrocalcAILib.networks.pyramid import PyramidRegressor  # noqa: E402
from MicrocalcAILib.networks.selector import NetworkSelector  # noqa: E402
from MicrocalcAILib.training import fewer_features  # noqa: E402
from MicrocalcAILib.training.fewer_features import FewerFeatures, reduce_selector, with_fewer_features  # noqa: E402

WIDTHS = (4, 4, 4)


@pytest.fixture
def network():
    """One whose head looks at three of its eight features only."""
    torch.manual_seed(3)
    network = PyramidRegressor(WIDTHS, 8).eval()
    with torch.no_grad():
        head = network.head[0].weight
        head[:] = torch.einsum("ofyx,fg->ogyx", head[:, :3], torch.randn(3, 8))
    return network


@pytest.fixture
def contrast():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 32, 48)).astype(np.float32))


def _seen(network, contrast):
    with torch.inference_mode():
        merged = network.merged(contrast)[0].double().flatten(1).numpy()
    return merged.mean(axis=1), np.cov(merged)


def test_features_that_the_head_does_not_look_at_are_no_loss(network, contrast):
    reduced, lost = with_fewer_features(network, WIDTHS, 3, *_seen(network, contrast))
    assert reduced.merged(contrast).shape[1] == 3
    assert lost < 1e-6
    with torch.inference_mode():
        np.testing.assert_allclose(reduced(contrast), network(contrast), atol=1e-4)


def test_the_more_features_remain_the_less_is_lost(network, contrast):
    seen = _seen(network, contrast)
    lost = [with_fewer_features(network, WIDTHS, features, *seen)[1] for features in (1, 2, 3)]
    assert lost[0] > lost[1] > lost[2] >= 0


def test_what_is_lost_is_least_where_the_map_is_read(network, contrast):
    with torch.inference_mode():
        exact = network.head[0](network.merged(contrast))
        reduced, lost = with_fewer_features(network, WIDTHS, 2, *_seen(network, contrast))
        other, _ = with_fewer_features(network, WIDTHS, 2, np.zeros(8), np.eye(8))
        errors = [float(((one.head[0](one.merged(contrast)) - exact) ** 2).mean()) for one in (reduced, other)]
    assert errors[0] < errors[1]
    assert lost > 0


@pytest.fixture
def noise_is_seen(monkeypatch):
    """In place of those of simulated mammograms."""
    features = json.loads((resource_path("Models/SpeckSelectorNetwork") / "card.json").read_text())
    count = features["regressor"]["architecture"]["features"]
    monkeypatch.setattr(fewer_features, "_merged_features", lambda *_: (np.zeros(count), np.eye(count)))


def test_a_reduced_selector_is_a_selector_with_the_same_trees(noise_is_seen, tmp_path):
    card = reduce_selector("SpeckSelectorNetwork", [], tmp_path / "Less", FewerFeatures(features=2))
    bundled, reduced = (NetworkSelector.load(name, "cpu") for name in ("SpeckSelectorNetwork", tmp_path / "Less"))
    assert reduced.trees.models == bundled.trees.models
    assert reduced.threshold(0.05) == bundled.threshold(0.05)
    assert card["regressor"]["architecture"]["features"] == 2
    assert (
        card["regressor"]["reduction"]["from"]
        == json.loads((resource_path("Models/SpeckSelectorNetwork") / "card.json").read_text())["sha256"]
    )
    assert (tmp_path / "Less" / "nearness.onnx").stat().st_size < 1.1e6


@pytest.mark.parametrize("features", [0, 8, 100])
def test_no_features_and_as_many_as_there_are_are_refused(noise_is_seen, features, tmp_path):
    with pytest.raises(ParameterError, match="number of features"):
        reduce_selector("SpeckSelectorNetwork", [], tmp_path / "Less", FewerFeatures(features=features))
    assert not (tmp_path / "Less").exists()


@pytest.mark.slow
def test_a_selector_reduced_by_simulated_mammograms_says_nearly_the_same(tmp_path):
    card = reduce_selector("SpeckSelectorNetwork", [], tmp_path / "Less", FewerFeatures(4, simulated_backgrounds=1))
    assert 0 < card["regressor"]["reduction"]["lost_share"] < 0.1
    contrast = np.random.default_rng(0).normal(0, 0.7, (1, 1, 256, 256)).astype(np.float32)
    contrast[..., 100:103, 50::40] += 3
    maps = []
    for name in ("SpeckSelectorNetwork", tmp_path / "Less"):
        regressor = NetworkSelector.load(name, "cpu").regressor
        maps.append(regressor.runtime.evaluator(regressor.network)(contrast)[0, 0])
    assert maps[0].max() > 0.5
    assert np.abs(maps[1] - maps[0]).max() < 0.3
    assert np.abs(maps[1] - maps[0]).mean() < 0.02
