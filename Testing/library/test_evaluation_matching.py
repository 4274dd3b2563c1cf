"""Matching marks with true calcifications and clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.evaluation.cluster_matching import match_clusters
from MicrocalcAILib.evaluation.findings import Findings
from MicrocalcAILib.evaluation.matching import RULES, Matches, MatchingRule, match_calcifications, patient_units

SPACING_MM = (0.07, 0.07)


def points(rows, columns, **more) -> Findings:
    return Findings(pd.DataFrame({"id": np.arange(1, len(rows) + 1), "row": rows, "column": columns, **more}))


def disks(shape, centers, radius_pixels, probability=None, cluster_id=None) -> Findings:
    labels = np.zeros(shape, np.int32)
    rows, columns = np.indices(shape)
    for index, (row, column) in enumerate(centers):
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius_pixels**2] = index + 1
    findings = Findings.from_labels(labels, SPACING_MM)
    table = findings.calcifications
    if probability is not None:
        table = table.assign(probability=probability)
    if cluster_id is not None:
        table = table.assign(cluster_id=cluster_id)
    return Findings(table, labels)


def outcomes(matches: Matches) -> tuple[list[str], list[str]]:
    return matches.marks["outcome"].tolist(), matches.truths["outcome"].tolist()


def test_five_pixels_of_70_micrometers_are_within_035_mm():
    assert 5 * 0.07 > 0.35  # floating point would say no
    assert outcomes(match_calcifications(points([10], [15]), points([10], [10]), SPACING_MM)) == (["hit"], ["hit"])
    assert outcomes(match_calcifications(points([10], [15.1]), points([10], [10]), SPACING_MM))[0] == ["false"]


def test_distances_follow_the_spacing_of_each_direction():
    found, true = points([10, 90], [10, 50]), points([14, 90], [10, 54])
    marks, _ = outcomes(match_calcifications(found, true, (0.05, 0.1)))
    assert marks == ["hit", "false"]  # 4 rows are 0.2 mm, 4 columns 0.4 mm


def test_a_large_calcification_matches_by_overlap_though_its_center_is_far():
    true, found = np.zeros((20, 60), np.int32), np.zeros((20, 60), np.int32)
    true[8:12, 5:45] = 1
    found[8:12, 19:45] = 1
    found_, true_ = (Findings.from_labels(labels, SPACING_MM) for labels in (found, true))
    match = match_calcifications(found_, true_, SPACING_MM)
    assert match.truths["distance_mm"].item() == pytest.approx(7 * 0.07)
    assert match.truths["iou"].item() == pytest.approx(26 / 40)
    assert match.truths["dice"].item() == pytest.approx(2 * 26 / 66)
    assert match.truths["outcome"].item() == "hit"
    strict = match_calcifications(found_, true_, SPACING_MM, MatchingRule(min_iou=0.7))
    assert strict.truths["outcome"].item() == "missed"


def test_two_marks_on_one_calcification_are_one_hit_and_one_false_mark():
    match = match_calcifications(points([10, 11], [10, 11], probability=[0.4, 0.9]), points([10], [10]), SPACING_MM)
    assert outcomes(match) == (["false", "hit"], ["hit"])
    assert match.truths["mark_id"].item() == 2
    assert match.truths["probability"].item() == 0.9


def test_a_piece_of_a_true_calcification_is_no_false_mark_unless_the_rule_says_so():
    true, found = np.zeros((40, 60), np.int32), np.zeros((40, 60), np.int32)
    true[10:20, 10:50] = 1
    found[10:20, 10:30] = 1  # half of it: a hit
    found[10:16, 40:46] = 2  # a lobe far from the center
    found[18:24, 33:37] = 3  # two rows of six on it
    found[30:34, 30:34] = 4  # beside it
    found_, true_ = (Findings.from_labels(labels, SPACING_MM) for labels in (found, true))
    found_ = Findings(found_.calcifications.assign(probability=[0.9, 0.8, 0.7, 0.6]), found)
    assert outcomes(match_calcifications(found_, true_, SPACING_MM))[0] == ["hit", "ignored", "false", "false"]
    published = MatchingRule(pieces_are_false=True)
    assert outcomes(match_calcifications(found_, true_, SPACING_MM, published))[0] == ["hit", *["false"] * 3]


def test_the_surer_mark_chooses_first_and_takes_the_nearer_calcification():
    found = points([10, 10], [12, 14], probability=[0.9, 0.8])
    match = match_calcifications(found, points([10, 10], [11, 15]), SPACING_MM)
    assert match.marks["truth_id"].tolist() == [1, 2]


def test_equal_probabilities_do_not_depend_on_the_order_of_the_table():
    found, true = points([10, 10], [14, 10]), points([10, 10], [10, 16])
    match = match_calcifications(found, true, SPACING_MM)
    assert match.marks["truth_id"].tolist() == [2, 1]  # the nearest pair first, not the first row first


def test_nothing_found_and_nothing_true_are_results():
    nothing, one = Findings.from_labels(np.zeros((30, 30), np.int32), SPACING_MM), points([10], [10])
    assert outcomes(match_calcifications(nothing, one, SPACING_MM)) == ([], ["missed"])
    assert outcomes(match_calcifications(one, nothing, SPACING_MM)) == (["false"], [])
    assert outcomes(match_calcifications(nothing, nothing, SPACING_MM)) == ([], [])


def test_ignored_regions_make_marks_and_truths_neither_right_nor_wrong():
    found = points([10, 50, 52, 90], [10, 50, 70, 90])
    true = points([10, 50], [10, 50])
    match = match_calcifications(found, true, SPACING_MM, ignore_regions=[(40, 60, 40, 75)])
    assert outcomes(match) == (["hit", "ignored", "ignored", "false"], ["hit", "ignored"])


def test_an_ignored_region_reaches_to_the_edges_of_its_pixels():
    nothing = points([], [])
    found = points([60.4, 60.6, 39.6], [50, 50, 50])
    match = match_calcifications(found, nothing, SPACING_MM, ignore_regions=[(40, 60, 40, 60)])
    assert outcomes(match)[0] == ["ignored", "false", "ignored"]


def test_a_mark_in_an_ignored_region_still_hits_a_truth_outside_it():
    match = match_calcifications(points([10], [40]), points([10], [38]), SPACING_MM, ignore_regions=[(0, 99, 40, 99)])
    assert outcomes(match) == (["hit"], ["hit"])


def test_pixels_in_ignored_regions_do_not_count():
    found, true = disks((50, 50), [(10, 10), (40, 40)], 2), disks((50, 50), [(10, 10)], 2)
    pixels = match_calcifications(found, true, SPACING_MM, ignore_regions=[(30, 49, 30, 49)]).pixels
    assert (pixels.found, pixels.true, pixels.both, pixels.image) == (13, 13, 13, 2500 - 400)


def test_areas_come_in_square_millimeters():
    found, true = disks((50, 50), [(10, 10)], 1), disks((50, 50), [(10, 10)], 2)
    truths = match_calcifications(found, true, SPACING_MM).truths
    assert truths["area_mm2"].item() == pytest.approx(13 * 0.0049)
    assert truths["found_area_mm2"].item() == pytest.approx(5 * 0.0049)


def test_best_iou_counts_marks_that_are_matched_elsewhere():
    true, found = np.zeros((20, 60), np.int32), np.zeros((20, 60), np.int32)
    true[5:10, 5:15], true[5:10, 15:20] = 1, 2
    found[5:10, 5:20] = 1  # joins both
    match = match_calcifications(*(Findings.from_labels(labels, SPACING_MM) for labels in (found, true)), SPACING_MM)
    assert match.truths["outcome"].tolist() == ["hit", "missed"]
    assert match.truths["best_iou"].tolist() == pytest.approx([10 / 15, 5 / 15])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"id": [1, 1], "row": [1, 2], "column": [1, 2]}, "different"),
        ({"id": [0], "row": [1], "column": [1]}, "positive"),
        ({"id": [1], "row": [1]}, "column"),
        ({"id": [1], "row": [np.nan], "column": [1]}, "empty"),
        ({"id": [1], "row": [1], "column": [1], "probability": [np.nan]}, "empty"),
    ],
)
def test_impossible_tables_are_refused(table, message):
    with pytest.raises(ParameterError, match=message):
        Findings(pd.DataFrame(table))


def test_a_label_without_a_row_is_refused():
    with pytest.raises(ParameterError, match="holds the id 5"):
        Findings(pd.DataFrame({"id": [1], "row": [1], "column": [1]}), np.array([[1, 5]]))


def test_label_maps_of_different_images_are_refused():
    with pytest.raises(ParameterError, match="shape"):
        match_calcifications(disks((30, 30), [(9, 9)], 2), disks((30, 31), [(9, 9)], 2), SPACING_MM)


@pytest.mark.parametrize("arguments", [{"max_distance_mm": -1}, {"min_iou": 0}, {"min_iou": 1.1}])
def test_impossible_rules_are_refused(arguments):
    with pytest.raises(ParameterError):
        MatchingRule(**arguments)


# --- oracles -----------------------------------------------------------------------------------------------------


def brute_force_pairs(found: Findings, true: Findings) -> dict[tuple[int, int], tuple[float, float]]:
    """(mark id, truth id) -> (distance, IoU) of every pair, by full images."""
    pairs = {}
    for mark in found.calcifications.itertuples():
        for truth in true.calcifications.itertuples():
            distance = np.hypot((mark.row - truth.row) * 0.07, (mark.column - truth.column) * 0.07)
            a, b = found.labels == mark.id, true.labels == truth.id
            pairs[mark.id, truth.id] = distance, (a & b).sum() / max((a | b).sum(), 1)
    return pairs


def brute_force_matching(found: Findings, true: Findings, threshold: float) -> dict[int, int]:
    """truth id -> mark id among the marks from the threshold on, by picking the best pair again and again."""
    probability = dict(zip(found.ids, found.calcifications["probability"], strict=True))
    pairs = {
        pair: (-probability[pair[0]], -iou, round(distance, 6), *pair)
        for pair, (distance, iou) in brute_force_pairs(found, true).items()
        if probability[pair[0]] >= threshold and (distance <= 0.35 + 1e-9 or iou >= 0.3)
    }
    matched: dict[int, int] = {}
    while pairs:
        mark, truth = min(pairs, key=pairs.__getitem__)
        matched[truth] = mark
        pairs = {pair: key for pair, key in pairs.items() if pair[0] != mark and pair[1] != truth}
    return matched


crowds = st.lists(st.tuples(st.integers(3, 36), st.integers(3, 36)), min_size=0, max_size=9, unique=True)


def test_of_two_truths_at_the_same_distance_the_first_is_taken_whatever_the_rounding():
    found, true = disks((40, 40), [(6, 23)], 0, [0.2]), disks((40, 40), [(7, 25), (4, 22)], 2)
    assert match_calcifications(found, true, SPACING_MM).truths["outcome"].tolist() == ["hit", "missed"]


@settings(max_examples=60, deadline=None)
@given(crowds, crowds, st.integers(0, 2), st.data())
def test_matching_above_any_threshold_equals_brute_force_on_the_marks_above_it(found_at, true_at, radius, data):
    probability = data.draw(
        st.lists(st.sampled_from([0.2, 0.5, 0.8, 0.9]), min_size=len(found_at), max_size=len(found_at))
    )
    labels = disks((40, 40), found_at, radius).labels
    seen = np.unique(labels[labels > 0]) - 1  # disks may hide each other
    found = Findings.from_labels(labels, SPACING_MM)
    found = Findings(found.calcifications.assign(probability=[probability[i] for i in seen]), labels)
    true = disks((40, 40), true_at, 2)
    match = match_calcifications(found, true, SPACING_MM)
    for threshold in (0.0, 0.5, 0.8, 0.9):
        hits = match.truths[match.truths["probability"] >= threshold]
        assert dict(zip(hits["id"], hits["mark_id"], strict=True)) == brute_force_matching(found, true, threshold)
    best = brute_force_pairs(found, true)
    for truth in match.truths.itertuples():
        assert truth.best_iou == pytest.approx(
            max((iou for (_, t), (_, iou) in best.items() if t == truth.id), default=0)
        )


@settings(max_examples=60, deadline=None)
@given(crowds, crowds)
def test_every_mark_and_every_truth_is_used_once_and_no_free_pair_is_left(found_at, true_at):
    found, true = (points(*np.array(at, float).reshape(-1, 2).T) for at in (found_at, true_at))
    match = match_calcifications(found, true, SPACING_MM)
    used = match.truths.loc[match.truths["mark_id"] > 0, "mark_id"]
    assert used.is_unique
    assert sorted(used) == sorted(match.marks.loc[match.marks["outcome"] == "hit", "id"])
    free_marks = match.marks[match.marks["outcome"] == "false"]
    for truth in match.truths[match.truths["outcome"] == "missed"].itertuples():
        distance = np.hypot(free_marks["row"] - truth.row, free_marks["column"] - truth.column) * 0.07
        assert not (distance <= 0.35).any()


# --- clusters ----------------------------------------------------------------------------------------------------


def grid(row, column, count=9, step=20):
    return [(row + step * (i // 3), column + step * (i % 3)) for i in range(count)]


def matched_clusters(found: Findings, true: Findings, **more) -> Matches:
    matches = match_calcifications(found, true, SPACING_MM, **more)
    return match_clusters(matches, found, true, SPACING_MM, **more)


def in_clusters(*groups, probability=None) -> Findings:
    rows, columns, cluster_id = [], [], []
    for number, group in enumerate(groups):
        rows += [row for row, _ in group]
        columns += [column for _, column in group]
        cluster_id += [number + 1] * len(group)
    more = {} if probability is None else {"probability": probability}
    return points(rows, columns, cluster_id=cluster_id, **more)


def test_a_cluster_is_hit_when_two_of_its_calcifications_are_found_there():
    true = in_clusters(grid(100, 100))
    two = in_clusters(grid(100, 100, count=2), probability=[0.6, 0.8])
    match = matched_clusters(two, true)
    assert outcomes(match) == (["hit"], ["hit"])
    assert match.truths["probability"].item() == pytest.approx(0.728 / 1.728)  # 0.6³ + 0.8³
    assert (match.truths["count"].item(), match.truths["matched"].item()) == (9, 2)


def test_noise_inside_a_true_cluster_is_no_hit():
    between = [(110 + 20 * i, 110 + 20 * j) for i in range(2) for j in range(2)]
    match = matched_clusters(in_clusters([*between, (100, 100)]), in_clusters(grid(100, 100)))
    assert outcomes(match) == (["false"], ["missed"])


def test_a_chain_of_marks_across_the_breast_hits_nothing():
    far = [(100, 400 + 30 * i) for i in range(10)]
    match = matched_clusters(in_clusters([*grid(100, 100), *far]), in_clusters(grid(100, 100)))
    assert outcomes(match) == (["false"], ["missed"])


def test_members_up_to_one_millimeter_beside_a_true_cluster_lie_inside():
    true = in_clusters(grid(100, 100))  # reaches to row and column 140; 1 mm are 14.3 pixels
    near, far = ([(100, 100), (100, 120), *[(100, column)] * 3] for column in (154, 155))
    assert outcomes(matched_clusters(in_clusters(near), true))[0] == ["hit"]
    assert outcomes(matched_clusters(in_clusters(far), true))[0] == ["false"]


def test_a_cloud_of_likely_specks_is_rated_above_a_pair_of_surer_ones():
    cloud, pair = grid(100, 100), grid(300, 300, count=2)
    found = in_clusters(cloud, pair, probability=[0.7] * len(cloud) + [0.95] * 2)
    ratings = matched_clusters(found, in_clusters(cloud)).marks.set_index("id")["probability"]
    assert ratings[1] > ratings[2]


def test_two_marks_of_one_cluster_are_neither_two_hits_nor_false():
    true = in_clusters(grid(100, 100))
    found = in_clusters(grid(100, 100)[:3], grid(100, 100)[5:], probability=[0.5] * 3 + [0.9] * 4)
    match = matched_clusters(found, true)
    assert outcomes(match) == (["hit", "hit"], ["hit"])
    assert (match.truths["mark_id"].item(), match.truths["probability"].item()) == (2, pytest.approx(2.916 / 3.916))


def test_one_predicted_cluster_may_join_two_true_ones():
    first, second = grid(100, 100), grid(100, 170)
    match = matched_clusters(in_clusters([*first, *second]), in_clusters(first, second))
    assert outcomes(match) == (["hit"], ["hit", "hit"])


def test_single_calcifications_are_no_clusters():
    single = points([10], [10], cluster_id=[0])
    match = matched_clusters(single, single)
    assert outcomes(match) == ([], [])


def test_clusters_in_ignored_regions_do_not_count():
    true = in_clusters(grid(100, 100))
    found = in_clusters(grid(100, 100), grid(100, 500))
    match = matched_clusters(found, true, ignore_regions=[(0, 300, 0, 300)])
    assert outcomes(match) == (["ignored", "false"], ["ignored"])


def published(found: Findings, true: Findings) -> tuple[list[int], int]:
    """The published procedure, written out: which truths are found, and how many marks are false."""
    free = list(range(len(found.ids)))
    hit = []
    for t in range(len(true.ids)):
        distances = {}
        for m in free:
            apart = found.centers_mm(SPACING_MM)[m] - true.centers_mm(SPACING_MM)[t]
            distances[m] = float(np.hypot(*apart))
        chosen = min(distances, key=distances.get, default=None)
        if chosen is None or distances[chosen] > 0.35 + 1e-6:
            own = true.labels == true.ids[t]
            overlaps = {}
            for m in free:
                mark = found.labels == found.ids[m]
                overlaps[m] = (own & mark).sum() / (own | mark).sum()
            chosen = max(overlaps, key=overlaps.get, default=None)
            if chosen is None or overlaps[chosen] < 0.3:
                continue
        hit.append(t)
        free.remove(chosen)
    return hit, len(free)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(2, 27), st.integers(2, 27)), max_size=6, unique=True),
    st.lists(st.tuples(st.integers(2, 27), st.integers(2, 27)), max_size=6, unique=True),
    st.integers(1, 4),
)
def test_the_published_rule_is_its_procedure_written_out(found_at, true_at, radius):
    found, true = disks((30, 30), found_at, radius), disks((30, 30), true_at, 2)
    matches = match_calcifications(found, true, SPACING_MM, RULES["hdogreg"])
    hit, false = published(found, true)
    assert np.flatnonzero(matches.truths["outcome"] == "hit").tolist() == hit
    assert (matches.marks["outcome"] == "false").sum() == false


def test_by_the_published_rule_a_truth_takes_the_nearest_mark_though_another_is_surer():
    found = points([11, 13], [10, 10], probability=[0.2, 0.9])
    true = points([10], [10])
    ours = match_calcifications(found, true, SPACING_MM)
    theirs = match_calcifications(found, true, SPACING_MM, RULES["hdogreg"])
    assert (ours.truths["mark_id"].item(), theirs.truths["mark_id"].item()) == (2, 1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(2, 27), st.integers(2, 27)), max_size=6, unique=True),
    st.lists(st.tuples(st.integers(2, 27), st.integers(2, 27)), max_size=6, unique=True),
)
def test_by_the_rule_of_calc_det_a_disk_of_seven_pixels_around_a_mark_hits_all_that_it_touches(found_at, true_at):
    found, true = disks((30, 30), found_at, 1), disks((30, 30), true_at, 2)
    matches = match_calcifications(found, true, SPACING_MM, RULES["calc-det"])
    rows, columns = np.indices((30, 30))
    touched = [
        set(true.labels[np.hypot(rows - row, columns - column) <= 7].tolist()) - {0}
        for row, column in found.calcifications[["row", "column"]].to_numpy()
    ]
    hit = set().union(*touched)
    assert set(matches.truths.loc[matches.truths["outcome"] == "hit", "id"]) == hit
    assert (matches.marks["outcome"] == "false").tolist() == [not labels for labels in touched]


def test_of_the_marks_that_touch_one_calcification_the_surest_counts_and_the_others_are_not_false():
    found = disks((40, 40), [(10, 10), (13, 13), (30, 30)], 1, probability=[0.2, 0.9, 0.5])
    true = disks((40, 40), [(11, 11), (16, 16)], 1)
    matches = match_calcifications(found, true, SPACING_MM, RULES["calc-det"])
    assert matches.marks["outcome"].tolist() == ["ignored", "hit", "false"]
    assert matches.truths["probability"].tolist() == [0.9, 0.9]  # one mark hits both


def test_images_of_one_patient_are_one_unit_and_those_of_nobody_stand_for_themselves():
    empty = match_calcifications(points([], []), points([], []), SPACING_MM)
    named = [Matches("x", 1.0, empty.marks, empty.truths, patient=name) for name in ("b", "", "a", "b", "")]
    assert patient_units(named).tolist() == [0, 1, 2, 0, 3]
