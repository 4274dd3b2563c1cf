"""Reading LightGBM's text form of an ensemble of trees, so strictly that nothing in it can lead astray.

LightGBM itself trusts lengths and indices of such a text. Training writes it; the analysis evaluates it with
:mod:`.trees`, and does not need LightGBM.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError

LONGEST_TEXT = 256 * 2**20
MOST_TREES = 100_000
MOST_LEAVES = 4096
_MOST_FEATURES = 100_000
_CATEGORICAL = 1
_KINDS_OF_MISSING = (0, 4, 8)
_KNOWN_DECISION_BITS = 1 | 2 | 4 | 8


class Objective(NamedTuple):
    """How raw scores become predictions: ``sigmoid`` (with its steepness), ``softmax`` or ``identity``."""

    name: str
    steepness: float = 1.0


@dataclass(frozen=True)
class Trees:
    """All trees, one behind the other. Node ``i`` of a tree lies at ``node_starts[tree] + i``; so do leaves.

    Parameters
    ----------
    feature_names : tuple of str
    classes : int
        Trees per iteration; tree ``t`` adds to class ``t % classes``.
    objective : Objective
    averaged : bool
        Whether scores are means over the iterations (random forests) instead of sums.
    node_starts, leaf_starts : int64 arrays, shape (trees + 1,)
    features, decisions, left, right : int32 arrays, shape (nodes,)
        Children below 0 are leaves: ``-1 - leaf``.
    thresholds : float64 array, shape (nodes,)
        Of a categorical split, the number of its set.
    node_counts : float64 array, shape (nodes,)
        Training rows.
    values, leaf_counts : float64 arrays, shape (leaves,)
    set_starts : int64 array, shape (sets + 1,)
        Where each set of categories begins in ``sets``.
    first_sets : int64 array, shape (trees,)
        Number of the first set of each tree.
    sets : uint32 array
        Bits: whether a category goes left.
    """

    feature_names: tuple[str, ...]
    classes: int
    objective: Objective
    averaged: bool
    node_starts: NDArray[np.int64]
    leaf_starts: NDArray[np.int64]
    features: NDArray[np.int32]
    decisions: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    thresholds: NDArray[np.float64]
    node_counts: NDArray[np.float64]
    values: NDArray[np.float64]
    leaf_counts: NDArray[np.float64]
    set_starts: NDArray[np.int64]
    first_sets: NDArray[np.int64]
    sets: NDArray[np.uint32]


def parse_trees(text: str) -> Trees:
    """Read an ensemble.

    Raises
    ------
    ModelError
        When the text is cut off, contradicts itself, or uses what is not evaluated here (linear leaves, other
        objectives than binary, cross entropy, multiclass and regression).
    """
    try:
        return _parsed(text)
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        reason = f" ({error})" if isinstance(error, _Contradiction) else ""
        raise ModelError(f"The trees of the model are damaged{reason}; restore the model or train it again.") from error


class _Contradiction(ValueError):
    """What is wrong, in words."""


@dataclass(frozen=True)
class _Tree:
    features: NDArray[np.int64]
    decisions: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    node_counts: NDArray[np.float64]
    values: NDArray[np.float64]
    leaf_counts: NDArray[np.float64]
    set_bounds: NDArray[np.int64]
    sets: NDArray[np.int64]


def _parsed(text: str) -> Trees:
    if len(text) > LONGEST_TEXT:
        raise _Contradiction("the text is too long")
    head, *sections = text.partition("\nend of trees\n")[0].split("\nTree=")
    if "\nend of trees\n" not in text or not head.startswith("tree\n"):
        raise _Contradiction("the text is cut off")
    header = dict(_entries(head))
    count = _whole(header["max_feature_idx"], 0, _MOST_FEATURES) + 1
    classes = _whole(header["num_tree_per_iteration"], 1, 1000)
    names = tuple(header["feature_names"].split())
    if len(names) != count:
        raise _Contradiction("the number of features is not that of their names")
    if len(sections) > MOST_TREES or len(sections) != len(header["tree_sizes"].split()) or len(sections) % classes:
        raise _Contradiction("the number of trees is another than announced")
    trees = [_tree(dict(_entries(section.partition("\n")[2])), count) for section in sections]
    return Trees(
        feature_names=names,
        classes=classes,
        objective=_objective(header.get("objective", ""), classes),
        averaged="average_output" in head.split("\n"),
        node_starts=_starts(len(tree.features) for tree in trees),
        leaf_starts=_starts(len(tree.values) for tree in trees),
        features=_joined([tree.features for tree in trees]).astype(np.int32),
        decisions=_joined([tree.decisions for tree in trees]).astype(np.int32),
        left=_joined([tree.left for tree in trees]).astype(np.int32),
        right=_joined([tree.right for tree in trees]).astype(np.int32),
        thresholds=_joined([tree.thresholds for tree in trees]),
        node_counts=_joined([tree.node_counts for tree in trees]),
        values=_joined([tree.values for tree in trees]),
        leaf_counts=_joined([tree.leaf_counts for tree in trees]),
        set_starts=_starts(length for tree in trees for length in np.diff(tree.set_bounds)),
        first_sets=_starts(len(tree.set_bounds) - 1 for tree in trees)[:-1],
        sets=_joined([tree.sets for tree in trees]).astype(np.uint32),
    )


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            yield name, value


def _tree(entries: dict[str, str], features: int) -> _Tree:
    leaves = _whole(entries["num_leaves"], 1, MOST_LEAVES)
    sets = _whole(entries["num_cat"], 0, leaves - 1)
    if _whole(entries.get("is_linear", "0"), 0, 1):
        raise _Contradiction("leaves with linear models are not evaluated")
    nodes = leaves - 1
    bounds = _wholes(entries["cat_boundaries"], sets + 1) if sets else np.zeros(1, np.int64)
    if bounds[0] != 0 or (np.diff(bounds) < 1).any() or bounds[-1] > MOST_LEAVES * MOST_LEAVES:
        raise _Contradiction("sets of categories have impossible lengths")
    bits = _wholes(entries["cat_threshold"], int(bounds[-1])) if sets else np.zeros(0, np.int64)
    if nodes == 0:  # LightGBM writes no further lists
        none, empty = np.zeros(0, np.int64), np.zeros(0)
        return _Tree(none, none, none, none, empty, empty, _numbers(entries["leaf_value"], 1), np.ones(1), bounds, bits)
    tree = _Tree(
        features=_wholes(entries["split_feature"], nodes),
        decisions=_wholes(entries["decision_type"], nodes),
        left=_wholes(entries["left_child"], nodes),
        right=_wholes(entries["right_child"], nodes),
        thresholds=_numbers(entries["threshold"], nodes),
        node_counts=_numbers(entries["internal_count"], nodes),
        values=_numbers(entries["leaf_value"], leaves),
        leaf_counts=_numbers(entries["leaf_count"], leaves),
        set_bounds=bounds,
        sets=bits,
    )
    if ((tree.features < 0) | (tree.features >= features)).any():
        raise _Contradiction("a split names a feature that there is not")
    if (tree.decisions & ~_KNOWN_DECISION_BITS).any() or not np.isin(tree.decisions & 12, _KINDS_OF_MISSING).all():
        raise _Contradiction("a split is of an unknown kind")
    places = tree.thresholds[(tree.decisions & _CATEGORICAL) != 0]
    if not np.isin(places, np.arange(sets)).all():
        raise _Contradiction("a split names a set of categories that there is not")
    if ((bits < 0) | (bits > 0xFFFFFFFF)).any():
        raise _Contradiction("a set of categories is impossible")
    children = np.concatenate([tree.left, tree.right])
    parents = np.tile(np.arange(nodes), 2)
    inner = children >= 0
    # Each node and leaf hangs below exactly one node that stands before it: a tree, and no circle.
    if (
        (children[inner] <= parents[inner]).any()
        or not np.array_equal(np.sort(children[inner]), np.arange(1, nodes))
        or not np.array_equal(np.sort(-1 - children[~inner]), np.arange(leaves))
    ):
        raise _Contradiction("the nodes form no tree")
    if (tree.node_counts <= 0).any() or (tree.leaf_counts < 0).any():
        raise _Contradiction("a node was made from no rows")
    return tree


def _objective(text: str, classes: int) -> Objective:
    name, *options = text.split() or ["regression"]
    given = dict(option.partition(":")[::2] for option in options)
    if name == "binary" and classes == 1:
        return Objective("sigmoid", _positive(given.get("sigmoid", "1")))
    if name == "cross_entropy" and classes == 1:
        return Objective("sigmoid")
    if name == "multiclass" and _whole(given["num_class"], 2, 1000) == classes:
        return Objective("softmax")
    if name == "regression" and classes == 1 and "sqrt" not in options:
        return Objective("identity")
    raise _Contradiction(f"the objective “{text[:40]}” is not evaluated")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise _Contradiction("the sigmoid is impossible")
    return value


def _whole(text: str, lowest: int, highest: int) -> int:
    if len(text) > 20 or not lowest <= int(text) <= highest:
        raise _Contradiction(f"a number lies outside {lowest} to {highest}")
    return int(text)


def _wholes(text: str, count: int) -> NDArray[np.int64]:
    return np.array([int(word) for word in _words(text, count)], np.int64)


def _numbers(text: str, count: int) -> NDArray[np.float64]:
    values = np.array(_words(text, count), np.float64)
    if np.isnan(values).any():
        raise _Contradiction("a number is none")
    return values


def _words(text: str, count: int) -> list[str]:
    words = text.split()
    if len(words) != count:
        raise _Contradiction("a list has another length than announced")
    return words


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _starts(lengths: Iterator[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(list(lengths), dtype=np.int64)]).astype(np.int64)
