"""Clusters in words: what is suggested, why, and what a reader may change."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from MicrocalcAILib.base.errors import ModelError, ParameterError
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.features import estimate_nipple
from MicrocalcAILib.lexicon.arrangement import CLUSTER_MEASUREMENTS, BreastContext
from MicrocalcAILib.lexicon.columns import WORD_COLUMNS, descriptor_risk, risk_beside_word, word_columns, word_record
from MicrocalcAILib.lexicon.describe import ClusterWords, WordProbability, describe_cluster, describe_clusters
from MicrocalcAILib.lexicon.descriptor_model import DescriptorModel, Descriptors
from MicrocalcAILib.lexicon.evidence import _CLUSTER_WORDS, _SPECK_WORDS, _parts
from MicrocalcAILib.lexicon.word_model import WordModel
from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from MicrocalcAILib.training.backgrounds import read_backgrounds
from MicrocalcAILib.training.word_examples import Simulation, word_examples
from MicrocalcAILib.training.words import WordTraining, accuracy_text, fit_word_model
from real_data import write_background_table

SMALL = BreastParameters(spacing_mm=0.07, frame_mm=(150.0, 110.0))


@pytest.fixture(scope="module")
def background():
    return power_law_background([77, 0], SMALL)


def described(background, seed, **parameters):
    """The words for the simulated clusters by their true outlines, and the truth."""
    phantom = simulate(background, [77, seed], PhantomParameters(contrast_to_noise=(12, 25), **parameters))
    breast = background.breast
    context = BreastContext(float(breast.sum()) * 0.07**2 / 100, estimate_nipple(breast, "left", (0.07, 0.07)))
    table = phantom.calcifications
    rows, columns = np.nonzero(phantom.labels)
    boxes = table["id"].map(lambda identifier: _box(rows, columns, phantom.labels[rows, columns] == identifier))
    table[["row_min", "row_max", "column_min", "column_max"]] = boxes.tolist()
    return phantom, context, table


def _box(rows, columns, chosen):
    return rows[chosen].min(), rows[chosen].max(), columns[chosen].min(), columns[chosen].max()


@pytest.fixture(scope="module")
def example(background):
    phantom, context, table = described(background, 1, clusters=(3, 3), singles=(3, 3), distractors=(0, 0))
    found = describe_clusters(phantom.mammogram.pixels, phantom.labels, table, (0.07, 0.07), context)
    return phantom, context, table, found


def test_every_cluster_gets_words_with_probabilities_that_sum_to_one(example):
    phantom, _, _, found = example
    assert [cluster.cluster_id for cluster in found] == phantom.clusters["id"].tolist()
    for cluster in found:
        for entries in (cluster.morphology, cluster.distribution):
            probabilities = [entry.probability for entry in entries]
            assert sum(probabilities) == pytest.approx(1)
            assert probabilities == sorted(probabilities, reverse=True)


def test_the_evidence_names_measurements_of_the_cluster(example):
    _, _, table, found = example
    for cluster in found:
        lengths = table[table["cluster_id"] == cluster.cluster_id]
        assert cluster.evidence[0].startswith(f"{len(lengths)} calcifications, ")
        assert any(sentence.startswith("For ") for sentence in cluster.evidence)


def test_every_measurement_can_be_said_in_words():
    for name in CLUSTER_MEASUREMENTS:
        base, statistic = _parts(name)
        assert base in (_SPECK_WORDS if statistic else _CLUSTER_WORDS), name


@pytest.mark.slow
def test_an_uncertain_word_is_called_uncertain(example):
    phantom, context, table, _ = example
    singles = [
        describe_cluster(phantom.mammogram.pixels, phantom.labels, table.iloc[[row]], (0.07, 0.07), context)
        for row in range(0, len(table), 7)
    ]
    certain = [cluster.suggested("morphology").probability >= 0.5 for cluster in singles]
    assert 0 < sum(certain) < len(certain)
    for cluster, sure in zip(singles, certain, strict=True):
        assert any("Uncertain morphology" in sentence for sentence in cluster.evidence) != sure


@pytest.mark.parametrize(
    ("seed", "morphology", "distribution", "group"),
    [
        (3, "vascular", "linear", {"vascular", "fine linear", "fine linear branching", "large rod-like"}),
        (12, "fine linear branching", "segmental", {"fine linear", "fine linear branching"}),
        (5, "large rod-like", "linear", {"large rod-like"}),
        (6, "round", "grouped", {"round", "punctate", "milk of calcium", "coarse heterogeneous", "skin"}),
    ],
)
def test_typical_patterns_get_a_word_of_their_kind(background, seed, morphology, distribution, group):
    phantom, context, table = described(
        background, seed, clusters=(1, 1), singles=(0, 0), morphologies=(morphology,), distributions=(distribution,)
    )
    found = describe_clusters(phantom.mammogram.pixels, phantom.labels, table, (0.07, 0.07), context)
    assert found[0].suggested("morphology").word in group


def test_one_to_four_calcifications_have_a_morphology_and_no_distribution(example):
    phantom, context, table, _ = example
    for count in (1, 2, 3, 4):
        cluster = describe_cluster(
            phantom.mammogram.pixels, phantom.labels, table.head(count), (0.07, 0.07), context, table.iloc[count:]
        )
        assert cluster.count == count
        assert cluster.morphology
        assert cluster.distribution == ()
        assert cluster.final("distribution") is None


def test_nothing_found_gives_no_words_and_an_empty_table(example):
    phantom, context, table, _ = example
    none = describe_clusters(phantom.mammogram.pixels, phantom.labels, table.iloc[:0], (0.07, 0.07), context)
    assert none == []
    assert list(word_columns(none, DescriptorModel.load()).columns) == list(WORD_COLUMNS)


def test_words_do_not_change_with_gain_and_offset(example):
    phantom, context, table, found = example
    pixels = (4 * phantom.mammogram.pixels + 100).astype(np.float32)
    again = describe_clusters(pixels, phantom.labels, table, (0.07, 0.07), context)
    for first, second in zip(found, again, strict=True):
        assert first.suggested("morphology").word == second.suggested("morphology").word
        assert first.suggested("morphology").probability == pytest.approx(
            second.suggested("morphology").probability, abs=0.02
        )


def test_an_override_keeps_what_was_suggested(example):
    original = example[3][0]
    changed = original.overridden("morphology", "vascular", reader="R1", time="2026-01-01T12:00:00Z", reason="tracks")
    assert changed.final("morphology").name == "vascular"
    assert changed.overrides["morphology"].suggested == original.suggested("morphology")
    assert changed.morphology == original.morphology
    assert original.overrides == {}
    with pytest.raises(ParameterError):
        original.overridden("morphology", "sparkling", "R1", "2026-01-01T12:00:00Z")


def test_the_risk_follows_the_readers_word(example):
    model = DescriptorModel.load()
    original = example[3][0]
    changed = original.overridden("morphology", "vascular", "R1", "2026-01-01T12:00:00Z")
    table = word_columns([changed], model, density=2)
    assert table.loc[original.cluster_id, "morphology"] == "vascular"
    assert np.isnan(table.loc[original.cluster_id, "morphology_probability"])
    assert np.isnan(table.loc[original.cluster_id, "descriptor_risk"])
    assert table.loc[original.cluster_id, "lexicon_category"] == "2"
    suspicious = original.overridden("morphology", "fine linear branching", "R1", "2026-01-01T12:00:00Z")
    assert word_columns([suspicious], model, density=2).loc[original.cluster_id, "descriptor_risk"] > 0.3


def test_an_uncertain_suggestion_is_not_a_certain_risk():
    model = DescriptorModel.load()
    suspicious, benign = (
        ClusterWords(1, 8, (WordProbability(name, 1.0),), (WordProbability("grouped", 1.0),), (), {})
        for name in ("fine linear branching", "round")
    )
    halves = (WordProbability("fine linear branching", 0.5), WordProbability("round", 0.5))
    uncertain = replace(suspicious, morphology=halves)
    high, low, mean = (descriptor_risk(cluster, model, 2).estimate.value for cluster in (suspicious, benign, uncertain))
    assert mean == pytest.approx((high + low) / 2)


def test_a_risk_beyond_all_cohorts_of_its_word_says_why():
    words = (WordProbability("round", 0.6), WordProbability("fine pleomorphic", 0.4))
    cluster = ClusterWords(1, 8, words, (WordProbability("grouped", 1.0),), (), {})
    sentence = risk_beside_word(cluster, 0.6)
    assert "60%" in sentence
    assert "above" in sentence
    assert "“fine pleomorphic” 40%" in sentence
    assert risk_beside_word(cluster, 0.09) == ""  # what Rominger found for round ones
    assert risk_beside_word(cluster, float("nan")) == ""
    chosen = cluster.overridden("morphology", "fine linear branching", "R1", "2024-01-01")
    assert "the reader's word alone" in risk_beside_word(chosen, 0.02)


def test_words_without_a_cohort_leave_the_risk_to_the_others_or_to_nobody():
    model = DescriptorModel.load()
    mostly = (WordProbability("amorphous", 0.8), WordProbability("coarse heterogeneous", 0.2))
    barely = (WordProbability("coarse heterogeneous", 0.8), WordProbability("amorphous", 0.2))
    risks = [descriptor_risk(ClusterWords(1, 3, words, (), (), {}), model) for words in (mostly, barely)]
    alone = model.probability(Descriptors(("amorphous",)))
    assert risks[0].estimate.value == pytest.approx(alone.estimate.value)
    assert any("20%" in note for note in risks[0].notes)
    assert np.isnan(risks[1].estimate.value)
    assert "coarse heterogeneous" in risks[1].notes[0]


def test_columns_and_record_are_complete_and_json_ready(example):
    model = DescriptorModel.load()
    found = example[3]
    table = word_columns(found, model)
    assert table.index.tolist() == [cluster.cluster_id for cluster in found]
    assert (table["descriptor_risk_low"].isna() | (table["descriptor_risk_low"] <= table["descriptor_risk"])).all()
    record = json.loads(json.dumps(word_record(found[0])))
    assert record["morphology"]["code"]["scheme"] in {"SCT", "DCM"}
    assert record["morphology"]["suggested"]


def test_an_altered_word_model_is_refused(tmp_path):
    folder = tmp_path / "WordModel"
    shutil.copytree(resource_path("Lexicon/WordModel"), folder)
    text = (folder / "morphology.txt").read_text()
    (folder / "morphology.txt").write_text(text.replace("leaf_value=", "leaf_value=0.5 ", 1))
    with pytest.raises(ModelError, match="altered"):
        WordModel.load(folder)


@pytest.mark.slow
def test_the_word_model_can_be_trained_and_loaded(tmp_path):
    table = write_background_table(tmp_path / "backgrounds.csv")
    training = WordTraining(trees=5)
    parts = [
        word_examples(read_backgrounds(table, split)[-1:], Simulation(3, 2, 3, seed))
        for split, seed in (("train", 5), ("held-out", 6))
    ]
    card = fit_word_model(*parts, tmp_path / "model", training)
    model = WordModel.load(tmp_path / "model")
    assert model.card["words"] == card["words"]
    assert "true word" in accuracy_text(card)
    again = fit_word_model(*parts, tmp_path / "again", training)
    assert again["sha256"] == card["sha256"]


def test_the_card_says_that_it_was_tuned_on_simulation():
    card = WordModel.load().card
    assert "simulat" in card["training_data"]
    assert "not known" in card["limits"][0]
    for kind in ("morphology", "distribution"):
        assert card["held_out"][kind]["confusion"]["counts"]
