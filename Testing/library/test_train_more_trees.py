"""Models of trees go on learning from a dataset: as many trees as help on unseen patients, and never a worse model."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from cluster_examples import example_cases
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.classification.model import ClusterClassifier
from MicrocalcAILib.lexicon.arrangement import CLUSTER_MEASUREMENTS
from MicrocalcAILib.lexicon.word_model import WordModel
from MicrocalcAILib.training import classifier_update, words_update
from MicrocalcAILib.training.classifier_update import update_classifier, updated
from MicrocalcAILib.training.gone_on import changes_of
from MicrocalcAILib.training.more_trees import STEPS, WorseModelError, grown, with_more_trees
from MicrocalcAILib.training.words_update import update_words


@pytest.fixture(scope="module")
def bundled():
    return ClusterClassifier.load(resource_path("Models/ClusterMalignancy"))


BINARY = {"objective": "binary"}


def constant(values):
    """A model that knows nothing."""
    import lightgbm

    data = lightgbm.Dataset(values, np.arange(len(values)) % 2)
    return lightgbm.train({**BINARY, "verbose": -1, "num_leaves": 2}, data, 1).model_to_string()


def halves(monkeypatch, module, name, learned, judging):
    """Let an update learn from one thing and be judged by another, whatever the dataset."""
    monkeypatch.setattr(module, "divided", lambda dataset, seed: (learned, judging))
    monkeypatch.setattr(module, name, lambda part, *_rest: part)
    monkeypatch.setattr(module, "training_data_of", lambda dataset: "made-up clusters.")


def test_trees_are_added_while_they_help_on_patients_that_were_not_learned_from(bundled):
    cases = example_cases(120)
    model = updated(bundled, cases)
    unseen = example_cases(120, seed=5)
    losses = [
        classifier_update._loss(np.log(score / (1 - score)), unseen.expected)
        for score in (one.score(unseen.tables) for one in (bundled, model))
    ]
    assert losses[1] < losses[0]
    assert model.card["added_rounds"] in STEPS[1:]
    assert model.card["loss_after"] < model.card["loss_before"]


def test_what_helps_only_patients_that_were_learned_from_adds_nothing():
    rng = np.random.default_rng(1)
    values, patients = rng.normal(size=(200, 3)), np.repeat(["A", "B"], 100)
    base = with_more_trees(constant(values), values, rng.integers(0, 2, 200), 1, BINARY)
    alike = (values[:, 0] > 0).astype(int)
    assert grown(base, values, alike, patients, BINARY, classifier_update._loss).rounds > 0
    opposite = np.where(patients == "A", alike, 1 - alike)
    with pytest.raises(WorseModelError, match="nothing was written"):
        grown(base, values, opposite, patients, BINARY, classifier_update._loss)


def test_one_patient_or_one_outcome_is_not_enough(bundled):
    cases = example_cases(40)
    with pytest.raises(ParameterError, match="two patients"):
        updated(bundled, dataclasses.replace(cases, patients=np.full(40, "A")))
    with pytest.raises(ParameterError, match="one outcome"):
        updated(bundled, cases.take(cases.malignant))


def test_classifier_s_card_says_before_and_after_and_the_model_loads(tmp_path, monkeypatch):
    halves(monkeypatch, classifier_update, "found_cases", example_cases(120), example_cases(60, seed=9))
    card = update_classifier(None, tmp_path / "model")
    before, after = (card["comparison"][when]["auc"]["value"] for when in ("before", "after"))
    assert after > before
    assert any("AUC before" in line for line in changes_of(card))
    assert ClusterClassifier.load(tmp_path / "model").card["comparison"]["clusters"] == 60
    assert "Gone on with 120 clusters" in ClusterClassifier.load(tmp_path / "model").card["training_data"]


def named_clusters(count, seed):
    """Clusters whose words follow one measurement, in another way than the bundled model thinks."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(count, len(CLUSTER_MEASUREMENTS))), columns=list(CLUSTER_MEASUREMENTS))
    table["morphology"] = np.where(table["small_share"] > 0, "amorphous", "round")
    table["distribution"] = ""
    return table.assign(occasion="cluster", patient=[f"patient {number // 2}" for number in range(count)])


@pytest.mark.slow  # thirteen words times eighty rounds, five times
def test_words_that_readers_use_are_learned_and_a_kind_without_words_stays(tmp_path, monkeypatch):
    halves(monkeypatch, words_update, "worded_clusters", named_clusters(80, 1), named_clusters(40, 2))
    card = update_words(None, tmp_path / "words")
    morphology = card["comparison"]["morphology"]
    assert morphology["after"]["share_right"] > morphology["before"]["share_right"] + 0.2
    assert "distribution" not in card["comparison"]
    assert any("rounds of trees added" in line for line in changes_of(card))
    model = WordModel.load(tmp_path / "words")
    assert model.models["distribution"] == WordModel.load().models["distribution"]
    tested = named_clusters(40, 3)
    said = model.probabilities("morphology", tested).idxmax(axis=1)
    assert (said == tested["morphology"]).mean() > 0.5


def test_words_of_one_patient_are_not_learned(tmp_path, monkeypatch):
    halves(
        monkeypatch, words_update, "worded_clusters", named_clusters(60, 1).assign(patient="A"), named_clusters(40, 2)
    )
    with pytest.raises(WorseModelError, match="No kind of word gets better"):
        update_words(None, tmp_path / "words")
    assert not (tmp_path / "words").exists()
