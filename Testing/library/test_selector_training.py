"""The selector learns with the networks of a regressor, or with those that a selector has already."""

from __future__ import annotations

import pytest

from MicrocalcAILib.base.errors import ModelError
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.networks.regressor import REGRESSED
from MicrocalcAILib.training.selector import train_selector


class _Simulates(Exception):
    """The training has begun."""


def test_networks_of_a_selector_and_their_measurements_go_into_the_new_one(tmp_path, monkeypatch):
    pytest.importorskip("torch")

    def simulate(backgrounds, training, parameters, measure, progress):
        raise _Simulates(measure)

    monkeypatch.setattr("MicrocalcAILib.training.selector._examples", simulate)
    with pytest.raises(_Simulates) as begun:
        train_selector([], tmp_path, regressor_folder=resource_path("Models/SpeckSelectorNetwork"))
    (measure,) = begun.value.args
    assert measure.names[-4:] == REGRESSED
    assert sorted(measure.weights) == ["nearness.onnx", "student.safetensors"]


def test_a_folder_without_networks_is_refused(tmp_path):
    pytest.importorskip("torch")
    with pytest.raises(ModelError):
        train_selector([], tmp_path, regressor_folder=resource_path("Models/SpeckSelector"))
