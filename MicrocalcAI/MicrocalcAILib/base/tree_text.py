"""Reading LightGBM's text form of an ensemble of trees, so strictly that nothing in it can lead astray.

LightGBM itself trusts lengths and indices of such a text. Training writes it; the analysis evaluates it with
:mod:`.trees`, and does not need LightGBM.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import NamedTuple

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
    trees = [dict(_entries(section.partition("\n")[2])) for section in sections]
    if any(_whole(tree.get("is_linear", "0"), 0, 1) for tree in trees):
        raise _Contradiction("leaves with linear models are not evaluated")
    # The lists of all trees are read and checked together: tree by tree, that takes seven times as long.
    leaves = [_whole(tree["num_leaves"], 1, MOST_LEAVES) for tree in trees]
    nodes = [length - 1 for length in leaves]
    set_lengths = [_set_lengths(tree, most) for tree, most in zip(trees, nodes, strict=True)]
    found = Trees(
        feature_names=names,
        classes=classes,
        objective=_objective(header.get("objective", ""), classes),
        averaged="average_output" in head.split("\n"),
        node_starts=_starts(nodes),
        leaf_starts=_starts(leaves),
        features=_wholes(trees, "split_feature", nodes, 0, count - 1).astype(np.int32),
        decisions=_wholes(trees, "decision_type", nodes, 0, _KNOWN_DECISION_BITS).astype(np.int32),
        left=_wholes(trees, "left_child", nodes, -MOST_LEAVES, MOST_LEAVES).astype(np.int32),
        right=_wholes(trees, "right_child", nodes, -MOST_LEAVES, MOST_LEAVES).astype(np.int32),
        thresholds=_numbers(trees, "threshold", nodes),
        node_counts=_numbers(trees, "internal_count", nodes),
        values=_numbers(trees, "leaf_value", leaves),
        # LightGBM writes no more than the value of a tree that is a leaf.
        leaf_counts=_numbers([{"leaf_count": tree.get("leaf_count") or "1"} for tree in trees], "leaf_count", leaves),
        set_starts=_starts(chain.from_iterable(set_lengths)),
        first_sets=_starts(len(lengths) for lengths in set_lengths)[:-1],
        sets=_wholes(trees, "cat_threshold", [sum(lengths) for lengths in set_lengths], 0, 0xFFFFFFFF).astype(
            np.uint32
        ),
    )
    _check_splits(found, np.array([len(lengths) for lengths in set_lengths]))
    _check_form(found)
    return found


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            yield name, value


def _set_lengths(tree: Mapping[str, str], most: int) -> list[int]:
    """How many words of bits each set of categories of a tree has."""
    sets = _whole(tree["num_cat"], 0, most)
    if not sets:
        return []
    bounds = [int(word) for word in tree["cat_boundaries"].split()]
    lengths = [end - start for start, end in pairwise(bounds)]
    if len(lengths) != sets or bounds[0] != 0 or min(lengths) < 1 or bounds[-1] > MOST_LEAVES * MOST_LEAVES:
        raise _Contradiction("sets of categories have impossible lengths")
    return lengths


def _check_splits(trees: Trees, sets: NDArray[np.int64]) -> None:
    """Refuse a split of an unknown kind, by a set of categories that its tree does not have, or made from no rows."""
    if not np.isin(trees.decisions & 12, _KINDS_OF_MISSING).all():
        raise _Contradiction("a split is of an unknown kind")
    by_set = (trees.decisions & _CATEGORICAL) != 0
    places, counts = trees.thresholds[by_set], np.repeat(sets, np.diff(trees.node_starts))[by_set]
    if not ((places >= 0) & (places < counts) & (places == np.floor(places))).all():
        raise _Contradiction("a split names a set of categories that there is not")
    if (trees.node_counts <= 0).any() or (trees.leaf_counts < 0).any():
        raise _Contradiction("a node was made from no rows")


def _check_form(trees: Trees) -> None:
    """Refuse nodes that form no trees: each node and leaf hangs below exactly one node, which stands before it."""
    sizes = np.diff(trees.node_starts)
    children = np.concatenate([trees.left, trees.right])
    parents = np.tile(np.arange(trees.node_starts[-1]), 2)
    tree_of = np.tile(np.repeat(np.arange(len(sizes)), sizes), 2)
    inner = children >= 0
    nodes = trees.node_starts[tree_of[inner]] + children[inner]
    leaves = trees.leaf_starts[tree_of[~inner]] - 1 - children[~inner]
    roots, lone_leaves = trees.node_starts[:-1][sizes > 0], trees.leaf_starts[:-1][sizes == 0]
    if (
        (nodes <= parents[inner]).any()
        or (nodes >= trees.node_starts[tree_of[inner] + 1]).any()
        or (leaves >= trees.leaf_starts[tree_of[~inner] + 1]).any()
        or not np.array_equal(np.sort(np.concatenate([nodes, roots])), np.arange(trees.node_starts[-1]))
        or not np.array_equal(np.sort(np.concatenate([leaves, lone_leaves])), np.arange(trees.leaf_starts[-1]))
    ):
        raise _Contradiction("the nodes form no tree")


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


def _wholes(
    trees: Sequence[Mapping[str, str]], name: str, counts: Sequence[int], lowest: int, highest: int
) -> NDArray[np.int64]:
    values = np.array([int(word) for word in _words(trees, name, counts)], np.int64)
    if ((values < lowest) | (values > highest)).any():
        raise _Contradiction(f"“{name}” holds a number outside {lowest} to {highest}")
    return values


def _numbers(trees: Sequence[Mapping[str, str]], name: str, counts: Sequence[int]) -> NDArray[np.float64]:
    values = np.array([float(word) for word in _words(trees, name, counts)], np.float64)
    if np.isnan(values).any():
        raise _Contradiction("a number is none")
    return values


def _words(trees: Sequence[Mapping[str, str]], name: str, counts: Sequence[int]) -> list[str]:
    """What one list holds in all trees, one behind the other."""
    words: list[str] = []
    for tree, count in zip(trees, counts, strict=True):
        found = tree[name].split() if count else []
        if len(found) != count:
            raise _Contradiction("a list has another length than announced")
        words += found
    return words


def _starts(lengths: Iterable[int]) -> NDArray[np.int64]:
    return np.array([0, *accumulate(lengths)], np.int64)
