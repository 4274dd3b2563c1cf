"""One command from a dataset to the free-response curve."""

import json

import numpy as np
import pandas as pd
import pytest

from library.dicom_samples import breast_picture
from library.study_examples import make_dataset
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.cli import main
from MicrocalcAILib.dataset.dataset import Annotation, written_dataset

IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path, 4)


def test_results_are_compared_with_the_outlines_of_a_dataset_by_its_patients(dataset, tmp_path, capsys):
    folder, results = dataset
    output = tmp_path / "out"
    options = ["--dataset", str(folder.folder), "--predictions", str(results), "--output", str(output)]
    assert main(["evaluate", *options]) == 0
    said = capsys.readouterr().out
    assert "12 true calcifications in 4 images of 4 patients" in said
    assert "all marks            sensitivity 1.000, 0.00 false per image" in said
    assert "Nobody said which images are of one patient" not in said


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("hdogreg", {"truths_in_turn": True, "max_distance_mm": 0.35}), ("calc-det", {"touches": True})],
)
def test_published_rules_can_be_chosen_for_a_dataset(dataset, tmp_path, rule, expected, capsys):
    folder, results = dataset
    options = ["--dataset", str(folder.folder), "--predictions", str(results), "--rule", rule]
    assert main(["evaluate", *options, "--output", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    assert record["settings"]["rule"].items() >= expected.items()
    rates = [point["false_marks"] for point in record["calcifications"]["operating_points"] if point["per"] == "image"]
    assert {1.0, 2.0, 5.0, 10.0} <= set(rates)  # those of the published curve
    assert "of more than one pixel (IoU per object of HDoGReg): mean IoU 1.000" in capsys.readouterr().out


def test_images_of_a_dataset_are_analyzed_when_nobody_did_and_not_again(tmp_path):
    spacing_mm, folder, output = 0.07, tmp_path / "dataset", tmp_path / "out"
    with written_dataset(folder, "example") as writer:
        for side in ("left", "right"):
            pixels = breast_picture(side, rows=240, columns=200)
            labels = np.zeros(pixels.shape, np.uint32)
            write_volume(pixels, (spacing_mm, spacing_mm), (0.0, 0.0, 0.0), IDENTITY, tmp_path / f"{side}.nrrd")
            writer.add(tmp_path / f"{side}.nrrd", Annotation(side, spacing_mm=spacing_mm, labels=labels))
    options = ["--dataset", str(folder), "--selector", "measurements", "--output", str(output)]
    assert main(["evaluate", *options]) == 0
    analyses = sorted((output / "analyses").iterdir())
    assert [path.name for path in analyses] == ["left", "right"]
    times = [(path / "analysis.json").stat().st_mtime_ns for path in analyses]
    assert main(["evaluate", *options]) == 0
    assert [(path / "analysis.json").stat().st_mtime_ns for path in analyses] == times


def test_only_the_images_of_the_split_are_compared(dataset, tmp_path, capsys):
    folder, results = dataset
    table = pd.read_csv(folder.folder / "images.csv")
    table["split"] = ["train", "train", "test", "test"]
    table.to_csv(folder.folder / "images.csv", index=False)
    options = ["--dataset", str(folder.folder), "--predictions", str(results), "--split", "test"]
    assert main(["evaluate", *options, "--output", str(tmp_path / "out")]) == 0
    assert "in 2 images of 2 patients" in capsys.readouterr().out
    assert main(["evaluate", *options[:-1], "validation", "--output", str(tmp_path / "out")]) == 2
    assert "no image of the split" in capsys.readouterr().err


def test_truth_without_predictions_is_refused_in_a_sentence(dataset, tmp_path, capsys):
    folder, _ = dataset
    truth = folder.folder / "truth"
    assert main(["evaluate", "--truth", str(truth), "--output", str(tmp_path / "out")]) == 2
    assert "give --predictions" in capsys.readouterr().err
