"""Typically benign words and a computed risk do not contradict each other."""

import math

import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.lexicon.benign import SURE, benign_share, benign_statement, category_by_words, is_benign
from MicrocalcAILib.lexicon.columns import descriptor_risk, word_columns, word_record
from MicrocalcAILib.lexicon.describe import ClusterWords, WordProbability
from MicrocalcAILib.lexicon.descriptor_model import DescriptorModel
from MicrocalcAILib.lexicon.predictive_values import predictive_values
from MicrocalcAILib.lexicon.vocabulary import words


@pytest.fixture(scope="module")
def model():
    return DescriptorModel.load()


def cluster(morphologies, distribution="grouped"):
    suggested = tuple(WordProbability(name, share) for name, share in morphologies.items())
    return ClusterWords(1, 9, suggested, (WordProbability(distribution, 1.0),), (), {})


@pytest.mark.parametrize(
    ("morphology", "distribution", "benign"),
    [
        ("vascular", "linear", True),
        ("large rod-like", "segmental", True),
        ("skin", "", True),
        ("round", "diffuse", True),
        ("punctate", "diffuse", True),
        ("round", "grouped", False),
        ("punctate", "segmental", False),
        ("amorphous", "diffuse", False),
        ("fine linear", "linear", False),
        ("", "diffuse", False),
    ],
)
def test_the_lexicon_says_which_descriptions_are_typically_benign(morphology, distribution, benign):
    assert is_benign(morphology, distribution) == benign


def test_a_word_that_the_lexicon_does_not_hold_is_refused():
    with pytest.raises(ParameterError, match="sparkling"):
        is_benign("sparkling")


@pytest.mark.parametrize("name", [name for name, entry in words("morphology").items() if entry.category == "2"])
def test_no_computed_risk_stands_beside_a_sure_word_whose_predictive_values_are_zero(model, name):
    described = cluster({name: 0.9, "fine linear": 0.1})
    assert all(value.percent == 0 for value in predictive_values("morphology", name))
    row = word_columns([described], model).loc[1]
    assert row["lexicon_category"] == "2"
    assert all(math.isnan(row[column]) for column in ("descriptor_risk", "descriptor_risk_low", "descriptor_risk_high"))
    assert "no risk is computed" in row["evidence"]
    record = word_record(described, model)
    assert (record["lexicon_category"], "no risk is computed" in record["risk_note"]) == ("2", True)
    assert record["evidence"] == []


def test_several_typically_benign_words_are_sure_together(model):
    described = cluster({"skin": 0.5, "rim": 0.4, "round": 0.1})
    assert benign_share(described.weights("morphology"), described.weights("distribution")) == pytest.approx(0.9)
    assert math.isnan(descriptor_risk(described, model).estimate.value)


def test_an_unsure_benign_word_keeps_the_number_of_all_words_and_a_doubted_category(model):
    described = cluster({"vascular": SURE - 0.2, "fine linear": 1.2 - SURE}, "linear")
    row = word_columns([described], model).loc[1]
    assert row["lexicon_category"] == "2?"
    assert row["descriptor_risk"] > 0.1
    assert "“fine linear”" in row["evidence"]


def test_a_suspicious_first_word_is_never_called_benign():
    benign = [name for name in words("morphology") if is_benign(name, "diffuse")]
    shares = {"amorphous": 0.095, **dict.fromkeys(benign, 0.905 / len(benign))}
    assert benign_share(shares, {"diffuse": 1.0}) >= SURE
    assert category_by_words(shares, {"diffuse": 1.0}) == "4B"
    assert benign_statement(shares, {"diffuse": 1.0}) == ""


def test_round_calcifications_are_benign_as_far_as_they_are_diffuse(model):
    described = cluster({"round": 1.0}, "diffuse")
    assert word_columns([described], model).loc[1, "lexicon_category"] == "2"
    grouped = word_columns([cluster({"round": 1.0})], model).loc[1]
    assert grouped["lexicon_category"] == "2 or 3"
    assert 0 < grouped["descriptor_risk"] < 0.2


def test_nothing_is_said_without_words():
    assert (category_by_words({}, {}), benign_statement({}, {}), benign_share({}, {})) == ("", "", 0)
