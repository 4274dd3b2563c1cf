"""Heatmaps and lesion boxes on their way from networks through an analysis into its folder."""

import dataclasses
import shutil
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from MicrocalcAILib.analysis import load_analysis
from MicrocalcAILib.base.errors import ModelError, WarningRecord
from MicrocalcAILib.base.parameters import AnalysisParameters, HeatmapParameters
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.cli import main
from MicrocalcAILib.export.overlay import BOX_COLOR, write_overlay
from MicrocalcAILib.export.results import write_results
from MicrocalcAILib.networks import detection_operators, onnx_runtime, readers, runtime
from MicrocalcAILib.networks.heatmap import Heatmap
from MicrocalcAILib.networks.readers import NetworkReaders
from MicrocalcAILib.networks.runtime import Runtime
from MicrocalcAILib.pipeline import analyze, load_selector
from speck_images import breast_with_specks

DOUBT = WarningRecord("gpu-memory-cpu", "Said by the network.")


@dataclass(frozen=True)
class Readers:
    """Networks of an invented kind: a heatmap of one half everywhere and a box over the whole breast."""

    def heatmaps(self, mammogram, breast, parameters, progress):
        cells = [int(length * 0.07 / parameters.stride_mm) for length in mammogram.pixels.shape]
        values = np.full(cells, 0.5, np.float32)
        values[0, 0] = np.nan
        stride = (parameters.stride_mm, parameters.stride_mm)
        return (Heatmap("detection", values, stride, (4.0, 4.0), patch_mm=8.0, model="Invented"),), (DOUBT,)

    def boxes(self, mammogram, breast, progress):
        rows, columns = breast.box
        row = {
            "id": 1,
            "class": "malignant",
            "score": 0.8,
            "malignant_score": 0.7,
            "row_min": rows.start,
            "row_max": rows.stop - 1,
            "column_min": columns.start,
            "column_max": columns.stop - 1,
            "x_mm": 20.0,
            "y_mm": 30.0,
            "cluster_ids": "",
        }
        return pd.DataFrame([row]), (DOUBT,)

    def provenance(self):
        return {"invented": True}


@pytest.fixture(scope="module")
def found():
    mammogram, _ = breast_with_specks()
    parameters = AnalysisParameters(heatmap=HeatmapParameters(stride_mm=4.0))
    analysis = analyze(mammogram, parameters, load_selector("measurements"), DescriptionModels.load(), Readers())
    return mammogram, analysis


def test_an_analysis_carries_heatmaps_boxes_and_their_doubts(found):
    _, analysis = found
    assert [heatmap.task for heatmap in analysis.heatmaps] == ["detection"]
    assert analysis.heatmaps[0].spacing_mm == (4.0, 4.0)
    assert analysis.boxes["cluster_ids"].tolist() == [";".join(str(number) for number in analysis.clusters["id"])]
    assert DOUBT in analysis.warnings
    assert analysis.provenance["networks"] == {"invented": True}


def test_features_of_the_heatmap_join_those_of_the_clusters(found):
    _, analysis = found
    assert analysis.features.clusters["deep_detection_maximum"].tolist() == [0.5] * len(analysis.clusters)


def test_heatmaps_and_boxes_survive_their_folder(found, tmp_path):
    mammogram, analysis = found
    write_results(mammogram, analysis, tmp_path / "result")
    again = load_analysis(tmp_path / "result")
    np.testing.assert_array_equal(again.heatmaps[0].probabilities, analysis.heatmaps[0].probabilities)
    pd.testing.assert_frame_equal(again.boxes, analysis.boxes, check_dtype=False)
    assert (tmp_path / "result" / "heatmap_detection.png").stat().st_size > 10_000


def test_the_picture_shows_the_boxes_of_the_detector(found, tmp_path):
    mammogram, analysis = found
    for name, shown in (("with", analysis), ("without", dataclasses.replace(analysis, boxes=None))):
        write_overlay(mammogram, shown, tmp_path / f"{name}.png")
    pictures = [np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("with", "without")]
    counts = [int((picture == BOX_COLOR).all(axis=2).sum()) for picture in pictures]
    assert counts[0] > 500
    assert counts[1] == 0


def test_without_networks_there_is_neither_heatmap_nor_box(tmp_path):
    mammogram, _ = breast_with_specks()
    analysis = analyze(mammogram, selector=load_selector("measurements"))
    write_results(mammogram, analysis, tmp_path / "result")
    again = load_analysis(tmp_path / "result")
    assert again.heatmaps == ()
    assert again.boxes is None


def blank_image(folder):
    Image.fromarray(np.zeros((60, 50), np.uint8)).save(folder / "blank.png")
    return str(folder / "blank.png")


def test_an_unknown_network_is_one_sentence_before_any_work(tmp_path, capsys):
    pytest.importorskip("torch")
    image = blank_image(tmp_path)
    assert main(["analyze", image, "--heatmap", "Nobody", "--output", str(tmp_path / "out")]) == 2
    assert "There is no model “Nobody”" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "out").glob("[!.]*")} <= {"summary.csv"}


def test_without_pytorch_the_analysis_works_and_says_what_is_missing(monkeypatch, found):
    monkeypatch.setattr(runtime, "has_torch", lambda: False)
    mammogram, _ = found
    networks = NetworkReaders.load(["detection", "malignancy"], "default")
    analysis = analyze(mammogram, selector=load_selector(), networks=networks)
    said = {(warning.code, "pip install torch" in warning.message) for warning in analysis.warnings}
    assert {("heatmap-left-out", True), ("lesion-boxes-left-out", True)} <= said
    assert len(analysis.calcifications) > 0
    assert (analysis.heatmaps, analysis.boxes) == ((), None)
    assert analysis.provenance["networks"] == {"patches": [], "detector": None, "runtime": None}


def test_without_pytorch_and_onnx_runtime_specks_are_selected_by_their_measurements(monkeypatch, found):
    monkeypatch.setattr(runtime, "has_torch", lambda: False)
    monkeypatch.setattr(onnx_runtime, "has_onnxruntime", lambda: False)
    analysis = analyze(found[0], selector=load_selector())
    assert "selector-without-network" in {warning.code for warning in analysis.warnings}
    assert len(analysis.calcifications) > 0


def test_without_torchvision_only_the_boxes_are_missing(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(detection_operators, "find_spec", lambda name: None)
    mammogram, _ = breast_with_specks()
    analysis = analyze(
        mammogram, selector=load_selector("measurements"), networks=NetworkReaders.load((), "default", "cpu")
    )
    (said,) = [warning.message for warning in analysis.warnings if warning.code == "lesion-boxes-left-out"]
    assert "torchvision, which is not installed" in said
    assert len(analysis.calcifications) > 0
    assert analysis.boxes is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "memory does not suffice"),
        (ModelError("The weights cannot be read; restore them."), "The weights cannot be read; restore them."),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "failed (RuntimeError)"),
    ],
)
def test_an_extra_that_fails_costs_nothing_else(monkeypatch, error, sentence):
    def fail(*_):
        raise error

    monkeypatch.setattr(readers, "patch_heatmap", fail)
    monkeypatch.setattr(readers, "detect", fail)
    networks = NetworkReaders(
        (SimpleNamespace(task="malignancy", provenance=dict),), SimpleNamespace(provenance=dict), Runtime("cpu")
    )
    monkeypatch.setattr(Runtime, "provenance", lambda self: {})
    mammogram, _ = breast_with_specks()
    analysis = analyze(mammogram, selector=load_selector("measurements"), networks=networks)
    messages = {w.code: w.message for w in analysis.warnings if w.code.endswith("-left-out")}
    assert messages.keys() == {"heatmap-left-out", "lesion-boxes-left-out"}
    assert all(sentence in message for message in messages.values())
    assert len(analysis.calcifications) > 0
    assert (analysis.heatmaps, analysis.boxes) == ((), None)


def test_cancelling_a_network_cancels_the_analysis(monkeypatch):
    def cancel(*_):
        raise Cancelled

    monkeypatch.setattr(readers, "detect", cancel)
    networks = NetworkReaders((), SimpleNamespace(), Runtime("cpu"))
    mammogram, _ = breast_with_specks()
    with pytest.raises(Cancelled):
        networks.boxes(mammogram, None)


def test_a_network_whose_files_are_damaged_is_left_out(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    folder = tmp_path / "MyBoxes"
    shutil.copytree(resource_path("Models/LesionDetector"), folder)
    (folder / "weights.safetensors").write_bytes(b"damaged")
    loaded = NetworkReaders.load((), str(folder), "cpu")
    assert loaded.detector is None
    assert [warning.code for warning in loaded.left_out] == ["lesion-boxes-left-out"]
    assert str(tmp_path) not in loaded.left_out[0].message


def test_a_classifier_that_needs_a_heatmap_gives_no_estimate_without_it(found):
    mammogram, analysis = found
    models = DescriptionModels.load("simulated")
    preparation = dataclasses.replace(
        models.classifier.preparation, features=(*models.classifier.preparation.features, "deep_detection_maximum")
    )
    models = dataclasses.replace(models, classifier=dataclasses.replace(models.classifier, preparation=preparation))
    described = analyze(mammogram, selector=load_selector("measurements"), models=models)
    assert "classifier-without-network" in {warning.code for warning in described.warnings}
    assert described.clusters["probability_malignant"].isna().all()
    assert len(described.clusters) == len(analysis.clusters)
