"""Results, parameters and models that contradict themselves are refused in one sentence; foreign ones are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.analysis import Analysis, load_analysis, save_analysis
from MicrocalcAILib.base.errors import ModelError, ParameterError, ResultError
from MicrocalcAILib.base.model_folder import read_model_files, write_model_folder
from MicrocalcAILib.base.parameters import AnalysisParameters
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.classification.feature_tables import FeatureTables
from MicrocalcAILib.commands.terminal import shown_name
from MicrocalcAILib.evaluation.folders import evaluate_folders
from MicrocalcAILib.networks.catalogue import find_network
from MicrocalcAILib.pipeline import _own_models


@pytest.fixture
def saved_analysis(tmp_path: Path) -> Path:
    labels = np.zeros((40, 30), np.int32)
    labels[5:7, 8:9], labels[20:22, 20:22] = 1, 2
    table = pd.DataFrame(
        {
            **{"id": [1, 2], "cluster_id": [1, 0], "row": [5.5, 20.5], "column": [8.0, 20.5]},
            **{"x_mm": [0.56, 1.4], "y_mm": [0.4, 1.4], "probability": [0.9, 0.8]},
        }
    )
    clusters = pd.DataFrame({"id": [1], "name": ["Cluster 1"]})
    folder = tmp_path / "image"
    folder.mkdir()
    save_analysis(Analysis(labels, table, clusters, (0.07, 0.07), 1.0, (0, 40, 0, 30)), folder)
    return folder


def changed(folder: Path, **values: object) -> None:
    file = folder / "analysis.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def changed_table(folder: Path, column: str, values: list[object]) -> None:
    file = folder / "calcifications.csv"
    pd.read_csv(file).assign(**{column: values}).to_csv(file, index=False)


def test_a_sound_analysis_is_loaded(saved_analysis):
    assert len(load_analysis(saved_analysis).calcifications) == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"spacing_mm": [0.0, 0.07]}, "spacing"),
        ({"spacing_mm": [-0.07, 0.07]}, "spacing"),
        ({"spacing_mm": [0.07]}, "spacing"),
        ({"spacing_mm": [float("nan"), 0.07]}, "spacing"),
        ({"origin_lps_mm": [float("inf"), 0, 0]}, "place in space"),
        ({"breast_box": [0, 41, 0, 30]}, "breast lies outside"),
        ({"breast_area_cm2": -1}, "area of the breast"),
        ({"breast_area_cm2": "large"}, "not a complete analysis"),
        ({"words": 3}, "not a complete analysis"),
        ({"provenance": 3}, "not a complete analysis"),
        ({"warnings": [3]}, "not a complete analysis"),
        ({"heatmaps": ["../image"]}, "not a heatmap"),
    ],
)
def test_an_impossible_record_is_refused(saved_analysis, values, words):
    changed(saved_analysis, **values)
    with pytest.raises(ResultError, match=words):
        load_analysis(saved_analysis)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("id", [1, 3], "same calcifications"),
        ("id", [1, 1], "ids"),
        ("id", ["one", "two"], "ids"),
        ("cluster_id", [1, 7], "cluster that there is not"),
        ("row", [5.5, 4000.0], "outside the image"),
        ("row", [5.5, np.nan], "outside the image"),
    ],
)
def test_a_table_that_does_not_fit_the_label_map_is_refused(saved_analysis, column, values, words):
    changed_table(saved_analysis, column, values)
    with pytest.raises(ResultError, match=words):
        load_analysis(saved_analysis)


def test_nested_brackets_are_refused(saved_analysis, tmp_path):
    (saved_analysis / "analysis.json").write_text("[" * 10_000)
    with pytest.raises(ResultError, match="not a complete analysis"):
        load_analysis(saved_analysis)
    (tmp_path / "parameters.json").write_text("[" * 100_000)
    with pytest.raises(ParameterError, match="brackets"):
        AnalysisParameters.from_file(tmp_path / "parameters.json")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400, "-" + "9" * 400])
def test_parameters_that_are_no_numbers_are_refused(tmp_path, word):
    for name in ("false_marks_per_cm2",):
        (tmp_path / "parameters.json").write_text(f'{{"selection": {{"{name}": {word}}}}}')
        with pytest.raises(ParameterError, match="number"):
            AnalysisParameters.from_file(tmp_path / "parameters.json")
    (tmp_path / "parameters.json").write_text(f'{{"clusters": {{"minimum_count": {word}}}}}')
    with pytest.raises(ParameterError, match="number"):
        AnalysisParameters.from_file(tmp_path / "parameters.json")


def test_half_written_results_are_no_results(saved_analysis, tmp_path):
    truth = tmp_path / "truth" / "image"
    truth.mkdir(parents=True)
    (truth / "labels.nrrd").write_bytes((saved_analysis / "calcification_labels.nrrd").read_bytes())
    predictions = tmp_path / "predictions"
    predictions.mkdir()
    saved_analysis.rename(predictions / "image")
    for name in (".image-microcalc01234567", ".image-01234567-previous"):
        (predictions / name).mkdir()
        for file in (predictions / "image").iterdir():
            (predictions / name / file.name).write_bytes(file.read_bytes())
        (predictions / name / "cluster_features.csv").write_text("image,cluster_id\nx,1\n")
    assert len(evaluate_folders(predictions, tmp_path / "truth", resamples=10).calcifications) == 1
    with pytest.raises(ResultError, match="holds no"):
        FeatureTables.load(predictions)


@pytest.mark.parametrize("value", ["word", "NaN"])
def test_a_word_in_a_column_of_numbers_of_the_truth_is_refused(saved_analysis, tmp_path, value):
    truth = tmp_path / "truth" / "image"
    truth.mkdir(parents=True)
    (truth / "labels.nrrd").write_bytes((saved_analysis / "calcification_labels.nrrd").read_bytes())
    (truth / "calcifications.csv").write_text(f"id,row,column\n1,5.5,8\n2,{value},20\n")
    predictions = tmp_path / "predictions"
    predictions.mkdir()
    saved_analysis.rename(predictions / "image")
    with pytest.raises(ResultError, match="“image” contradicts itself"):
        evaluate_folders(predictions, tmp_path / "truth", resamples=10)


def test_a_folder_in_the_working_directory_or_of_the_user_never_takes_the_place_of_a_bundled_network(
    tmp_path, monkeypatch
):
    for parent in (tmp_path / "work", tmp_path / "models"):
        write_model_folder(parent / "SpeckSelectorNetwork", "speck selector", 1, {"name": "foreign"}, {"a.txt": "a"})
    write_model_folder(tmp_path / "work" / "Mine", "speck selector", 1, {"name": "mine"}, {"a.txt": "a"})
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("MICROCALC_MODELS", str(tmp_path / "models"))
    assert find_network("SpeckSelectorNetwork") == resource_path("Models/SpeckSelectorNetwork")
    with pytest.raises(ModelError, match="give the path"):
        find_network("Mine")
    for path in ("./Mine", Path("Mine"), str(tmp_path / "work" / "Mine")):
        assert Path(find_network(path)).resolve() == tmp_path / "work" / "Mine"


def test_a_model_of_the_user_is_named_in_the_warnings_of_a_result(tmp_path):
    write_model_folder(tmp_path / "Mine", "kind", 1, {"name": "mine"}, {"a.txt": "a"})
    card, _ = read_model_files(tmp_path / "Mine", "kind", 1)
    bundled, _ = read_model_files(resource_path("Models/SpeckSelector"), "speck selector", 1)
    warnings = list(_own_models({"selector": bundled, "networks": {"patches": [card], "detector": None}}))
    assert [(warning.code, "“mine”" in warning.message) for warning in warnings] == [("own-model", True)]


def test_names_of_files_cannot_steer_a_terminal():
    assert shown_name("a\x1b[2Jb\r\n\u202egpj.exe") == "a?[2Jb???gpj.exe"
    assert shown_name(Path("größe 1.dcm")) == "größe 1.dcm"
