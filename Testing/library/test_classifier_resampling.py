"""SMOTE and edited nearest neighbors against their definitions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from MicrocalcAILib.training.resampling import SMOTE_NEIGHBORS, edited, smote, smote_enn


def _cases(seed, cases=60, malignant=15, shift=1.0):
    rng = np.random.default_rng(seed)
    outcome = np.arange(cases) < malignant
    values = rng.normal(size=(cases, 4)) + shift * outcome[:, None]
    order = rng.permutation(cases)
    return values[order], outcome[order]


def _nearest(values, row, count):
    distances = np.linalg.norm(values - values[row], axis=1)
    distances[row] = np.inf
    return np.argsort(distances)[:count]


def test_smote_makes_both_classes_equally_frequent_and_keeps_the_given_cases():
    values, outcome = _cases(1)
    more, labels = smote(values, outcome, 0)
    assert labels.sum() * 2 == len(labels) == 90
    np.testing.assert_array_equal(more[: len(values)], values)
    np.testing.assert_array_equal(labels[: len(values)], outcome)


def test_every_made_case_lies_between_a_case_and_one_of_its_nearest_neighbors_of_the_same_class():
    values, outcome = _cases(2)
    members = values[outcome]
    for made in smote(values, outcome, 3)[0][len(values) :]:
        on_a_line = False
        for i in range(len(members)):
            for j in _nearest(members, i, SMOTE_NEIGHBORS):
                whole = np.linalg.norm(members[i] - members[j])
                on_a_line |= bool(
                    np.isclose(np.linalg.norm(made - members[i]) + np.linalg.norm(made - members[j]), whole, atol=1e-9)
                )
        assert on_a_line


def test_smote_adds_to_the_benign_class_when_that_is_the_rarer_one():
    values, outcome = _cases(3, cases=40, malignant=30)
    labels = smote(values, outcome, 0)[1]
    assert (~labels[40:]).all()
    assert len(labels) == 60


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_editing_keeps_exactly_the_cases_whose_three_nearest_neighbors_agree(seed):
    values, outcome = _cases(seed, shift=2.0)
    expected = np.array([(outcome[_nearest(values, i, 3)] == outcome[i]).all() for i in range(len(values))])
    for label in (False, True):
        if expected[outcome == label].sum() < 6:
            expected[outcome == label] = True
    np.testing.assert_array_equal(edited(values, outcome), expected)


def test_editing_never_empties_a_class():
    values, outcome = _cases(4, malignant=3, shift=0.0)
    assert edited(values, outcome)[outcome].all()


def test_resampling_gives_the_same_cases_for_the_same_seed():
    values, outcome = _cases(5)
    first, second, other = smote_enn(values, outcome, 1), smote_enn(values, outcome, 1), smote_enn(values, outcome, 2)
    np.testing.assert_array_equal(first[0], second[0])
    assert first[0].shape != other[0].shape or not np.array_equal(first[0], other[0])


def test_one_single_case_of_a_class_is_left_alone():
    values, outcome = _cases(6, malignant=1)
    more, _ = smote(values, outcome, 0)
    assert len(more) == len(values)
