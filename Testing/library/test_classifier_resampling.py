"""SMOTE and edited nearest neighbors against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MicrocalcAILib.training.resampling import smote_enn


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


def _is_given(made, values):
    return (made[:, None] == values[None]).all(axis=2).any(axis=1)


def test_clearly_separated_classes_become_equally_frequent_and_keep_every_case():
    values, outcome = _cases(1, shift=50.0)
    more, labels = smote_enn(values, outcome, 0)
    assert labels.sum() * 2 == len(labels) == 90
    np.testing.assert_array_equal(more[: len(values)], values)
    np.testing.assert_array_equal(labels[: len(values)], outcome)


@pytest.mark.parametrize("rarer", [True, False])
def test_every_made_case_lies_between_a_case_and_one_of_its_five_nearest_of_the_rarer_class(rarer):
    values, outcome = _cases(2, malignant=15 if rarer else 45)
    members = values[outcome == rarer]
    more, labels = smote_enn(values, outcome, 3)
    made = ~_is_given(more, values)
    assert made.sum() > 5
    assert (labels[made] == rarer).all()
    ends = [(members[i], members[j]) for i in range(len(members)) for j in _nearest(members, i, 5)]
    for case in more[made]:
        detours = [
            np.linalg.norm(case - a) + np.linalg.norm(case - b) - np.linalg.norm(a - b)  # 0 on the line between them
            for a, b in ends
        ]
        assert min(detours) < 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_of_equally_frequent_classes_exactly_the_cases_whose_three_nearest_agree_are_kept(seed):
    values, outcome = _cases(seed, malignant=30, shift=2.0)
    expected = np.array([(outcome[_nearest(values, i, 3)] == outcome[i]).all() for i in range(len(values))])
    for label in (False, True):
        if expected[outcome == label].sum() < 6:
            expected[outcome == label] = True
    kept, labels = smote_enn(values, outcome, 0)
    np.testing.assert_array_equal(kept, values[expected])
    np.testing.assert_array_equal(labels, outcome[expected])


@pytest.mark.parametrize("malignant", [0, 1, 2, 3, 58, 59, 60])
def test_no_class_is_emptied_and_a_class_of_one_case_is_left_alone(malignant):
    values, outcome = _cases(4, malignant=malignant, shift=0.0)
    more, labels = smote_enn(values, outcome, 0)
    given = _is_given(more, values)
    for label in (False, True):
        present = (outcome == label).sum()
        assert (labels == label).sum() >= min(6, present)
        if present == 1:
            assert (labels[given] == label).sum() == (labels == label).sum() == 1


def test_the_same_seed_gives_the_same_cases():
    values, outcome = _cases(5)
    first, second, other = smote_enn(values, outcome, 1), smote_enn(values, outcome, 1), smote_enn(values, outcome, 2)
    np.testing.assert_array_equal(first[0], second[0])
    assert first[0].shape != other[0].shape or not np.array_equal(first[0], other[0])
