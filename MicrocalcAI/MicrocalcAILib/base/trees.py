"""Evaluating ensembles of trees: predictions, and what each feature adds to them.

The same numbers as LightGBM, without it: it takes more time to import than its ensembles take to evaluate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError
from .kernels import kernel
from .tree_text import Trees, parse_trees

_ZERO = float(np.float32(1e-35))  # what LightGBM takes for 0
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_IS_ZERO, _MISSING_IS_NAN = 4, 8
_ROWS_AT_ONCE = 256  # what they take stays in the second cache


class TreeEnsemble:
    """An ensemble in LightGBM's text form.

    Parameters
    ----------
    text : str

    Raises
    ------
    ModelError
        As :func:`~.tree_text.parse_trees`.
    """

    def __init__(self, text: str) -> None:
        self._trees = parse_trees(text)

    @property
    def feature_count(self) -> int:
        return len(self._trees.feature_names)

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities (or what a regression predicts), shape (rows,), or (rows, classes) for several classes.

        Parameters
        ----------
        values : float array, shape (rows, features)
            NaN is missing.

        Raises
        ------
        ModelError
            When there are more or fewer features than the ensemble knows.
        """
        scores, objective = self.scores(values), self._trees.objective
        if objective.name == "sigmoid":
            with np.errstate(over="ignore"):
                scores = 1.0 / (1.0 + np.exp(-objective.steepness * scores))
        elif objective.name == "softmax":
            raised = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores = raised / raised.sum(axis=1, keepdims=True)
        return scores

    def scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """As :meth:`predict`, before the sigmoid or the softmax."""
        trees = self._trees
        scores = np.zeros((len(values), trees.classes))
        _add_scores(self._checked(values), *_structure(trees), trees.values, scores)
        if trees.averaged:
            scores /= max((len(trees.node_starts) - 1) // trees.classes, 1)
        return scores if trees.classes > 1 else scores[:, 0]

    def contributions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shapley values of the scores (Lundberg 2020, tree path dependent), shape (rows, classes, features + 1).

        The last column is the mean over the training rows; a row adds up to its score. Not for averaged ensembles.
        """
        trees = self._trees
        if trees.averaged:
            raise ModelError("Contributions are not computed for random forests; choose a boosted model.")
        found = np.zeros((len(values), trees.classes, self.feature_count + 1))
        counts = trees.node_counts, trees.leaf_counts
        _add_contributions(self._checked(values), *_structure(trees), trees.values, *counts, _deepest(trees), found)
        return found

    def _checked(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.ascontiguousarray(values, np.float64)
        if values.ndim != 2 or values.shape[1] != self.feature_count:
            raise ModelError(f"The model judges {self.feature_count} features; {values.shape[-1]} were given.")
        return np.where(np.abs(values) <= _ZERO, 0.0, values)


def _structure(trees: Trees) -> tuple[Any, ...]:
    return (
        *(trees.node_starts, trees.leaf_starts, trees.features, trees.decisions, trees.left, trees.right),
        *(trees.thresholds, trees.set_starts, trees.first_sets, trees.sets),
    )


def _deepest(trees: Trees) -> int:
    """Nodes on the longest way from a root to a leaf, over all trees."""
    return int(_longest_way(trees.node_starts, trees.left, trees.right))


@kernel
def _longest_way(node_starts, left, right):  # type: ignore[no-untyped-def]
    longest = 0
    depths = np.zeros(len(left), np.int64)
    for tree in range(len(node_starts) - 1):
        start = node_starts[tree]
        for node in range(start, node_starts[tree + 1]):  # children stand behind their parents
            longest = max(longest, depths[node] + 1)
            for child in (left[node], right[node]):
                if child >= 0:
                    depths[start + child] = depths[node] + 1
    return longest


@kernel
def _goes_left(value, decision, threshold, set_starts, first_set, sets):  # type: ignore[no-untyped-def]
    if decision & _CATEGORICAL:
        if not 0.0 <= value < 2147483648.0:  # also NaN
            return False
        category = np.int64(value)
        position = first_set + np.int64(threshold)
        word = set_starts[position] + category // 32
        if word >= set_starts[position + 1]:
            return False
        return (np.int64(sets[word]) >> (category % 32)) & 1 == 1
    missing = decision & 12
    if np.isnan(value) and missing != _MISSING_IS_NAN:
        value = 0.0
    if (missing == _MISSING_IS_ZERO and value == 0.0) or (missing == _MISSING_IS_NAN and np.isnan(value)):
        return decision & _DEFAULT_LEFT != 0
    return value <= threshold


@kernel
def _add_scores(  # type: ignore[no-untyped-def]
    rows, node_starts, leaf_starts, features, decisions, left, right, thresholds, set_starts, first_sets, sets, values,
    scores,
):  # fmt: skip
    """Evaluate all nodes of a tree, children before their parents, for some rows at once.

    A node takes what its left or its right child found, so that the root ends with the leaf that the row falls into.
    Following each row down its own branches visits fewer nodes and takes three times as long: no processor guesses
    which way a row goes, and nothing of it runs on vector registers.
    """
    classes, largest = scores.shape[1], 1
    for tree in range(len(node_starts) - 1):
        largest = max(largest, node_starts[tree + 1] - node_starts[tree])
    inputs, found = np.empty((rows.shape[1], _ROWS_AT_ONCE)), np.empty((largest, _ROWS_AT_ONCE))
    of_left_leaf, of_right_leaf = np.empty(_ROWS_AT_ONCE), np.empty(_ROWS_AT_ONCE)
    for first_row in range(0, len(rows), _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, len(rows) - first_row)
        unknown = False
        for row in range(count):
            for feature in range(rows.shape[1]):
                value = rows[first_row + row, feature]
                inputs[feature, row] = value
                unknown |= np.isnan(value)
        for tree in range(len(node_starts) - 1):
            start, first_leaf, first_set = node_starts[tree], leaf_starts[tree], first_sets[tree]
            if node_starts[tree + 1] == start:
                for row in range(count):
                    scores[first_row + row, tree % classes] += values[first_leaf]
                continue
            for at in range(node_starts[tree + 1] - 1, start - 1, -1):
                result, given = found[at - start], inputs[features[at]]
                if left[at] >= 0:  # twice the same, because a function for both takes a quarter longer
                    of_left = found[left[at]]
                else:
                    of_left, leaf = of_left_leaf, values[first_leaf - 1 - left[at]]
                    for row in range(count):
                        of_left[row] = leaf
                if right[at] >= 0:
                    of_right = found[right[at]]
                else:
                    of_right, leaf = of_right_leaf, values[first_leaf - 1 - right[at]]
                    for row in range(count):
                        of_right[row] = leaf
                threshold, decision = thresholds[at], decisions[at]
                if unknown or decision & (_CATEGORICAL | _MISSING_IS_ZERO):
                    for row in range(count):
                        goes_left = _goes_left(given[row], decision, threshold, set_starts, first_set, sets)
                        result[row] = of_left[row] if goes_left else of_right[row]
                else:
                    for row in range(count):
                        on_left, on_right = of_left[row], of_right[row]
                        result[row] = on_left if given[row] <= threshold else on_right
            for row in range(count):
                scores[first_row + row, tree % classes] += found[0, row]


@kernel
def _add_contributions(  # type: ignore[no-untyped-def]
    rows, node_starts, leaf_starts, features, decisions, left, right, thresholds, set_starts, first_sets, sets, values,
    node_counts, leaf_counts, deepest, found,
):  # fmt: skip
    classes = found.shape[1]
    size = deepest + 2
    # One path per level: the features on the way to the node, and which share of the rows goes on without (zeros) and
    # with (ones) knowing them.
    names = np.zeros((size, size), np.int64)
    zeros, ones, weights = np.zeros((size, size)), np.zeros((size, size)), np.zeros((size, size))
    stack_nodes, stack_levels = np.zeros(2 * size, np.int64), np.zeros(2 * size, np.int64)
    stack_lengths, stack_names = np.zeros(2 * size, np.int64), np.zeros(2 * size, np.int64)
    stack_zeros, stack_ones = np.zeros(2 * size), np.zeros(2 * size)
    for tree in range(len(node_starts) - 1):
        start, first_leaf = node_starts[tree], leaf_starts[tree]
        nodes = node_starts[tree + 1] - start
        if nodes == 0:
            for row in range(len(rows)):
                found[row, tree % classes, -1] += values[first_leaf]
            continue
        expected = 0.0
        for leaf in range(nodes + 1):
            expected += leaf_counts[first_leaf + leaf] / node_counts[start] * values[first_leaf + leaf]
        for row in range(len(rows)):
            result = found[row, tree % classes]
            result[-1] += expected
            waiting = 1
            stack_nodes[0] = stack_levels[0] = stack_lengths[0] = 0
            stack_zeros[0], stack_ones[0], stack_names[0] = 1.0, 1.0, -1
            while waiting:
                waiting -= 1
                node, level, length = stack_nodes[waiting], stack_levels[waiting], stack_lengths[waiting]
                name, zero, one, weight = names[level], zeros[level], ones[level], weights[level]
                if level:
                    for item in range(length):  # slices would take a second each to compile
                        name[item], zero[item] = names[level - 1, item], zeros[level - 1, item]
                        one[item], weight[item] = ones[level - 1, item], weights[level - 1, item]
                _extend(
                    name, zero, one, weight, length, stack_names[waiting], stack_zeros[waiting], stack_ones[waiting]
                )
                if node < 0:
                    value = values[first_leaf - 1 - node]
                    for item in range(1, length + 1):
                        share = _unwound_sum(zero, one, weight, length, item)
                        result[name[item]] += share * (one[item] - zero[item]) * value
                    continue
                at = start + node
                feature = features[at]
                hot, cold = left[at], right[at]
                if not _goes_left(
                    rows[row, feature], decisions[at], thresholds[at], set_starts, first_sets[tree], sets
                ):
                    hot, cold = cold, hot
                incoming_zero, incoming_one = 1.0, 1.0
                for item in range(1, length + 1):
                    if name[item] == feature:
                        incoming_zero, incoming_one = zero[item], one[item]
                        _unwind(name, zero, one, weight, length, item)
                        length -= 1
                        break
                for child, is_hot in ((cold, 0.0), (hot, 1.0)):
                    count = leaf_counts[first_leaf - 1 - child] if child < 0 else node_counts[start + child]
                    stack_nodes[waiting], stack_levels[waiting] = child, level + 1
                    stack_lengths[waiting], stack_names[waiting] = length + 1, feature
                    stack_zeros[waiting] = count / node_counts[at] * incoming_zero
                    stack_ones[waiting] = is_hot * incoming_one
                    waiting += 1


@kernel
def _extend(name, zero, one, weight, length, feature, zero_share, one_share):  # type: ignore[no-untyped-def]
    name[length], zero[length], one[length] = feature, zero_share, one_share
    weight[length] = 1.0 if length == 0 else 0.0
    for item in range(length - 1, -1, -1):
        weight[item + 1] += one_share * weight[item] * (item + 1) / (length + 1)
        weight[item] = zero_share * weight[item] * (length - item) / (length + 1)


@kernel
def _unwind(name, zero, one, weight, length, place):  # type: ignore[no-untyped-def]
    zero_share, one_share = zero[place], one[place]
    following = weight[length]
    for item in range(length - 1, -1, -1):
        if one_share != 0.0:
            kept = weight[item]
            weight[item] = following * (length + 1) / ((item + 1) * one_share)
            following = kept - weight[item] * zero_share * (length - item) / (length + 1)
        else:
            weight[item] = weight[item] * (length + 1) / (zero_share * (length - item))
    for item in range(place, length):
        name[item], zero[item], one[item] = name[item + 1], zero[item + 1], one[item + 1]


@kernel
def _unwound_sum(zero, one, weight, length, place):  # type: ignore[no-untyped-def]
    zero_share, one_share = zero[place], one[place]
    following, total = weight[length], 0.0
    for item in range(length - 1, -1, -1):
        if one_share != 0.0:
            part = following * (length + 1) / ((item + 1) * one_share)
            total += part
            following = weight[item] - part * zero_share * (length - item) / (length + 1)
        elif zero_share != 0.0:
            total += weight[item] / zero_share / ((length - item) / (length + 1))
    return total
