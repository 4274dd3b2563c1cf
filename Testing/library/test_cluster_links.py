"""The links that hold a cluster together."""

import numpy as np
import pytest

from MicrocalcAILib.segmentation.clusters import spanning_links


def test_spanning_links_join_all_with_the_shortest_lines():
    line = np.array([[0.0, 0.0], [3.0, 0.0], [1.0, 0.0], [7.0, 0.0]])
    assert {tuple(sorted(pair)) for pair in spanning_links(line).tolist()} == {(0, 2), (1, 2), (1, 3)}
    assert spanning_links(line).tolist()[-1] in ([1, 3], [3, 1])  # the longest comes last


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_spanning_links_are_as_many_as_needed_and_reach_everything(count):
    positions = np.random.default_rng(count).normal(size=(count, 2))
    links = spanning_links(positions)
    assert links.shape == (max(count - 1, 0), 2)
    reached = {0}
    for _ in range(count):
        reached |= {end for link in links.tolist() if reached & set(link) for end in link}
    assert len(reached) == max(count, 1)


def test_calcifications_at_one_place_are_linked_too():
    assert spanning_links(np.zeros((3, 2))).shape == (2, 2)
