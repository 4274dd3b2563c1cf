"""One regressor taught by others and by the truth: what it learns from, and that an ended training goes on."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from MicrocalcAILib.base.errors import ParameterError  # noqa: E402
from MicrocalcAILib.base.progress import Cancelled  # noqa: E402
from MicrocalcAILib.networks.onnx_runtime import OnnxRuntime  # noqa: E402
from MicrocalcAILib.networks.regressor import SpeckRegressor  # noqa: E402
from MicrocalcAILib.networks.runtime import Runtime  # noqa: E402
from MicrocalcAILib.training import distillation  # noqa: E402
from MicrocalcAILib.training.distillation import (  # noqa: E402
    Distillation,
    DistilledExample,
    distill_regressor,
    distillation_loss,
)
from MicrocalcAILib.training.regressor import RegressorTraining, fit_regressor  # noqa: E402
from speck_images import speck_example  # noqa: E402

TRAINING = Distillation(simulated_backgrounds=0, steps=4, batch=2, crop=32, start="fold1")


def _distilled(seed, patient):
    example = speck_example(seed, patient)
    known = {name: getattr(example, name) for name in ("contrast", "target", "calcifications", "others", "patient")}
    return DistilledExample(**known, taught=example.target.clip(0), group=(example.target > 50).astype(np.int8))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "Teacher"
    few = RegressorTraining(folds=2, steps=2, batch=2, crop=32)
    fit_regressor([speck_example(1, "one"), speck_example(2, "two")], folder, few)
    return folder


@pytest.fixture
def no_windows(monkeypatch):
    """Examples that are there already, in place of simulated windows."""
    monkeypatch.setattr(distillation, "_examples_of", lambda *_: [_distilled(1, "one"), _distilled(2, "two")])
    monkeypatch.setattr(distillation, "_ROUND", 2)


def _loss(logits, target, taught):
    maps = [torch.full((1, 1, 16, 16), value) for value in (logits, target, taught, 0.0, -1.0)]
    return distillation_loss(maps[0], torch.zeros(1, 1, 1, 1), maps[1:], dataclasses.replace(TRAINING, grouping=0.0))


def test_a_teacher_that_misses_a_calcification_is_not_followed():
    assert _loss(4.0, 1.0, 0.0) < _loss(-4.0, 1.0, 0.0)
    assert torch.isclose(_loss(4.0, 1.0, 0.0), _loss(4.0, 1.0, 0.3))  # what it says instead does not matter


def test_where_nobody_knows_the_truth_the_teachers_count():
    assert _loss(4.0, -1.0, 0.95) < _loss(-4.0, -1.0, 0.95)
    assert _loss(-4.0, -1.0, 0.05) < _loss(4.0, -1.0, 0.05)


@pytest.mark.slow
def test_an_ended_training_goes_on_and_gives_the_same_network(teacher, no_windows, tmp_path):
    distill_regressor([], teacher, tmp_path / "whole", TRAINING)

    def end_halfway(stage, done, total):
        if (done, total) == (2, 4):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        distill_regressor([], teacher, tmp_path / "ended", TRAINING, end_halfway)
    card = distill_regressor([], teacher, tmp_path / "ended", TRAINING)
    assert len(card["folds"][0]["loss"]) == 2
    for name in ("student.safetensors", "nearness.onnx"):
        assert (tmp_path / "ended" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_student_is_one_network_that_says_the_same_with_and_without_pytorch(teacher, no_windows, tmp_path):
    distill_regressor([], teacher, tmp_path / "student", TRAINING)
    with_torch = SpeckRegressor.load(tmp_path / "student", Runtime("cpu", "float32"))
    assert list(with_torch.members) == ["student"]
    image = np.random.default_rng(1).normal(0, 1, (1, 1, 64, 64)).astype(np.float32)
    without = SpeckRegressor.load(tmp_path / "student", OnnxRuntime())
    found = [each.runtime.evaluator(each.network)(image) for each in (with_torch, without)]
    assert np.abs(found[0] - found[1]).max() < 1e-4


def test_what_is_written_lies_between_the_teacher_and_what_was_learned(teacher, no_windows, tmp_path):
    weights = {}
    for kept in (0.0, 0.25, 1.0):
        distill_regressor([], teacher, tmp_path / f"kept {kept}", dataclasses.replace(TRAINING, kept=kept))
        loaded = SpeckRegressor.load(tmp_path / f"kept {kept}", Runtime("cpu", "float32"))
        weights[kept] = loaded.members["student"].state_dict()
    start = SpeckRegressor.load(teacher, Runtime("cpu", "float32")).members["fold1"].state_dict()
    name = "head.0.weight"
    torch.testing.assert_close(weights[1.0][name], start[name])
    torch.testing.assert_close(weights[0.25][name], 0.75 * weights[0.0][name] + 0.25 * start[name])
    assert not torch.equal(weights[0.0][name], start[name])


def test_a_teacher_that_is_not_there_is_refused(teacher, tmp_path):
    with pytest.raises(ParameterError, match="no teacher “fold7”"):
        distill_regressor([], teacher, tmp_path / "student", dataclasses.replace(TRAINING, start="fold7"))


def test_examples_are_the_same_after_they_were_stored(tmp_path):
    made = [_distilled(1, "one"), _distilled(2, "two")]
    distillation._write_examples(tmp_path / "windows.npz", made)
    for example, again in zip(made, distillation._read_examples(tmp_path / "windows.npz"), strict=True):
        for item in dataclasses.fields(example):
            np.testing.assert_array_equal(getattr(example, item.name), getattr(again, item.name))
