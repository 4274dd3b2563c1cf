"""Trees in LightGBM's text form: the same numbers as LightGBM gives, and one sentence for a damaged text."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from MicrocalcAILib.base.errors import ModelError
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.base.trees import TreeEnsemble

BUNDLED = [
    *("Lexicon/WordModel/distribution.txt", "Lexicon/WordModel/morphology.txt", "Models/ClusterMalignancy/trees.txt"),
    *("Models/SpeckSelector/speck.txt", "Models/SpeckSelectorNetwork/neighborhood.txt"),
]
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def trained(seed: int, **options: object) -> str:
    """A small ensemble on random numbers with gaps, zeros and a column of categories."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(400, 6))
    values[chance.random(values.shape) < 0.15] = np.nan
    values[chance.random(values.shape) < 0.1] = 0.0
    values[:, 5] = chance.integers(0, 40, 400)
    truth = (np.nan_to_num(values[:, 0]) + (values[:, 5] % 3) + chance.normal(size=400) > 1).astype(int)
    if options.get("objective") == "multiclass":
        truth = truth + (np.nan_to_num(values[:, 1]) > 0)
    settings = {
        **{"verbosity": -1, "num_leaves": 12, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1},
        **{"seed": seed, "num_threads": 1, "objective": "binary", **options},
    }
    data = lightgbm.Dataset(values, truth, categorical_feature=[5])
    return lightgbm.train(settings, data, num_boost_round=15).model_to_string()


def questions(features: int, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(300, features)) * chance.choice([0.1, 1, 30], (300, features))
    values[chance.random(values.shape) < 0.2] = np.nan
    values[chance.random(values.shape) < 0.1] = 0.0
    values[chance.random(values.shape) < 0.02] = 1e-36
    values[chance.random(values.shape) < 0.02] = np.inf
    values[:, -1] = chance.integers(-3, 60, 300)
    return values


def compared(text: str) -> None:
    booster, ensemble = lightgbm.Booster(model_str=text), TreeEnsemble(text)
    values = questions(ensemble.feature_count)
    np.testing.assert_allclose(ensemble.predict(values), booster.predict(values, num_threads=1), **CLOSE)
    if "average_output" in text:
        return
    np.testing.assert_array_equal(ensemble.scores(values), booster.predict(values, raw_score=True, num_threads=1))
    given = booster.predict(values[:40], pred_contrib=True, num_threads=1)
    own = ensemble.contributions(values[:40])
    np.testing.assert_allclose(own.reshape(40, -1), given, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(own.sum(axis=2).ravel(), ensemble.scores(values[:40]).ravel(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_models_give_the_numbers_of_lightgbm(name):
    compared(resource_path(name).read_text("utf-8"))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"objective": "cross_entropy"},
        {"objective": "multiclass", "num_class": 3},
        {"objective": "regression"},
        {"sigmoid": 2.5},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "objective": "multiclass", "num_class": 3},
        {"min_data_in_leaf": 300},
        {"num_leaves": 100, "min_data_in_leaf": 1},
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_random_ensembles_give_the_numbers_of_lightgbm(options, seed):
    compared(trained(seed, **options))


def test_no_rows_give_no_predictions():
    ensemble = TreeEnsemble(trained(0))
    assert ensemble.predict(np.empty((0, 6))).shape == (0,)
    assert ensemble.contributions(np.empty((0, 6))).shape == (0, 1, 7)


def test_another_number_of_features_is_refused():
    with pytest.raises(ModelError, match="6 features; 5 were given"):
        TreeEnsemble(trained(0)).predict(np.zeros((3, 5)))


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"num_leaves=\d+", "num_leaves=99999999"),
        (r"num_leaves=\d+", "num_leaves=-1"),
        (r"left_child=\d+", "left_child=99999999"),
        (r"left_child=\d+ ", "left_child=0 "),
        (r"right_child=-?\d+", "right_child=-99"),
        (r"split_feature=\d+", "split_feature=99999999"),
        (r"split_feature=\d+ ", "split_feature="),
        (r"threshold=\S+", "threshold=nan"),
        (r"leaf_value=\S+", "leaf_value=word"),
        (r"internal_count=\S+", "internal_count=0"),
        (r"decision_type=\d+", "decision_type=64"),
        (r"cat_boundaries=0 \d+", "cat_boundaries=0 99999999"),
        (r"num_cat=[1-9]", "num_cat=7"),
        (r"is_linear=0", "is_linear=1"),
        (r"objective=binary", "objective=poisson"),
        (r"sigmoid:1", "sigmoid:0"),
        (r"max_feature_idx=\d+", "max_feature_idx=99999999999999999999"),
        (r"num_tree_per_iteration=1", "num_tree_per_iteration=4"),
        (r"end of trees", "end of"),
        (r"\Atree", "forest"),
        (r"tree_sizes=\d+", "tree_sizes="),
    ],
)
def test_a_damaged_text_is_refused(pattern, replacement):
    text = trained(0)
    damaged = re.sub(pattern, replacement, text, count=1)
    assert damaged != text
    with pytest.raises(ModelError, match=r"trees of the model are damaged.*train it again\.$"):
        TreeEnsemble(damaged)


def test_a_text_cut_off_anywhere_before_its_end_is_refused():
    text = trained(0)
    end = text.index("end of trees")
    for position in range(0, end, max(end // 50, 1)):
        with pytest.raises(ModelError):
            TreeEnsemble(text[:position])


def test_random_damage_gives_an_ensemble_that_ends_or_one_sentence():
    text, chance = trained(0), random.Random(0)
    values, refused = questions(6)[:5], 0
    for _ in range(300):
        position = chance.randrange(len(text))
        damaged = text[:position] + chance.choice(["9", "-", " ", "\n", "=", "e", "999999", ""]) + text[position + 1 :]
        try:
            ensemble = TreeEnsemble(damaged)
        except ModelError:
            refused += 1
        else:
            assert ensemble.scores(values).shape == (5,)
            ensemble.contributions(values)
    assert refused > 50


def test_judging_specks_and_words_needs_no_lightgbm():
    code = (
        "import sys; sys.modules['lightgbm'] = None\n"
        "from MicrocalcAILib.base.resources import resource_path\n"
        "from MicrocalcAILib.segmentation.selection import MeasurementSelector\n"
        "from MicrocalcAILib.lexicon.word_model import WordModel\n"
        "from MicrocalcAILib.classification.model import ClusterClassifier\n"
        "import numpy as np, pandas as pd\n"
        "selector = MeasurementSelector.load(resource_path('Models/SpeckSelector'))\n"
        "names = selector.card['measurements']; table = pd.DataFrame(np.zeros((3, len(names))), columns=names)\n"
        "assert selector.probabilities(table, np.zeros((3, 2))).shape == (3,)\n"
        "WordModel.load(); ClusterClassifier.load(resource_path('Models/ClusterMalignancy'))\n"
    )
    root = Path(__file__).resolve().parents[2] / "MicrocalcAI"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(root)}, check=True, timeout=300)
