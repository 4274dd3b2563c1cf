"""The speck regressor: its target, its training, and what it says about candidates."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from MicrocalcAILib.base.errors import ModelError, ParameterError  # noqa: E402
from MicrocalcAILib.base.model_folder import read_model_files  # noqa: E402
from MicrocalcAILib.base.progress import Cancelled  # noqa: E402
from MicrocalcAILib.networks import runtime, selector  # noqa: E402
from MicrocalcAILib.networks.catalogue import find_network  # noqa: E402
from MicrocalcAILib.networks.image import Grid  # noqa: E402
from MicrocalcAILib.networks.onnx_runtime import OnnxRuntime  # noqa: E402
from MicrocalcAILib.networks.regressor import REGRESSED, SpeckRegressor  # noqa: E402
from MicrocalcAILib.networks.runtime import Runtime  # noqa: E402
from MicrocalcAILib.networks.selector import KIND as SELECTOR_KIND  # noqa: E402
from MicrocalcAILib.networks.selector import SCHEMA as SELECTOR_SCHEMA  # noqa: E402
from MicrocalcAILib.networks.selector import NetworkSelector  # noqa: E402
from MicrocalcAILib.pipeline import load_selector, measure_candidates  # noqa: E402
from MicrocalcAILib.segmentation.breast import find_breast  # noqa: E402
from MicrocalcAILib.segmentation.candidates import find_candidates  # noqa: E402
from MicrocalcAILib.training.augmentation import altered_look  # noqa: E402
from MicrocalcAILib.training.regressor import (  # noqa: E402
    RegressorTraining,
    fit_regressor,
    nearness,
    regression_loss,
)
from speck_images import breast_with_specks, speck_example  # noqa: E402

CPU = Runtime("cpu", "float32")
SMALL = RegressorTraining(folds=2, steps=16, batch=4, crop=32, learning_rate=5e-3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "Regressor"
    card = fit_regressor([speck_example(1, "one"), speck_example(2, "two")], folder, SMALL)
    return folder, card


@pytest.fixture(scope="module")
def breast():
    mammogram, _ = breast_with_specks()
    region = find_breast(mammogram)
    return mammogram, region, find_candidates(mammogram.pixels, region.mask, mammogram.spacing_mm)


def test_the_target_is_one_on_a_calcification_and_falls_to_zero_at_the_reach():
    labels = np.zeros((40, 40), np.int32)
    labels[20, 10:12] = 1
    labels[5, 30] = 2
    grid = Grid(np.zeros((40, 40), np.float32), 0.07, (0, 40, 0, 40), (1.0, 1.0))
    found = nearness(labels, grid, (0.07, 0.07), RegressorTraining())
    rows, columns = np.nonzero(labels)
    for row, column in np.ndindex(40, 40):
        distance = 0.07 * np.hypot(rows - row, columns - column).min()
        expected = max((np.exp(1 - distance / 0.7) - 1) / (np.e - 1), 0)
        assert found[row, column] == pytest.approx(expected, abs=1e-5)


def test_pixels_of_unknown_truth_do_not_count_in_the_loss():
    logits = torch.randn(1, 1, 8, 8)
    target = torch.zeros(1, 1, 8, 8)
    target[..., :4] = -1
    changed = logits.clone()
    changed[..., :4] += 5
    none = torch.full_like(target, -1)
    assert torch.isclose(regression_loss(logits, target, none), regression_loss(changed, target, none))


def test_a_candidate_that_is_no_calcification_costs_more_the_higher_it_is_rated():
    logits, target = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    marks = torch.full_like(target, -1)
    marks[0, 0, 4, 4] = 0
    higher = logits.clone()
    higher[0, 0, 4, 4] = 3
    rise = regression_loss(higher, target, marks) - regression_loss(logits, target, marks)
    unmarked = torch.full_like(target, -1)
    rise_without = regression_loss(higher, target, unmarked) - regression_loss(logits, target, unmarked)
    assert rise > rise_without + 1


def test_training_learns_to_tell_specks_from_noise(trained):
    _, card = trained
    untaught = 3.0  # loss of a network that says one half everywhere: about 1 + 3 · log 2
    assert all(fold["unseen_loss"] < 0.7 * untaught for fold in card["folds"])


def test_each_patient_is_judged_by_networks_that_did_not_see_it(trained):
    regressor = SpeckRegressor.load(trained[0], CPU)
    one, two = regressor.without("one"), regressor.without("two")
    assert len(one.members) == len(two.members) == 1
    assert set(one.members) != set(two.members)
    assert set(regressor.without("somebody else").members) == set(regressor.members)


def test_every_candidate_gets_values_between_zero_and_one(trained, breast):
    mammogram, region, candidates = breast
    table, warnings = SpeckRegressor.load(trained[0], CPU).measure(mammogram, region, candidates)
    assert list(table.columns) == list(REGRESSED)
    assert len(table) == len(candidates)
    assert table.min().min() >= 0
    assert table.max().max() <= 1
    assert (table["regressed_highest"] >= table["regressed_mean"] - 1e-6).all()
    assert warnings == ()


def test_the_stored_network_says_the_same_without_pytorch(trained, breast):
    pytest.importorskip("onnxruntime")
    mammogram, region, candidates = breast
    expected, _ = SpeckRegressor.load(trained[0], CPU).measure(mammogram, region, candidates)
    found, _ = SpeckRegressor.load(trained[0], OnnxRuntime()).measure(mammogram, region, candidates)
    assert np.abs(found - expected).drop(columns="regressed_share").max().max() < 1e-4


@pytest.mark.parametrize(
    ("onnx", "torch_there", "expected"),
    [
        (True, False, OnnxRuntime),
        (True, True, OnnxRuntime),
        (False, True, Runtime),
    ],
)
def test_the_processor_needs_no_pytorch_where_onnx_runtime_is(monkeypatch, onnx, torch_there, expected):
    monkeypatch.setattr(selector, "has_onnxruntime", lambda: onnx)
    monkeypatch.setattr(selector, "may_have_cuda", lambda: False)
    if not torch_there:
        monkeypatch.setattr(runtime, "has_torch", lambda: False)
    assert type(load_selector().regressor.runtime) is expected


def test_an_image_without_candidates_is_no_work(trained, breast):
    mammogram, region, _ = breast
    none = find_candidates(mammogram.pixels, np.zeros(mammogram.pixels.shape, bool), (0.07, 0.07))
    table, _ = SpeckRegressor.load(trained[0], CPU).measure(mammogram, region, none)
    assert table.shape == (0, len(REGRESSED))


def test_fewer_patients_than_folds_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="folds need as many patients"):
        fit_regressor([speck_example(1, "one")], tmp_path / "Regressor", SMALL)


@pytest.mark.slow
def test_a_cancelled_training_leaves_nothing(tmp_path):
    def cancel(stage, done, total):
        raise Cancelled("enough")

    training = RegressorTraining(folds=2, steps=100, batch=2, crop=16)
    with pytest.raises(Cancelled):
        fit_regressor([speck_example(1, "one"), speck_example(2, "two")], tmp_path / "Regressor", training, cancel)
    assert not list(tmp_path.iterdir())


def test_looks_are_altered_the_same_way_for_the_same_seed(breast):
    pixels = breast[0].pixels
    once, again = (altered_look(pixels, 0.07, np.random.default_rng(3), chance=1.0) for _ in range(2))
    assert np.array_equal(once, again)
    assert once.dtype == np.float32
    assert np.isfinite(once).all()
    untouched = altered_look(pixels, 0.07, np.random.default_rng(3), chance=0.0)
    assert np.corrcoef(untouched.ravel(), pixels.ravel())[0, 1] == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_the_bundled_selector_says_the_same_in_reduced_precision(breast):
    mammogram, region, candidates = breast
    folder = find_network("SpeckSelectorNetwork")
    card, files = read_model_files(folder, SELECTOR_KIND, SELECTOR_SCHEMA)
    results = [
        SpeckRegressor.from_files(card["regressor"], files, Runtime("cpu", precision)).measure(
            mammogram, region, candidates
        )[0]
        for precision in ("float32", "bfloat16")
    ]
    difference = np.abs(results[0] - results[1])
    assert difference.drop(columns="regressed_share").max().max() < 0.08
    assert difference.mean().max() < 0.005


def test_the_bundled_selector_prefers_specks_to_everything_else(breast):
    mammogram, region, candidates = breast
    measurements = measure_candidates(mammogram, region, candidates)
    probabilities, _ = load_selector().judge(mammogram, region, candidates, measurements, lambda *_: None)
    assert np.sort(probabilities)[-5:].min() > 0.5
    assert np.median(probabilities) < 0.05


def test_a_model_of_another_kind_is_refused(trained):
    with pytest.raises(ModelError, match="is a speck regressor"):
        NetworkSelector.load(trained[0])
