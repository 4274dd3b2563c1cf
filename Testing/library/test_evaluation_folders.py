"""Folders of analyses against folders of truth, from the files to the report and the command line."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.analysis import Analysis, save_analysis
from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.cli import main
from MicrocalcAILib.commands import evaluate
from MicrocalcAILib.evaluation.findings import Findings
from MicrocalcAILib.evaluation.folders import evaluate_folders
from MicrocalcAILib.evaluation.patients import read_patients
from MicrocalcAILib.evaluation.report import save_evaluation, summary

SPACING_MM = (0.07, 0.07)
CLUSTER = [(100, 100), (100, 130), (130, 100), (130, 130), (115, 115)]


def labels_at(centers, shape=(300, 200)):
    labels = np.zeros(shape, np.int32)
    for index, (row, column) in enumerate(centers):
        labels[row - 1 : row + 2, column - 1 : column + 2] = index + 1
    return labels


def table_of(labels, clustered, **columns):
    table = Findings.from_labels(labels, SPACING_MM).calcifications
    cluster_id = (np.arange(len(table)) < clustered).astype(int)
    return table.assign(cluster_id=cluster_id, x_mm=0.0, y_mm=0.0, **columns)


def write_prediction(folder, centers, probability, clustered=5, spacing_mm=SPACING_MM, shape=(300, 200)):
    folder.mkdir(parents=True)
    labels = labels_at(centers, shape)
    table = table_of(labels, clustered, probability=np.array(probability, float))
    clusters = pd.DataFrame({"id": sorted(set(table["cluster_id"]) - {0})})
    save_analysis(Analysis(labels, table, clusters, spacing_mm, breast_area_cm2=90.0), folder)


def write_truth(folder, centers, clustered=5, **record):
    folder.mkdir(parents=True)
    labels = labels_at(centers)
    write_volume(labels, SPACING_MM, (0, 0, 0), np.eye(3).ravel().tolist(), folder / "labels.nrrd")
    morphology = {"morphology": "round", "contrast_to_noise": 5.0}
    table_of(labels, clustered, **morphology).to_csv(folder / "calcifications.csv", index=False)
    record = {"spacing_mm": SPACING_MM, "breast_area_cm2": 100.0, "patient": folder.name, **record}
    (folder / "phantom.json").write_text(json.dumps(record))


@pytest.fixture
def study(tmp_path):
    """Two images with a cluster and one without calcifications; one false mark in each of two."""
    predictions, truth = tmp_path / "predictions", tmp_path / "truth"
    write_truth(truth / "a", [*CLUSTER, (200, 60)])
    write_truth(truth / "b", CLUSTER)
    write_truth(truth / "blank", [], clustered=0)
    write_prediction(predictions / "a", [*CLUSTER, (250, 150)], [0.9, 0.9, 0.8, 0.8, 0.7, 0.3])
    write_prediction(predictions / "b", CLUSTER[:3], [0.9, 0.6, 0.6])
    write_prediction(predictions / "blank", [(50, 50)], [0.2], clustered=0)
    return predictions, truth


def test_the_main_numbers_of_a_study(study):
    numbers = summary(evaluate_folders(*study))
    found = numbers["calcifications"]
    assert (found["true"], found["hit"], found["missed"], found["false"]) == (11, 8, 3, 2)
    assert found["precision"] == pytest.approx(0.8)
    assert found["f1"] == pytest.approx(2 * (8 / 11) * 0.8 / (8 / 11 + 0.8))
    assert found["false_per_cm2"] == pytest.approx(2 / 300)  # the truth's breast area, not the analysis'
    clusters = numbers["clusters"]
    assert (clusters["true"], clusters["hit"], clusters["false"]) == (2, 2, 0)
    assert numbers["segmentation"]["matched"]["iou"]["mean"] == 1.0
    assert numbers["warnings"] == []


def test_two_marks_of_one_true_cluster_are_one_hit_in_the_summary(study):
    predictions, truth = study
    shutil.rmtree(predictions / "a")
    write_prediction(predictions / "a", CLUSTER, [0.9] * 5)
    table = pd.read_csv(predictions / "a" / "calcifications.csv")
    table.assign(cluster_id=[1, 1, 2, 2, 2]).to_csv(predictions / "a" / "calcifications.csv", index=False)
    clusters = pd.read_csv(predictions / "a" / "clusters.csv")
    pd.concat([clusters, clusters.assign(id=2)]).to_csv(predictions / "a" / "clusters.csv", index=False)
    clusters = summary(evaluate_folders(predictions, truth))["clusters"]
    assert (clusters["true"], clusters["hit"], clusters["marks"], clusters["false"]) == (2, 2, 3, 0)
    assert clusters["sensitivity"] == clusters["precision"] == 1


def test_an_image_without_analysis_counts_as_nothing_found_and_is_named(study):
    predictions, truth = study
    shutil.rmtree(predictions / "b")
    evaluation = evaluate_folders(predictions, truth)
    numbers = summary(evaluation)["calcifications"]
    assert (numbers["hit"], numbers["missed"]) == (5, 6)
    assert [(w.code, "“b”" in w.message) for w in evaluation.warnings] == [("prediction-missing", True)]
    pixels = evaluation.calcifications[1].pixels
    assert (pixels.found, pixels.true) == (0, 45)  # its true pixels still count as missed


def test_an_analysis_without_truth_is_refused_by_name(study):
    predictions, truth = study
    shutil.rmtree(truth / "b")
    with pytest.raises(ResultError, match=r"no truth .* “b”"):
        evaluate_folders(predictions, truth)


def test_ignored_regions_of_the_truth_are_honored(study):
    predictions, truth = study
    write_truth(truth / "c", [], clustered=0, ignore_regions=[[40, 60, 40, 60]])
    write_prediction(predictions / "c", [(50, 50)], [0.9], clustered=0)
    numbers = summary(evaluate_folders(predictions, truth))["calcifications"]
    assert (numbers["false"], numbers["ignored_marks"]) == (2, 1)


def test_specks_that_were_there_before_are_left_out_only_when_asked(study):
    predictions, truth = study
    write_truth(truth / "c", [], clustered=0, bright_specks=[[40, 60, 40, 60]])
    write_prediction(predictions / "c", [(50, 50)], [0.9], clustered=0)
    counted, left_out = (
        summary(evaluate_folders(predictions, truth, ignore_bright_specks=asked)) for asked in (False, True)
    )
    assert (counted["calcifications"]["false"], left_out["calcifications"]["false"]) == (3, 2)
    assert left_out["settings"]["ignore_bright_specks"]


def test_two_single_folders_are_one_image(study):
    predictions, truth = study
    evaluation = evaluate_folders(predictions / "b", truth / "a")
    assert summary(evaluation)["calcifications"]["hit"] == 3
    assert [warning.code for warning in evaluation.warnings] == ["one-image"]


def test_a_label_map_alone_is_a_truth(study):
    predictions, truth = study
    for name in ("calcifications.csv", "phantom.json"):
        (truth / "a" / name).unlink()
    evaluation = evaluate_folders(predictions, truth)
    assert summary(evaluation)["calcifications"]["hit"] == 8
    assert evaluation.free_response.breast_area_cm2 == 290  # 90 of the analysis of “a”
    assert evaluation.clusters is None
    assert [warning.code for warning in evaluation.warnings] == ["clusters-unknown"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "labels.nrrd").write_bytes(b"NRRD0004\nnothing"), "truth of image “a”"),
        (lambda folder: (folder / "phantom.json").write_text("{"), "truth of image “a”"),
        (lambda folder: (folder / "phantom.json").write_text('{"spacing_mm": [0.07, 0.07]}'), "truth of image “a”"),
        (lambda folder: (folder / "calcifications.csv").write_text("id,row,column\n1,5,5\n"), "contradicts itself"),
        (lambda folder: (folder / "calcifications.csv").write_text(""), "truth of image “a”"),
    ],
)
def test_damaged_truth_is_refused_by_name(study, damage, message):
    damage(study[1] / "a")
    with pytest.raises(ResultError, match=message):
        evaluate_folders(*study)


def test_analyses_of_another_spacing_or_size_are_refused(study):
    predictions, truth = study
    shutil.rmtree(predictions / "a")
    write_prediction(predictions / "a", CLUSTER, [0.5] * 5, spacing_mm=(0.1, 0.1))
    with pytest.raises(ResultError, match="spacing"):
        evaluate_folders(predictions, truth)
    shutil.rmtree(predictions / "a")
    write_prediction(predictions / "a", CLUSTER, [0.5] * 5, shape=(300, 201))
    with pytest.raises(ResultError, match="“a” cannot be compared"):
        evaluate_folders(predictions, truth)


def test_empty_folders_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match=r"labels\.nrrd"):
        evaluate_folders(tmp_path / "empty", tmp_path / "empty")
    with pytest.raises(ResultError, match="no folder “nowhere”"):
        evaluate_folders(tmp_path / "empty", tmp_path / "nowhere")


def test_a_study_without_any_calcification_is_a_result(tmp_path):
    for name in ("a", "b"):
        write_truth(tmp_path / "truth" / name, [], clustered=0)
        write_prediction(tmp_path / "predictions" / name, [], [], clustered=0)
    evaluation = evaluate_folders(tmp_path / "predictions", tmp_path / "truth")
    save_evaluation(evaluation, tmp_path / "output")
    written = json.loads((tmp_path / "output" / "evaluation.json").read_text())
    assert written["calcifications"]["sensitivity"] is None
    assert written["calcifications"]["false_per_image"] == 0
    assert (tmp_path / "output" / "froc.png").exists()


def test_true_clusters_are_counted_by_the_morphology_that_their_table_says(study):
    for folder in study[1].iterdir():
        pd.DataFrame({"id": [1], "morphology": ["amorphous"]}).to_csv(folder / "clusters.csv", index=False)
    strata = evaluate_folders(*study, resamples=10).strata
    clusters = strata[(strata["level"] == "cluster") & (strata["at"] == "all marks")].set_index("value")
    assert clusters.loc["amorphous", "hits"] == clusters.loc["all", "hits"] > 0


def test_the_comparison_can_be_cancelled(study):
    def cancel(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        evaluate_folders(*study, progress=cancel)


def test_the_same_study_gives_the_same_numbers(study):
    first, again = (evaluate_folders(*study) for _ in range(2))
    pd.testing.assert_frame_equal(first.free_response.curve, again.free_response.curve)
    pd.testing.assert_frame_equal(first.strata, again.strata)
    assert first.overlap == again.overlap


def test_everything_is_written_and_says_the_same(study, tmp_path):
    evaluation = evaluate_folders(*study)
    save_evaluation(evaluation, tmp_path / "output")
    names = ["evaluation.json", "froc.csv", "froc.png", "matches.csv", "operating_points.csv", "strata.csv"]
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == names
    written = json.loads((tmp_path / "output" / "evaluation.json").read_text())
    matches = pd.read_csv(tmp_path / "output" / "matches.csv")
    of_calcifications = matches[matches["level"] == "calcification"]
    counts = of_calcifications["outcome"].value_counts().to_dict()
    assert counts == {"hit": 8, "missed": 3, "false": 2}
    assert of_calcifications.groupby("image").size().to_dict() == {"a": 7, "b": 5, "blank": 1}
    hit = of_calcifications[of_calcifications["outcome"] == "hit"]
    assert (hit["iou"] == 1).all()
    assert (hit["row"] == hit["true_row"]).all()
    points = pd.read_csv(tmp_path / "output" / "operating_points.csv")
    assert set(points["level"]) == {"calcification", "cluster"}
    everything = points[(points["per"] == "all marks") & (points["level"] == "calcification")].iloc[0]
    assert everything["sensitivity"] == pytest.approx(written["calcifications"]["sensitivity"])
    curve = pd.read_csv(tmp_path / "output" / "froc.csv")
    assert curve[curve["level"] == "calcification"]["sensitivity"].iloc[-1] == everything["sensitivity"]
    strata = pd.read_csv(tmp_path / "output" / "strata.csv")
    assert set(strata.loc[strata["level"] == "cluster", "stratum"]) == {"all"}
    assert {"all", "morphology", "grouping", "contrast_to_noise", "diameter_mm"} == set(strata["stratum"])
    assert "microcalc" in written["provenance"]["versions"]
    assert str(tmp_path) not in json.dumps(written)


def command(*arguments):
    import argparse

    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(argument) for argument in arguments]))


def test_the_command_writes_and_prints_the_result(study, tmp_path, capsys):
    predictions, truth = study
    shutil.rmtree(predictions / "blank")
    arguments = ("--predictions", predictions, "--truth", truth, "--output", tmp_path / "output")
    assert command(*arguments) == 0
    printed = capsys.readouterr().out
    assert "11 true calcifications in 3 images of 3 patients, 300 cm² of breast" in printed
    assert "“blank” has no analysis" in printed
    assert "not reached" in printed
    assert (tmp_path / "output" / "evaluation.json").exists()


def test_the_command_takes_another_rule(study, tmp_path):
    predictions, truth = study
    shutil.rmtree(predictions / "b")
    write_prediction(predictions / "b", [(row + 4, column) for row, column in CLUSTER], [0.9] * 5)
    arguments = ("--predictions", predictions / "b", "--truth", truth / "b", "--output", tmp_path / "output")
    command(*arguments)
    assert json.loads((tmp_path / "output" / "evaluation.json").read_text())["calcifications"]["hit"] == 5
    command(*arguments, "--max-distance-mm", "0.2")
    written = json.loads((tmp_path / "output" / "evaluation.json").read_text())
    assert written["calcifications"]["hit"] == 0
    assert written["settings"]["rule"] == {
        "max_distance_mm": 0.2,
        "min_iou": 0.3,
        "pieces_are_false": False,
        "truths_in_turn": False,
        "touches": False,
    }


def forget_patients(truth):
    for file in truth.glob("*/phantom.json"):
        record = json.loads(file.read_text())
        del record["patient"]
        file.write_text(json.dumps(record))


def test_images_whose_patient_nobody_names_count_each_for_itself_and_that_is_said(study):
    predictions, truth = study
    named = evaluate_folders(predictions, truth)
    forget_patients(truth)
    unnamed = evaluate_folders(predictions, truth)
    assert [warning.code for warning in named.warnings] == []
    assert [warning.code for warning in unnamed.warnings] == ["patients-unknown"]
    pd.testing.assert_frame_equal(named.free_response.curve, unnamed.free_response.curve)


def test_images_of_one_patient_are_drawn_together(study):
    predictions, truth = study
    forget_patients(truth)
    patients = {"a": "one", "b": "one", "blank": "other"}
    evaluation = evaluate_folders(predictions, truth, patients=patients)
    numbers = summary(evaluation)
    assert (numbers["images"], numbers["patients"]) == (3, 2)
    # only one patient has calcifications: every sample that has any finds the same share
    assert evaluation.free_response.operating_points["sensitivity_low"].isna().all()
    assert [match.patient for match in evaluation.calcifications] == ["one", "one", "other"]
    assert [match.patient for match in evaluation.clusters] == ["one", "one", "other"]


def test_the_patient_of_a_simulation_is_that_of_its_background(study):
    predictions, truth = study
    file = truth / "a" / "phantom.json"
    record = json.loads(file.read_text())
    del record["patient"]
    file.write_text(json.dumps({**record, "background": {"kind": "image", "patient": "b"}}))
    evaluation = evaluate_folders(predictions, truth)
    assert evaluation.free_response.patients == 2


def test_figures_of_merit_of_calcifications_and_clusters_are_written(study, tmp_path):
    save_evaluation(evaluate_folders(*study), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    # the blank image's false mark (0.2) lies below every hit; 3 of 11 calcifications were missed
    assert written["calcifications"]["figures_of_merit"]["AFROC"]["value"] == pytest.approx(8 / 11)
    assert written["calcifications"]["figures_of_merit"]["wAFROC"]["value"] == pytest.approx((5 / 6 + 3 / 5) / 2)
    assert written["clusters"]["figures_of_merit"]["LROC"]["value"] == 1.0


def test_the_command_takes_patients_from_a_table_and_the_published_rule(study, tmp_path, capsys):
    predictions, truth = study
    table = tmp_path / "patients.csv"
    table.write_text("image,patient\na,one\nb,one\nblank,other\n")
    arguments = ["--predictions", str(predictions), "--truth", str(truth), "--output", str(tmp_path / "out")]
    assert main(["evaluate", *arguments, "--patients", str(table), "--rule", "hdogreg"]) == 0
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["patients"] == 2
    assert written["settings"]["rule"]["truths_in_turn"] is True
    assert written["settings"]["rule"]["pieces_are_false"] is True
    assert "of 2 patients" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,who\na,one\n", "lacks the column “patient”"),
        ("image,patient\na,\n", "names an image and its patient"),
        ("image,patient\na,one\na,other\n", "two patients"),
    ],
)
def test_tables_of_patients_that_cannot_be_used_are_refused(tmp_path, text, message):
    (tmp_path / "patients.csv").write_text(text)
    with pytest.raises(ParameterError, match=message):
        read_patients(tmp_path / "patients.csv")
