"""Sums over neighbors against the plain table of all distances."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from MicrocalcAILib.segmentation.neighborhoods import sums_around


@pytest.mark.parametrize("spacing_mm", [0.05, 0.07, 0.1])
@pytest.mark.parametrize("beyond_mm", [-1.0, 0.35])
def test_sums_equal_those_over_all_pairs(spacing_mm, beyond_mm):
    rng = np.random.default_rng(2)
    places = rng.integers(0, 400, (150, 2)) * spacing_mm
    sources = rng.integers(100, 600, (200, 2)) * spacing_mm  # also beyond the places, and far from some
    weights, levels = rng.random(200), rng.integers(0, 5, 200).astype(float)
    thresholds = rng.integers(0, 5, (150, 2)).astype(float)
    found = sums_around(places, sources, weights, (3.0, 10.0), beyond_mm, levels, thresholds)
    distances = np.sqrt(((sources[None] - places[:, None]) ** 2).sum(axis=2))
    for r, radius in enumerate((3.0, 10.0)):
        near = (distances > beyond_mm) & (distances <= radius)
        for t in range(2):
            expected = (near & (levels >= thresholds[:, t : t + 1])) @ weights
            np.testing.assert_allclose(found[:, r, t], expected, rtol=1e-12, atol=1e-12)


def test_places_without_sources_have_sums_of_zero():
    places = np.array([[0.0, 0.0], [500.0, 500.0]])
    assert not sums_around(places, np.empty((0, 2)), np.empty(0), (3.0,)).any()
    assert sums_around(places, np.zeros((1, 2)), np.ones(1), (3.0,))[:, 0, 0].tolist() == [1, 0]
    assert sums_around(np.empty((0, 2)), places, np.ones(2), (3.0,)).shape == (0, 1, 1)


def test_memory_follows_the_places_and_not_their_pairs():
    places = np.random.default_rng(0).random((20_000, 2)) * 60
    sums_around(places[:10], places[:10], np.ones(10), (10.0,))
    tracemalloc.start()
    around = sums_around(places, places, np.ones(len(places)), (10.0,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert around.sum() > 20e6  # so many pairs
    assert peak < 4e6
