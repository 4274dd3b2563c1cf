"""Hysteresis of the selection: faint specks count in a sure group, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.parameters import SelectionParameters
from MicrocalcAILib.segmentation.groups import sure_alone_or_in_group

PARAMETERS = SelectionParameters(group_threshold=0.2, group_reach_mm=5.0, group_evidence=3.0)
CROWDS = SelectionParameters(group_evidence=100)


def ring(count: int, radius_mm: float, center_mm: tuple[float, float] = (50.0, 50.0)) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack((np.sin(angles), np.cos(angles))) * radius_mm + center_mm


def test_faint_specks_count_together_and_scattered_ones_do_not():
    together, scattered = ring(20, 2.0), ring(20, 40.0)
    faint = np.full(20, 0.6)
    assert sure_alone_or_in_group(faint, together, 0.8, PARAMETERS).all()
    assert not sure_alone_or_in_group(faint, scattered, 0.8, PARAMETERS).any()


def test_a_net_of_faint_specks_is_no_group():
    assert not sure_alone_or_in_group(np.full(50, 0.3), ring(50, 3.0), 0.8, PARAMETERS).any()


def test_a_sure_group_gathers_its_faint_members_and_not_those_farther_away():
    positions = np.concatenate((ring(8, 1.0), ring(1, 4.0), ring(1, 20.0)))
    probabilities = np.array([0.9] * 8 + [0.25, 0.25])
    assert sure_alone_or_in_group(probabilities, positions, 0.8, PARAMETERS).tolist() == [True] * 9 + [False]


def test_what_is_most_probably_nothing_stays_out_of_every_group():
    positions = np.concatenate((ring(8, 1.0), ring(5, 2.0)))
    probabilities = np.array([0.9] * 8 + [0.1] * 5)
    assert sure_alone_or_in_group(probabilities, positions, 0.8, PARAMETERS).tolist() == [True] * 8 + [False] * 5


def test_a_few_sure_specks_lower_nothing():
    probabilities = np.array([0.95, 0.9, 0.4, 0.4])
    assert sure_alone_or_in_group(probabilities, ring(4, 1.0), 0.8, PARAMETERS).tolist() == [True, True, False, False]


def test_a_few_likely_specks_within_a_millimeter_gather_their_faint_members_and_a_wider_ring_does_not():
    probabilities = np.array([0.82, 0.73, 0.39, 0.16, 0.02, 0.16])
    beside = np.array([[50.0, 50.5], [50.5, 50.0], [50.0, 53.0]])
    crowd = np.concatenate((ring(3, 0.4), beside))
    assert sure_alone_or_in_group(probabilities, crowd, 0.9, CROWDS).tolist() == [True] * 4 + [False] * 2
    assert not sure_alone_or_in_group(probabilities, np.concatenate((ring(3, 1.0), beside)), 0.9, CROWDS).any()


def test_one_bright_thing_with_faint_ones_around_it_and_a_pair_are_no_crowd():
    assert not sure_alone_or_in_group(np.array([0.97, 0.5, 0.5]), ring(3, 0.4), 0.98, CROWDS).any()
    assert not sure_alone_or_in_group(np.array([0.97, 0.96]), ring(2, 0.4), 0.98, CROWDS).any()


def test_a_lower_threshold_for_all_is_never_raised_in_a_group():
    probabilities = np.full(3, 0.1)
    assert sure_alone_or_in_group(probabilities, ring(3, 1.0), 0.05, PARAMETERS).all()


def test_nothing_is_selected_from_nothing():
    assert sure_alone_or_in_group(np.empty(0), np.empty((0, 2)), 0.5, PARAMETERS).shape == (0,)


def test_evidence_below_that_of_one_calcification_is_refused():
    with pytest.raises(ParameterError, match="group_evidence"):
        SelectionParameters(group_evidence=0.1)
