"""CAD documents, ours and others', against the truth."""

import json

import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread

from cad_examples import STYLES, document, library
from dicom_results import CALCIFICATIONS, SPACING_MM, results_of
from dicom_samples import breast_picture, mammogram_dataset, saved
from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.cli import main
from MicrocalcAILib.dicom import read_marks, write_objects
from MicrocalcAILib.evaluation.folders import evaluate_folders

ROWS, COLUMNS = 400, 300
TRUE, FALSE_SURE, FALSE_UNSURE = (100, 80, 10, 0.9), (300, 60, 10, 0.8), (200, 100, 10, 0.2)


@pytest.fixture
def study(tmp_path):
    """Two images, the first with a cluster of four, the second without; their truth and their UIDs."""
    uids = {}
    for name, centers in (("a", [(90, 70), (90, 90), (110, 70), (110, 90)]), ("b", [])):
        (tmp_path / "images").mkdir(exist_ok=True)
        image = saved(
            mammogram_dataset(breast_picture(rows=ROWS, columns=COLUMNS), 12), tmp_path / "images", f"{name}.dcm"
        )
        uids[name] = dcmread(image).SOPInstanceUID
        write_truth(tmp_path / "truth" / name, centers, patient=name)
    (tmp_path / "sr").mkdir()
    return tmp_path, uids


def write_truth(folder, centers, patient):
    folder.mkdir(parents=True)
    labels = np.zeros((ROWS, COLUMNS), np.int32)
    for number, (row, column) in enumerate(centers, start=1):
        labels[row - 1 : row + 2, column - 1 : column + 2] = number
    table = pd.DataFrame(
        [(number, row, column, 1) for number, (row, column) in enumerate(centers, start=1)],
        columns=["id", "row", "column", "cluster_id"],
    )
    write_volume(labels, (SPACING_MM, SPACING_MM), (0, 0, 0), np.eye(3).ravel().tolist(), folder / "labels.nrrd")
    table.to_csv(folder / "calcifications.csv", index=False)
    record = {"spacing_mm": [SPACING_MM, SPACING_MM], "breast_area_cm2": 100.0, "patient": patient}
    (folder / "phantom.json").write_text(json.dumps(record))


def documents(study, style):
    folder, uids = study
    document(folder / "sr" / "1.dcm", *STYLES[style](uids["a"], [TRUE, FALSE_UNSURE]))
    document(folder / "sr" / "2.dcm", *STYLES[style](uids["b"], [FALSE_SURE]))
    return folder


@pytest.mark.parametrize("style", STYLES)
def test_documents_of_every_style_give_the_same_cluster_marks(study, style):
    folder = documents(study, style)
    intents = ("required", "optional", "not for presentation")
    found = evaluate_folders(folder / "sr", folder / "truth", images=folder / "images", intents=intents, resamples=20)
    marks = pd.concat([match.marks.assign(image=match.image) for match in found.clusters])
    assert marks[["image", "outcome"]].to_numpy().tolist() == [["a", "hit"], ["a", "false"], ["b", "false"]]
    assert marks[["row", "column"]].to_numpy() == pytest.approx(
        np.array([mark[:2] for mark in (TRUE, FALSE_UNSURE, FALSE_SURE)])
    )
    curve = found.cluster_free_response.curve
    assert curve["sensitivity"].max() == 1
    assert curve["false_per_image"].max() == 1
    rated = "cad-unrated" not in [warning.code for warning in found.warnings]
    assert rated == (style != "calcifications inside")
    surest_alone = curve[(curve["sensitivity"] == 1) & (curve["false_per_image"] == 0)]
    assert len(surest_alone) == int(rated)


def test_calcifications_in_a_document_are_matched_by_place_and_outline(study):
    folder = documents(study, "calcifications inside")
    found = evaluate_folders(folder / "sr", folder / "truth", images=folder / "images", resamples=20)
    first, second = found.calcifications
    assert first.truths["outcome"].tolist() == ["hit"] * 4
    assert first.truths["iou"].tolist() == pytest.approx([1.0] * 4)
    assert (first.marks["outcome"] == "false").sum() == (second.marks["outcome"] == "false").sum() == 4
    assert "cad-without-calcifications" not in [warning.code for warning in found.warnings]


def test_documents_that_mark_clusters_alone_say_so(study):
    folder = documents(study, "ellipses and certainties")
    found = evaluate_folders(folder / "sr", folder / "truth", images=folder / "images", resamples=20)
    assert "cad-without-calcifications" in [warning.code for warning in found.warnings]


@pytest.mark.parametrize(("style", "shown"), [("ellipses and certainties", 2), ("operating points", 2)])
def test_marks_count_by_their_rendering_intent(study, style, shown):
    folder = documents(study, style)
    counts = {}
    for intents in (("required",), ("required", "optional", "not for presentation")):
        found = evaluate_folders(
            folder / "sr", folder / "truth", images=folder / "images", intents=intents, resamples=20
        )
        counts[len(intents)] = sum(len(match.marks) for match in found.clusters)
    assert counts == {1: shown, 3: 3}


def test_our_own_documents_give_what_our_results_give(tmp_path):
    image = saved(mammogram_dataset(breast_picture(), 12), tmp_path, "image.dcm")
    made = results_of(image, tmp_path / "analysis")
    truth = tmp_path / "truth" / "image"
    truth.mkdir(parents=True)
    (truth / "labels.nrrd").write_bytes((made / "calcification_labels.nrrd").read_bytes())
    (truth / "calcifications.csv").write_bytes((made / "calcifications.csv").read_bytes())
    report = write_objects(made, image, tmp_path / "sr", ["sr"])["cad_report"]
    by_report = evaluate_folders(report, tmp_path / "truth", images=image)
    by_results = evaluate_folders(made, tmp_path / "truth")
    assert len(read_marks(report)) == 2
    for found in (by_report, by_results):
        (match,) = found.calcifications
        assert match.truths["outcome"].tolist() == ["hit"] * len(CALCIFICATIONS)
        assert match.truths["iou"].tolist() == pytest.approx([1.0] * len(CALCIFICATIONS))
        assert match.marks["probability"].tolist() == pytest.approx([0.8] * len(CALCIFICATIONS))
        assert found.clusters[0].truths["outcome"].tolist() == ["hit"]


def test_an_image_that_no_document_names_counts_as_nothing_found(study):
    folder, uids = study
    document(folder / "sr" / "2.dcm", library(uids["b"]))
    found = evaluate_folders(folder / "sr", folder / "truth", images=folder / "images", resamples=20)
    assert [warning.message for warning in found.warnings if warning.code == "prediction-missing"] == [
        "Image “a” has no analysis and counts as nothing found."
    ]
    assert found.cluster_free_response.curve["false_per_image"].max() == 0


def test_documents_of_other_images_are_refused(study):
    folder, uids = study
    document(folder / "sr" / "1.dcm", *STYLES["operating points"]("1.2.3.4", [TRUE]))
    with pytest.raises(ResultError, match=r"“1\.dcm” is about none of these images"):
        evaluate_folders(folder / "sr", folder / "truth", images=folder / "images", resamples=20)
    with pytest.raises(ParameterError, match="--images"):
        evaluate_folders(folder / "sr", folder / "truth")
    documents(study, "operating points")
    document(folder / "sr" / "3.dcm", library(uids["b"]))
    with pytest.raises(ResultError, match="“b” has two CAD documents"):
        evaluate_folders(folder / "sr", folder / "truth", images=folder / "images", resamples=20)
    with pytest.raises(ResultError, match="holds no DICOM image"):
        evaluate_folders(folder / "sr", folder / "truth", images=folder / "truth")


def test_the_command_takes_documents_and_writes_nothing_for_wrong_ones(study, capsys):
    folder = documents(study, "ellipses and certainties")
    asked = ["evaluate", "--predictions", folder / "sr", "--truth", folder / "truth", "--output", folder / "out"]
    assert main([*map(str, asked)]) == 2
    assert not (folder / "out").exists()
    assert main([*map(str, asked), "--images", str(folder / "images"), "--marks", "required"]) == 0
    matches = pd.read_csv(folder / "out" / "matches.csv")
    assert (matches["level"] == "cluster").sum() == 2
    assert "true clusters" in capsys.readouterr().out
