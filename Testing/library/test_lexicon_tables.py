"""The lexicon's words, their codes and what cohorts say about them."""

from __future__ import annotations

import math

import pytest
from pydicom.sr import codes

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.lexicon.predictive_values import predictive_value_sentence, predictive_values
from MicrocalcAILib.lexicon.vocabulary import KINDS, categories, in_cbis, word, words
from MicrocalcAILib.phantom.calcifications import MORPHOLOGIES
from MicrocalcAILib.phantom.distributions import DISTRIBUTIONS


def test_every_simulated_word_is_a_word_of_the_lexicon():
    assert set(words("morphology")) == set(MORPHOLOGIES)
    assert set(words("distribution")) == set(DISTRIBUTIONS)


@pytest.mark.parametrize(("kind", "context"), [("morphology", "CID6010"), ("distribution", "CID6012")])
def test_every_code_belongs_to_the_context_group_of_dicom(kind, context):
    group = getattr(codes, context)
    known = {(code.value, code.scheme_designator) for code in (getattr(group, name) for name in group.dir())}
    for entry in words(kind).values():
        assert (entry.code.value, entry.code.scheme) in known
        assert entry.name.split()[-1] in entry.code.meaning.lower() or entry.name in {"rim", "linear"}


def test_no_two_words_share_a_code():
    used = [entry.code.value for kind in KINDS for entry in words(kind).values()]
    assert len(set(used)) == len(used)


def test_unknown_words_and_kinds_are_refused_with_the_choices():
    with pytest.raises(ParameterError, match="amorphous"):
        word("morphology", "sparkling")
    with pytest.raises(ParameterError, match="distribution"):
        words("shape")
    with pytest.raises(ParameterError):
        predictive_values("distribution", "amorphous")


def test_values_quoted_from_the_meta_analysis_carry_its_intervals():
    """Rominger 2012: amorphous 27 % (21 to 33), pleomorphic 50 % (43 to 58), linear 78 % (68 to 86)."""
    found = {
        name: next(v for v in predictive_values("morphology", name) if "Rominger" in v.cohort.source)
        for name in ("amorphous", "fine pleomorphic", "fine linear")
    }
    values = [(value.percent, value.low_percent, value.high_percent) for value in found.values()]
    assert values == [(27, 21, 33), (50, 43, 58), (78, 68, 86)]


def test_every_value_names_its_source_and_lies_in_its_interval():
    for kind in KINDS:
        for name in words(kind):
            for value in predictive_values(kind, name):
                assert value.cohort.source
                assert value.cohort.population
                assert 0 <= value.percent <= 100
                assert math.isnan(value.low_percent) or value.low_percent <= value.percent <= value.high_percent


def test_every_suspicious_word_has_at_least_two_cohorts():
    for kind in KINDS:
        for name, entry in words(kind).items():
            if entry.group == "suspicious":
                assert len({value.cohort.title for value in predictive_values(kind, name)}) >= 2, name


def test_the_sentence_says_how_far_cohorts_differ():
    percents = [value.percent for value in predictive_values("morphology", "fine pleomorphic")]
    sentence = predictive_value_sentence("morphology", "fine pleomorphic")
    assert f"{min(percents):g} to {max(percents):g} %" in sentence
    assert "3-fold" in sentence
    assert "No cohort" in predictive_value_sentence("morphology", "suture")


def test_words_that_cbis_does_not_tell_apart_stand_for_one_another():
    assert in_cbis("morphology", "fine linear") == "fine linear branching"
    assert in_cbis("morphology", "amorphous") == "amorphous"
    assert in_cbis("morphology", "suture") == "suture"


def test_categories_inform_and_do_not_order():
    assert [category.name for category in categories()] == ["2", "3", "4A", "4B", "4C", "5"]
    named = {entry.category for entry in words("morphology").values()}
    known = {category.name for category in categories()}
    assert all(part in known for text in named for part in text.split(" or "))
    orders = ("must", "should", "you ", "biopsy now")
    assert not any(order in category.usual.lower() for category in categories() for order in orders)
