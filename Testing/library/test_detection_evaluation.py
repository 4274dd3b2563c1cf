"""Figures of lesion boxes: what counts as found, and that missed lesions and false boxes always count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.evaluation.detection import EvaluatedImage, evaluate_boxes, match_boxes
from MicrocalcAILib.training.compare import read_predictions

EDGES = ["row_min", "row_max", "column_min", "column_max"]


def _boxes(*rows: tuple[float, ...]) -> pd.DataFrame:
    """Each with row_min, row_max, column_min, column_max, score, malignant score."""
    table = pd.DataFrame(np.array(rows, float).reshape(-1, 6), columns=[*EDGES, "score", "malignant_score"])
    return table.assign(id=np.arange(1, len(table) + 1))


def _lesions(*rows: tuple[float, ...]) -> pd.DataFrame:
    """Each with row_min, row_max, column_min, column_max, malignant (0 or 1)."""
    table = pd.DataFrame(np.array(rows, float).reshape(-1, 5), columns=[*EDGES, "malignant"])
    return table.astype({"malignant": bool})


def _image(boxes: pd.DataFrame, lesions: pd.DataFrame, name: str = "a", breast: str = "L") -> EvaluatedImage:
    return EvaluatedImage(name, name[0], breast, boxes, lesions, 100.0)


def test_an_overlap_of_three_tenths_is_a_hit_and_less_is_none() -> None:
    lesions = _lesions((0, 9, 0, 9, 0))
    # 100 pixels each; c of them in common give c / (200 − c)
    hit = match_boxes(_image(_boxes((0, 9, 5, 14, 0.9, 0.1)), lesions))  # 50 / 150
    missed = match_boxes(_image(_boxes((0, 9, 6, 15, 0.9, 0.1)), lesions))  # 40 / 160
    assert (hit.marks["outcome"].tolist(), hit.truths["outcome"].tolist()) == (["hit"], ["hit"])
    assert (missed.marks["outcome"].tolist(), missed.truths["outcome"].tolist()) == (["false"], ["missed"])


def test_by_the_second_rule_a_small_box_inside_hits() -> None:
    image = _image(_boxes((40, 45, 40, 45, 0.9, 0.1)), _lesions((0, 99, 0, 99, 0)))
    assert match_boxes(image, "iou").truths["outcome"].tolist() == ["missed"]
    assert match_boxes(image, "center").truths["outcome"].tolist() == ["hit"]


def test_several_boxes_on_one_lesion_count_once_and_none_is_false() -> None:
    image = _image(
        _boxes((0, 9, 0, 9, 0.5, 0.4), (0, 9, 1, 10, 0.9, 0.2), (80, 89, 80, 89, 0.7, 0.6)), _lesions((0, 9, 0, 9, 1))
    )
    match = match_boxes(image)
    assert match.marks["outcome"].tolist() == ["hit", "hit", "false"]
    assert match.truths[["outcome", "mark_id", "probability", "malignant_score"]].to_dict("records") == [
        {"outcome": "hit", "mark_id": 2, "probability": 0.9, "malignant_score": 0.2}
    ]


def test_missed_lesions_lower_the_sensitivity_and_the_classification() -> None:
    found = _image(_boxes((0, 9, 0, 9, 0.9, 0.8)), _lesions((0, 9, 0, 9, 1)), "a")
    missed = _image(_boxes(), _lesions((0, 9, 0, 9, 1)), "b")
    benign = _image(_boxes((0, 9, 0, 9, 0.9, 0.1)), _lesions((0, 9, 0, 9, 0)), "c")
    evaluation = evaluate_boxes([found, missed, benign])
    last = evaluation.free_response["iou"].operating_points.iloc[-1]
    assert last["sensitivity"] == pytest.approx(2 / 3)
    tables = evaluation.tables
    assert (tables["lesions found"]["cases"], tables["lesions"]["cases"]) == (2, 3)
    assert tables["lesions found"]["sensitivity"]["value"] == 1.0
    assert tables["lesions"]["sensitivity"]["value"] == 0.5
    assert tables["breasts"]["sensitivity"]["value"] == 0.5
    assert tables["breasts"]["specificity"]["value"] == 1.0


def test_false_boxes_on_images_without_lesions_count() -> None:
    images = [
        _image(_boxes((0, 9, 0, 9, 0.9, 0.8)), _lesions((0, 9, 0, 9, 1)), "a"),
        _image(_boxes((5, 9, 5, 9, 0.6, 0.5), (50, 59, 50, 59, 0.4, 0.1)), _lesions(), "b"),
    ]
    evaluation = evaluate_boxes(images, false_per_image=(0.5, 1.0))
    points = evaluation.free_response["center"].operating_points
    assert points["false_per_image"].tolist() == [0.5, 1.0, 1.0]
    assert points["sensitivity"].tolist() == [1.0, 1.0, 1.0]
    # a healthy breast with a malignant box above the threshold is a false alarm
    assert evaluation.tables["breasts"]["specificity"]["value"] == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_breasts_and_exams_take_the_highest_score_of_their_views_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = [
        EvaluatedImage(
            f"{patient}{breast}{view}",
            patient,
            breast,
            _boxes(*[(0, 9, 0, 9, 0.9, score) for score in rng.random(rng.integers(0, 3))]),
            _lesions((0, 9, 0, 9, patient in "pq" and breast == "L")),
            100.0,
        )
        for patient in "pqrs"
        for breast in "LR"
        for view in ("CC", "MLO")
    ]
    shuffled = [images[number] for number in rng.permutation(len(images))]
    first, second = (evaluate_boxes(of, resamples=20).tables for of in (images, shuffled))
    assert first["breasts"] == second["breasts"]
    assert first["exams"] == second["exams"]
    assert (first["breasts"]["cases"], first["exams"]["cases"]) == (8, 4)
    assert first["exams"]["malignant"] == 2
    highest = {
        patient: max(
            [score for image in images if image.patient == patient for score in image.boxes["malignant_score"]]
        )
        for patient in "pqrs"
        if any(len(image.boxes) for image in images if image.patient == patient)
    }
    expected = np.mean([highest.get(patient, 0.0) >= 0.3 for patient in "pq"])
    assert first["exams"]["sensitivity"]["value"] == expected


def test_without_known_classes_only_the_free_response_is_given() -> None:
    image = _image(_boxes((0, 9, 0, 9, 0.9, 0.8)), _lesions((0, 9, 0, 9, 1)).drop(columns="malignant"))
    evaluation = evaluate_boxes([image])
    assert evaluation.tables == {}
    assert evaluation.free_response["iou"].truths == 1


def test_boxes_and_lesions_may_both_be_missing() -> None:
    evaluation = evaluate_boxes([_image(_boxes(), _lesions(), "a"), _image(_boxes(), _lesions(), "b")])
    assert evaluation.free_response["iou"].truths == 0
    assert evaluation.tables["lesions"]["cases"] == 0
    assert evaluation.tables["breasts"]["specificity"]["value"] == 1.0


def test_the_published_rule_counts_any_touch_and_forgets_lesions_that_no_box_touches() -> None:
    touched = _image(_boxes((9, 30, 9, 30, 0.9, 0.8), (60, 70, 60, 70, 0.4, 0.1)), _lesions((0, 9, 0, 9, 1)), "a")
    missed = _image(_boxes(), _lesions((0, 9, 0, 9, 1), (40, 49, 0, 9, 0)), "b")
    ours, theirs = (evaluate_boxes([touched, missed], rule=rule, resamples=10) for rule in ("microcalc", "faster-rcnn"))
    assert {name: curve.truths for name, curve in ours.free_response.items()} == {"iou": 3, "center": 3}
    assert {name: curve.truths for name, curve in theirs.free_response.items()} == {"overlap": 1}
    assert ours.free_response["iou"].curve["sensitivity"].iloc[-1] == 0
    assert theirs.free_response["overlap"].curve["sensitivity"].iloc[-1] == 1
    assert (ours.tables["lesions"]["cases"], theirs.tables["lesions"]["cases"]) == (3, 1)
    assert theirs.tables["exams"] == ours.tables["exams"]  # a breast without a box is benign by both


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ParameterError, match="not a rule"):
        evaluate_boxes([_image(_boxes(), _lesions())], rule="lenient")


def test_bands_are_over_patients_whose_images_are_alike() -> None:
    images = [
        _image(
            _boxes((0, 9, 0, 9, 0.9, 0.8)) if patient < 5 else _boxes(), _lesions((0, 9, 0, 9, 1)), f"{patient}{view}"
        )
        for patient in range(9)
        for view in "abcd"
    ]
    response = evaluate_boxes(images, resamples=300).free_response["iou"]
    assert (response.images, response.patients) == (36, 9)
    all_marks = response.operating_points.iloc[-1]
    one_each = evaluate_boxes(images[::4], resamples=300).free_response["iou"].operating_points.iloc[-1]
    assert all_marks["sensitivity_low"] == one_each["sensitivity_low"]
    assert all_marks["sensitivity_high"] == one_each["sensitivity_high"]


def test_predictions_of_lesions_breasts_and_exams_give_the_tables_again(tmp_path) -> None:
    images = []
    rng = np.random.default_rng(3)
    for patient in "abcdefgh":
        for view in "12":
            malignant = patient in "abcd"
            score = rng.uniform(0, 0.6) + 0.3 * malignant
            images.append(_image(_boxes((0, 9, 0, 9, 0.9, score)), _lesions((0, 9, 0, 9, malignant)), patient + view))
    evaluation = evaluate_boxes(images, resamples=20)
    evaluation.predictions.assign(model="detector").to_csv(tmp_path / "predictions.csv", index=False)
    tasks = read_predictions([tmp_path / "predictions.csv"])
    assert [task.name for task in tasks] == ["Lesions", "Breasts", "Exams"]
    for task, level in zip(tasks, ("lesions", "breasts", "exams"), strict=True):
        found, table = task.measures["detector"].measures, evaluation.tables[level]
        assert len(task.outcome) == table["cases"]
        for name in ("auc", "sensitivity", "specificity"):
            assert found[name].value == pytest.approx(table[name]["value"])
