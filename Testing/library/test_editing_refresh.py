"""After an edit the tables say what a fresh description says, and what was not touched stays as it was."""

import numpy as np
import pandas as pd
import pytest

from editing_scene import editing_scene
from MicrocalcAILib.editing.label_map import PaintedPixels, divide, known_from_table
from MicrocalcAILib.editing.refresh import Findings, refresh
from MicrocalcAILib.lexicon import describe


@pytest.fixture(scope="module")
def scene():
    return editing_scene()


@pytest.fixture(scope="module")
def removed_one(scene):
    """The second cluster without one of its members."""
    table = scene.analysis.calcifications
    victim = int(table.loc[table["cluster_id"] == 2, "id"].iloc[0])
    labels = np.where(scene.analysis.labels == victim, np.int32(0), scene.analysis.labels)
    cluster_ids = {key: value for key, value in scene.cluster_ids.items() if key != victim}
    return victim, labels, cluster_ids


def _assert_equal(found, expected, columns=None):
    columns = list(expected.columns if columns is None else columns)
    pd.testing.assert_frame_equal(
        found[columns].reset_index(drop=True), expected[columns].reset_index(drop=True), check_dtype=False
    )


def test_nothing_edited_means_nothing_changed(scene):
    result = refresh(scene.finder, scene.analysis.labels, scene.cluster_ids, scene.findings, scene.models)
    assert result.touched == ()
    columns = scene.analysis.calcifications.columns.drop("source")
    _assert_equal(result.findings.calcification_table, scene.analysis.calcifications, columns)
    _assert_equal(result.findings.cluster_table, scene.analysis.clusters)
    assert result.findings.words == scene.analysis.words
    assert set(result.findings.calcification_table["source"]) == {"machine"}


def test_a_label_map_alone_is_described_as_in_its_analysis_and_every_member_counts_fully(scene):
    result = refresh(scene.finder, scene.analysis.labels, scene.cluster_ids, None, scene.models)
    columns = scene.analysis.calcifications.columns.drop("source")
    _assert_equal(result.findings.calcification_table, scene.analysis.calcifications, columns)
    _assert_equal(
        result.findings.cluster_table,
        scene.analysis.clusters,
        [*columns[columns.isin(scene.analysis.clusters)], "count"],
    )
    expected = scene.drawn_by_a_reader
    _assert_equal(result.findings.cluster_table, expected.cluster_table, scene.analysis.clusters.columns)
    assert result.findings.words == expected.words
    assert set(result.findings.calcification_table["source"]) == {"reader"}


def test_removing_a_calcification_touches_its_cluster_alone_and_equals_a_fresh_description(scene, removed_one):
    victim, labels, cluster_ids = removed_one
    result = refresh(scene.finder, labels, cluster_ids, scene.findings, scene.models)
    fresh = refresh(scene.finder, labels, cluster_ids, result.findings, scene.models, again=(1, 2))
    assert result.touched == (2,)
    clusters, before = result.findings.cluster_table, scene.analysis.clusters
    _assert_equal(clusters[clusters["id"] == 2], fresh.findings.cluster_table.query("id == 2"), before.columns)
    _assert_equal(clusters[clusters["id"] != 2], before[before["id"] != 2])
    assert clusters.set_index("id").at[2, "count"] == before.set_index("id").at[2, "count"] - 1
    records = {record["cluster_id"]: record for record in result.findings.words}
    assert records[2] == {record["cluster_id"]: record for record in fresh.findings.words}[2]
    assert records[1] == scene.analysis.words[0]
    assert victim not in set(result.findings.calcification_table["id"])


def test_an_added_speck_is_the_readers_and_has_the_values_of_a_fresh_description(scene):
    labels = scene.analysis.labels.copy()
    speck = max(scene.finder.specks_in(marked=labels, lowest_contrast=3.0), key=lambda candidate: candidate.probability)
    new = int(labels.max()) + 1
    labels[speck.rows, speck.columns] = new
    cluster_ids = scene.cluster_ids | {new: 1}
    result = refresh(scene.finder, labels, cluster_ids, scene.findings, scene.models)
    fresh = refresh(scene.finder, labels, cluster_ids, result.findings, scene.models, again=(1, 2))
    row = result.findings.calcification_table.set_index("id").loc[new]
    assert row["source"] == "reader"
    assert row["probability"] == pytest.approx(speck.probability)
    assert row["contrast_to_noise"] == pytest.approx(speck.contrast_to_noise)
    assert 1 in result.touched
    columns = scene.analysis.clusters.columns
    for cluster in result.touched:
        found, expected = (each.findings.cluster_table.query(f"id == {cluster}") for each in (result, fresh))
        _assert_equal(found, expected, columns)
    columns = scene.analysis.calcifications.columns.drop("source")
    _assert_equal(result.findings.calcification_table, fresh.findings.calcification_table, columns)


def test_a_changed_outline_is_measured_again_and_marked_as_edited(scene):
    labels, row = scene.analysis.labels.copy(), scene.analysis.calcifications.iloc[5]
    labels[int(row["row_min"]) - 1, round(row["column"])] = row["id"]
    result = refresh(scene.finder, labels, scene.cluster_ids, scene.findings)
    rows = result.findings.calcification_table.set_index("id")
    assert rows.at[row["id"], "source"] == "edited"
    assert rows.at[row["id"], "area_mm2"] > row["area_mm2"]
    assert rows.at[row["id"], "contrast_to_noise"] != row["contrast_to_noise"]
    assert (rows["source"] == "edited").sum() == 1


def test_a_reader_stays_the_source_when_the_outline_is_changed_again(scene):
    row = scene.analysis.calcifications.iloc[5]
    mine = scene.analysis.calcifications.assign(source="reader")
    labels = scene.analysis.labels.copy()
    labels[int(row["row_min"]) - 1, round(row["column"])] = row["id"]
    before = Findings.of_tables(mine, scene.analysis.clusters, scene.analysis.words)
    result = refresh(scene.finder, labels, scene.cluster_ids, before)
    assert set(result.findings.calcification_table["source"]) == {"reader"}


def test_moving_a_calcification_to_another_cluster_describes_both(scene):
    table = scene.analysis.calcifications
    mover = int(table.loc[table["cluster_id"] == 1, "id"].iloc[0])
    result = refresh(scene.finder, scene.analysis.labels, scene.cluster_ids | {mover: 2}, scene.findings, scene.models)
    assert result.touched == (1, 2)
    assert set(result.findings.calcification_table["source"]) == {"machine"}


def test_a_cluster_beside_a_change_is_described_again_because_its_surroundings_changed(scene):
    table = scene.analysis.calcifications
    member = table[table["cluster_id"] == 1].iloc[0]
    labels = scene.analysis.labels.copy()
    new = int(labels.max()) + 1
    labels[int(member["row_max"]) + 5, int(member["column_max"]) + 5] = new
    result = refresh(scene.finder, labels, scene.cluster_ids | {new: 0}, scene.findings, scene.models)
    assert 1 in result.touched
    assert result.findings.cluster_table.set_index("id").at[1, "count"] == (table["cluster_id"] == 1).sum()


def test_cluster_ids_may_have_gaps_and_new_ones_may_come(scene):
    gone = {key: value for key, value in scene.cluster_ids.items() if value != 1}
    labels = np.where(np.isin(scene.analysis.labels, list(gone)), scene.analysis.labels, np.int32(0))
    without_first = refresh(scene.finder, labels, gone, scene.findings, scene.models)
    assert 1 not in set(without_first.findings.cluster_table["id"])
    assert [record["cluster_id"] for record in without_first.findings.words] == (
        without_first.findings.cluster_table["id"].tolist()
    )
    back = refresh(scene.finder, labels, dict.fromkeys(gone, 9), without_first.findings, scene.models)
    assert back.touched == (9,)
    assert back.findings.cluster_table["name"].tolist() == ["Cluster 9"]


def test_everything_can_be_removed(scene):
    result = refresh(scene.finder, np.zeros_like(scene.analysis.labels), {}, scene.findings, scene.models)
    assert len(result.findings.calcification_table) == 0
    assert len(result.findings.cluster_table) == 0
    assert result.findings.words == ()
    assert set(scene.analysis.clusters.columns) <= set(result.findings.cluster_table.columns)


def test_only_the_specks_of_touched_clusters_are_measured_for_their_words(scene, removed_one, monkeypatch):
    _, labels, cluster_ids = removed_one
    measured = []
    original = describe.speck_measurements
    monkeypatch.setattr(
        describe, "speck_measurements", lambda *given: measured.extend(given[2]["id"]) or original(*given)
    )
    refresh(scene.finder, labels, cluster_ids, scene.findings, scene.models)
    assert sorted(measured) == sorted(key for key, cluster in cluster_ids.items() if cluster == 2)


def test_what_others_wrote_into_the_tables_stays_for_what_was_not_touched(scene, removed_one):
    _, labels, cluster_ids = removed_one
    before = Findings.of_tables(
        scene.analysis.calcifications.assign(note="seen"),
        scene.analysis.clusters.assign(reader_decision="accepted", heat=0.5),
        scene.analysis.words,
    )
    result = refresh(scene.finder, labels, cluster_ids, before, scene.models)
    clusters = result.findings.cluster_table.set_index("id")
    assert clusters.at[1, "heat"] == 0.5
    assert np.isnan(clusters.at[2, "heat"])
    assert (clusters.at[1, "reader_decision"], clusters.at[2, "reader_decision"]) == ("accepted", "")
    assert set(result.findings.calcification_table["note"]) == {"seen"}


def test_after_any_row_of_edits_the_tables_are_those_of_a_label_map_that_nobody_edited_before(scene):
    random = np.random.default_rng(5)
    labels, clusters, found = scene.analysis.labels.copy(), dict(scene.cluster_ids), scene.findings
    for new in range(int(labels.max()) + 1, int(labels.max()) + 13):
        what = random.choice(["add", "remove", "move", "erase"])
        chosen = int(random.choice(list(clusters)))
        if what == "add":
            speck = random.choice(scene.finder.specks_in(marked=labels))
            labels[speck.rows, speck.columns] = new
            clusters[new] = int(random.integers(0, 4))
        elif what == "remove":
            labels[labels == chosen] = 0
            del clusters[chosen]
        elif what == "move":
            clusters[chosen] = int(random.integers(0, 4))
        elif (labels == chosen).sum() > 1:
            labels[tuple(np.argwhere(labels == chosen)[0])] = 0
        found = refresh(scene.finder, labels, clusters, found).findings
    fresh = refresh(scene.finder, labels, clusters, None).findings
    measured = ["contrast_to_noise", "response", "edge_distance_mm", "probability"]
    columns = fresh.calcification_table.columns.drop(["source", *measured])
    _assert_equal(found.calcification_table, fresh.calcification_table, columns)
    anew = found.calcification_table["source"] != "machine"
    assert anew.any()
    _assert_equal(found.calcification_table[anew], fresh.calcification_table[anew], measured[:3])
    _assert_equal(found.cluster_table, fresh.cluster_table, fresh.cluster_table.columns.drop("mean_probability"))


def test_segments_alone_give_back_the_calcifications_of_the_table(scene):
    owner = np.zeros(int(scene.analysis.labels.max()) + 1, np.int32)
    for identifier, cluster in scene.cluster_ids.items():
        owner[identifier] = cluster + 1
    owners = owner[scene.analysis.labels]
    places = np.nonzero(owners)
    pixels = PaintedPixels.of([(*places, owners[places])], owners.shape[1])
    ids = divide(pixels, known_from_table(pixels, scene.analysis.calcifications))
    np.testing.assert_array_equal(ids, scene.analysis.labels[pixels.rows, pixels.columns])
    assert len(ids) == np.count_nonzero(scene.analysis.labels)
