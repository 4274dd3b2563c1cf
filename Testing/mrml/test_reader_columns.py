"""What a reader says about clusters, in the cluster table."""

import dataclasses

import numpy as np
import pytest

from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAISlicer import results
from MicrocalcAISlicer.readercolumns import (
    ACCEPTED,
    NUMBER_COLUMNS,
    TEXT_COLUMNS,
    ReaderEdits,
    currentRisk,
    currentWord,
    wordsWithChoices,
)


@pytest.fixture
def shown(slicer, volume, described):
    return results.showResults(described, volume)


def choose(edits, shown, cluster, kind, name):
    words = results.wordsOf(shown.segmentationNode)
    edits.chooseWord(shown.clustersTableNode, cluster, kind, name, words, reader="MM")


def rows(shown):
    return results.clusterRows(shown.clustersTableNode)


def test_machine_columns_are_never_changed(shown, described):
    before = rows(shown)
    edits = ReaderEdits()
    choose(edits, shown, 1, "morphology", "round")
    edits.decide(shown.clustersTableNode, 2, ACCEPTED)
    for earlier, now in zip(before, rows(shown), strict=True):
        assert {name: now[name] for name in earlier} == earlier


def test_both_words_of_the_reader_give_the_risk_that_the_words_alone_have(shown):
    from MicrocalcAILib.lexicon.descriptor_model import DescriptorModel, Descriptors

    edits = ReaderEdits()
    choose(edits, shown, 1, "morphology", "fine pleomorphic")
    choose(edits, shown, 1, "distribution", "linear")
    model = DescriptorModel.load()
    expected = model.expected([(Descriptors(("fine pleomorphic",), ("linear",)), 1.0)], None).estimate
    assert currentRisk(rows(shown)[0]) == pytest.approx((expected.value, expected.low, expected.high))


def test_exam_does_not_fall_back_on_the_machines_risk_where_the_readers_word_is_benign(shown, described):
    from MicrocalcAISlicer.examwork import asReaderSays

    choose(ReaderEdits(), shown, 1, "morphology", "skin")
    columns = {name: [row[name] for row in rows(shown)] for name in (*TEXT_COLUMNS, *NUMBER_COLUMNS)}
    said = asReaderSays(dataclasses.replace(described, clusters=described.clusters.assign(**columns)))
    assert np.isnan(said.clusters["descriptor_risk"].iloc[0])
    assert said.clusters["descriptor_risk"].iloc[1] == 0.13
    assert currentRisk(rows(shown)[0]) is None


def test_word_that_the_lexicon_does_not_hold_is_refused_and_nothing_changes(shown):
    before = rows(shown)
    edits = ReaderEdits()
    with pytest.raises(ParameterError, match="no morphology of the lexicon"):
        choose(edits, shown, 1, "morphology", "sparkling")
    assert rows(shown) == before
    assert edits.last == ""


def test_cluster_that_is_gone_is_refused(shown):
    with pytest.raises(ResultError, match="cluster 9"):
        ReaderEdits().decide(shown.clustersTableNode, 9, ACCEPTED)


def test_undo_after_the_table_was_removed_does_nothing(slicer, shown):
    edits = ReaderEdits()
    edits.decide(shown.clustersTableNode, 1, ACCEPTED)
    slicer.mrmlScene.RemoveNode(shown.clustersTableNode)
    edits.undo()
    assert edits.last == ""


def test_undo_steps_of_another_table_stay_when_one_is_forgotten(slicer, make_volume, described):
    first, second = (results.showResults(described, make_volume(name)) for name in ("R CC", "L CC"))
    edits = ReaderEdits()
    edits.decide(first.clustersTableNode, 1, ACCEPTED)
    edits.decide(second.clustersTableNode, 2, ACCEPTED)
    edits.forget(second.clustersTableNode)
    assert edits.last == "Cluster 1, accepted"


def test_replaced_rows_keep_the_readers_words_by_their_id(shown, described):
    choose(ReaderEdits(), shown, 2, "morphology", "round")
    moved = described.clusters[1:].assign(row=0.0, row_min=0, row_max=1)
    results.replaceRows(shown, dict(described.calcifications.items()), dict(moved.items()))
    assert [currentWord(row, "morphology") for row in rows(shown)] == ["round"]


def test_new_analysis_drops_what_was_said_about_clusters_that_are_gone(volume, shown, described):
    choose(ReaderEdits(), shown, 1, "morphology", "round")
    elsewhere = described.clusters.assign(row_min=[20, 40], row_max=[25, 48], row=[22.0, 44.0])
    results.showResults(dataclasses.replace(described, clusters=elsewhere), volume)
    assert {row[name] for row in rows(shown) for name in TEXT_COLUMNS if name in row} <= {"-"}
    assert all(np.isnan(row[name]) for row in rows(shown) for name in NUMBER_COLUMNS if name in row)


def test_records_of_the_words_carry_the_readers_choice(shown):
    choose(ReaderEdits(), shown, 1, "morphology", "round")
    first, second = wordsWithChoices(rows(shown), results.wordsOf(shown.segmentationNode))
    assert (first["morphology"]["word"], first["morphology"]["override"]["reader"]) == ("round", "MM")
    assert first["morphology"]["suggested"] == {"amorphous": 0.7, "punctate": 0.3}
    assert first["distribution"]["override"] is None
    assert second == results.wordsOf(shown.segmentationNode)[1]
