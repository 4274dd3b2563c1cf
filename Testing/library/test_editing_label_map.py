"""Ids of calcifications through edits, and the clusters that readers' calcifications join."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from MicrocalcAILib.editing.label_map import PaintedPixels, divide, known_from_table
from MicrocalcAILib.editing.placement import place, regroup
from references.label_map import divide_image

EIGHT = np.ones((3, 3), int)


def _map(*lines):
    return np.array([[int(character) for character in line] for line in lines], np.int32)


def _painted(owners):
    places = np.nonzero(owners)
    return PaintedPixels.of([(*places, owners[places])], owners.shape[1])


def _image(pixels, values, shape):
    image = np.zeros(shape, np.int64)
    image[pixels.rows, pixels.columns] = values
    return image


def _divided(owners, known, first_new_id=1):
    """The label map of a map of segments, where the ids of a map of what is known are kept."""
    pixels = _painted(owners)
    return _image(pixels, divide(pixels, known[pixels.rows, pixels.columns], first_new_id), owners.shape)


def _known(owners, table):
    pixels = _painted(owners)
    return _image(pixels, known_from_table(pixels, table), owners.shape)


def test_a_pixel_painted_twice_belongs_to_the_first_segment():
    layers = [([4, 4, 4], [4, 5, 6], [3, 3, 3]), ([], [], []), ([3, 3, 4, 4], [4, 5, 4, 5], [1, 1, 1, 1])]
    pixels = PaintedPixels.of([tuple(np.array(part, np.int64) for part in layer) for layer in layers], width=8)
    assert pixels.rows.tolist() == [3, 3, 4, 4, 4]
    assert pixels.columns.tolist() == [4, 5, 4, 5, 6]
    assert pixels.owners.tolist() == [1, 1, 1, 1, 3]


@settings(max_examples=80, deadline=None)
@given(arrays(np.int32, (7, 9), elements=st.integers(0, 2)), arrays(np.int32, (7, 9), elements=st.integers(0, 3)))
def test_labels_cover_the_segments_and_no_id_spans_two_parts_or_two_segments(owners, known):
    labels = _divided(owners, known, first_new_id=10)
    np.testing.assert_array_equal(labels > 0, owners > 0)
    parts = np.zeros_like(owners)
    for segment in (1, 2):
        own, count = ndimage.label(owners == segment, EIGHT)
        parts[own > 0] = own[own > 0] + 100 * segment
        assert count <= len(np.unique(labels[owners == segment]))
    for identifier in np.unique(labels[labels > 0]):
        assert len(np.unique(parts[labels == identifier])) == 1
        assert identifier in np.unique(known) or identifier >= 10


@settings(max_examples=80, deadline=None)
@given(arrays(np.int32, (7, 9), elements=st.integers(0, 2)), arrays(np.int32, (7, 9), elements=st.integers(0, 3)))
def test_few_pixels_are_divided_as_the_whole_image_would_be(owners, known):
    masks = [(0, 0, owners == number) for number in (1, 2)]
    expected = divide_image(masks, known, first_new_id=10)
    found = _divided(owners, known, first_new_id=10)
    kept = expected == known
    np.testing.assert_array_equal(found[kept], expected[kept])
    parts = _divided(owners, np.zeros_like(known))
    for number in range(1, int(parts.max()) + 1):  # pixels as near to one calcification as to another may differ
        assert set(found[parts == number]) == set(expected[parts == number])


def test_parts_keep_the_id_they_had_and_new_ones_get_new_ids():
    known = _map("5500000", "5500000", "0000000", "0000000")
    owners = _map("1110000", "1100000", "0000011", "0000000")
    assert _divided(owners, known, 6).tolist() == _map("5550000", "5500000", "0000066", "0000000").tolist()


def test_touching_calcifications_stay_apart_and_pixels_added_to_them_go_to_the_nearer_one():
    known = _map("550077", "550077", "000000")
    owners = _map("111111", "111111", "000000")
    assert _divided(owners, known, 8).tolist() == _map("555777", "555777", "000000").tolist()


def test_the_larger_piece_of_a_cut_calcification_keeps_the_id():
    known = _map("5555555")
    owners = _map("1110001")
    assert _divided(owners, known, 6).tolist() == _map("5550006").tolist()


def test_an_id_comes_back_when_its_pixels_come_back():
    known = _map("0550", "0550")
    assert not _divided(np.zeros_like(known), known).any()
    assert _divided((known > 0).astype(np.int32), known).tolist() == known.tolist()


def test_free_ids_begin_where_they_are_told():
    owners = _map("101")
    assert _divided(owners, np.zeros_like(owners), first_new_id=40).tolist() == [[40, 0, 41]]


def _table(labels):
    rows = []
    for identifier in np.unique(labels[labels > 0]):
        r, c = np.nonzero(labels == identifier)
        row = {"id": identifier, "row": r.mean(), "column": c.mean(), "row_min": r.min(), "row_max": r.max()}
        row |= {"column_min": c.min(), "column_max": c.max(), "diameter_mm": 2 * np.sqrt(len(r) / np.pi)}
        rows.append(row)
    return pd.DataFrame(rows)


def test_a_table_tells_single_parts_exactly_and_divides_those_that_touch():
    labels = _map("330000000", "333000044", "000000044", "070000000", "700022255", "000022255")
    known = _known((labels > 0).astype(np.int32), _table(labels))
    assert known.tolist() == labels.tolist()


def test_a_table_tells_nothing_about_an_empty_segmentation():
    empty = np.zeros((4, 5), np.int32)
    assert not _known(empty, _table(_map("10000"))).any()


def _near(center, count, seed=0, spread=1.5):
    return np.random.default_rng(seed).uniform(-spread, spread, (count, 2)) + center


def test_a_new_calcification_joins_the_cluster_it_is_linked_to():
    positions = np.vstack((_near((10, 10), 6), _near((40, 10), 6, 1), [[10, 14.0]]))
    ids = np.array([3] * 6 + [1] * 6 + [0])
    placed = place(positions, ids, np.arange(13) == 12)
    assert placed.tolist() == [3] * 6 + [1] * 6 + [3]


def test_a_bridge_between_two_clusters_joins_the_nearer_one_and_merges_nothing():
    positions = np.vstack((_near((10, 10), 5), _near((10, 18), 5, 1), [[10, 13.5]]))
    ids = np.array([1] * 5 + [2] * 5 + [0])
    placed = place(positions, ids, np.arange(11) == 10)
    assert placed[:10].tolist() == ids[:10].tolist()
    nearest = np.hypot(*(positions[:10] - positions[10]).T).argmin()
    assert placed[10] == ids[nearest]


def test_enough_new_calcifications_form_a_cluster_with_the_single_ones_they_link():
    positions = np.vstack((_near((10, 10), 6), _near((40, 40), 5, 1), [[70, 70]]))
    ids = np.array([2] * 6 + [0] * 6)
    is_new = np.isin(np.arange(12), (6, 7, 8))
    assert place(positions, ids, is_new, first_new_id=9).tolist() == [2] * 6 + [9] * 5 + [0]


def test_too_few_new_calcifications_stay_single():
    positions = np.vstack((_near((10, 10), 6), _near((40, 40), 3, 1)))
    ids = np.array([1] * 6 + [0] * 3)
    assert place(positions, ids, np.arange(9) >= 6).tolist() == ids.tolist()


def test_a_cluster_that_a_reader_made_small_keeps_its_members_and_takes_new_ones():
    positions = np.vstack((_near((10, 10), 2), [[10, 12]]))
    assert place(positions, np.array([4, 4, 0]), np.array([False, False, True])).tolist() == [4, 4, 4]


def test_nothing_new_changes_nothing():
    positions = _near((10, 10), 7)
    ids = np.array([1, 1, 0, 0, 2, 2, 0])
    assert place(positions, ids, np.zeros(7, bool)).tolist() == ids.tolist()


def test_grouping_again_keeps_the_ids_of_what_stays_together():
    positions = np.vstack((_near((10, 10), 7), _near((40, 40), 6, 1), _near((80, 80), 5, 2)))
    ids = np.array([4] * 7 + [2] * 5 + [4] + [0] * 5)
    assert regroup(positions, np.ones(18), ids, first_new_id=8).tolist() == [4] * 7 + [2] * 6 + [8] * 5


def test_grouping_again_gives_the_id_of_a_split_cluster_to_its_larger_part():
    positions = np.vstack((_near((10, 10), 7), _near((40, 40), 5, 1)))
    assert regroup(positions, np.ones(12), np.ones(12, int)).tolist() == [1] * 7 + [2] * 5
    assert regroup(np.empty((0, 2)), np.empty(0), np.empty(0, int)).tolist() == []
