"""Training, model folder, prediction and explanation of the cluster classifier."""

from __future__ import annotations

import argparse
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from cluster_examples import example_cases
from MicrocalcAILib.base.errors import ModelError, ParameterError, ResultError
from MicrocalcAILib.classification.cases import read_cases
from MicrocalcAILib.classification.comparison import area_under_curve
from MicrocalcAILib.classification.explanation import GROUPS, explain, plot_explanation
from MicrocalcAILib.classification.feature_tables import FeatureTables
from MicrocalcAILib.classification.model import ClusterClassifier
from MicrocalcAILib.classification.preparation import Preparation
from MicrocalcAILib.commands import classify
from MicrocalcAILib.training import classifier as trainer
from MicrocalcAILib.training.classifier import ClassifierTraining, train_classifier

QUICK = ClassifierTraining(words=(3,), folds=2, outer_folds=2)


@pytest.fixture(scope="module")
def small_grid():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "_GRID", trainer._GRID[:2])
        patch.setattr(trainer, "_TREE_COUNTS", (20, 40))
        yield


@pytest.fixture(scope="module")
def trained(small_grid, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "Example"
    card = train_classifier(example_cases(), folder, QUICK, description={"notice": "Made up.", "simulated": True})
    return folder, card


@pytest.fixture
def model(trained):
    return ClusterClassifier.load(trained[0])


def test_a_difference_between_the_classes_is_found(trained):
    figures = trained[1]["figures"]
    for part in ("nested_cross_validation", "held_out"):
        assert figures[part]["auc"]["value"] > 0.8
        low, high = figures[part]["auc_by_patient"]["low"], figures[part]["auc_by_patient"]["high"]
        assert low <= figures[part]["auc_by_patient"]["value"] <= high


@pytest.mark.slow
def test_without_a_difference_the_nested_estimate_is_chance(small_grid, tmp_path):
    values = []
    for seed in range(3):
        card = train_classifier(example_cases(96, effect=0.0, seed=seed), tmp_path / str(seed), QUICK)
        values.append(card["figures"]["nested_cross_validation"]["auc"]["value"])
    assert 0.35 < np.mean(values) < 0.65


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(trained, small_grid, tmp_path):
    card = train_classifier(
        example_cases(), tmp_path / "Example", QUICK, description={"notice": "Made up.", "simulated": True}
    )
    assert card["sha256"] == trained[1]["sha256"]


def test_the_folder_holds_text_only_and_no_name_of_an_image(trained):
    folder = trained[0]
    assert {path.suffix for path in folder.iterdir()} == {".json", ".txt", ".csv", ".sha256"}
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "image 3" not in text
        assert "patient 3" not in text


def test_patients_are_never_on_both_sides_of_a_fold():
    cases = example_cases()
    for learn, judge in cases.folds(4, 1):
        assert not set(cases.patients[learn]) & set(cases.patients[judge])
        assert 0.2 < cases.malignant[judge].mean() < 0.5


@pytest.mark.slow
def test_what_is_fitted_for_a_fold_does_not_depend_on_the_clusters_it_judges(small_grid):
    cases = example_cases()
    learn, judge = next(cases.folds(4, 1))
    before = trainer._train(cases.take(learn), QUICK)
    changed = example_cases()
    changed.tables.clusters.iloc[judge] *= 1000
    inside = np.isin(changed.tables.owners, judge)
    changed.tables.calcifications.loc[inside] = 7.0
    changed.malignant[judge] = ~changed.malignant[judge]
    after = trainer._train(changed.take(learn), QUICK)
    assert after.trees == before.trees
    assert after.thresholds == before.thresholds
    assert after.preparation.to_json() == before.preparation.to_json()


def test_a_loaded_model_predicts_what_the_trained_one_did(trained, model):
    cases = example_cases()
    stored = pd.read_csv(trained[0] / "predictions.csv")
    held_out = stored[stored["part"] == "held out"]
    _, test = next(cases.folds(4, QUICK.seed))
    predicted = model.predict(cases.take(np.sort(test)).tables)
    np.testing.assert_allclose(predicted["malignancy_score"], held_out["score"], rtol=1e-5)
    np.testing.assert_allclose(predicted["probability_malignant"], held_out["probability"], rtol=1e-5)


def test_thresholds_decide_on_the_score(model):
    predicted = model.predict(example_cases(seed=3).tables)
    np.testing.assert_array_equal(predicted["positive_paper"], predicted["malignancy_score"] >= 0.4)
    assert (predicted["positive_maximal_sensitivity"] >= predicted["positive_tuned_sensitivity"]).all()


def test_a_cluster_has_the_same_probability_alone_and_among_others(model):
    tables = example_cases(seed=4).tables
    together = model.predict(tables)
    alone = model.predict(tables.take(np.array([5])))
    pd.testing.assert_frame_equal(together.iloc[[5]], alone)


def test_no_cluster_gives_an_empty_table(model):
    nothing = example_cases().tables.take(np.arange(0))
    assert len(model.predict(nothing)) == 0
    assert len(model.contributions(nothing)) == 0
    assert explain(model, nothing) == []
    assert model.warnings(nothing) == ()


def test_a_missing_nipple_is_no_obstacle(model):
    tables = example_cases(seed=5).tables
    tables.clusters["distribution_nipple_angle_deg"] = np.nan
    assert np.isfinite(model.predict(tables)["probability_malignant"]).all()


def test_a_simulated_model_and_unlike_clusters_are_announced(model):
    tables = example_cases(seed=6).tables
    assert [record.code for record in model.warnings(tables)] == ["classifier-simulated"]
    tables.clusters.iloc[0] = 1e4
    assert [record.code for record in model.warnings(tables)] == ["classifier-simulated", "classifier-unlike-training"]
    assert model.predict(tables)["outside_training_share"].iloc[0] > 0.1


def test_contributions_add_up_to_the_score(model):
    tables = example_cases(seed=7).tables
    log_odds = model.contributions(tables).sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), model.score(tables), rtol=1e-9)


def test_an_explanation_names_what_raised_the_estimate(model):
    tables = example_cases(seed=8).tables
    highest = int(np.argmax(model.score(tables)))
    explanation = explain(model, tables)[highest]
    assert set(explanation.groups.index) <= set(GROUPS.values())
    contributions = model.contributions(tables).drop(columns="base").iloc[highest]
    assert explanation.groups.sum() == pytest.approx(contributions.sum())
    assert explanation.groups.abs().is_monotonic_decreasing
    assert explanation.features[0].name == contributions.abs().idxmax()
    words = explanation.sentences()
    assert "Raised by:" in words
    assert words.endswith("Made up.")
    assert explanation.groups.index[0] in explanation.summary()


def test_an_explanation_is_drawn(model, tmp_path):
    plot_explanation(explain(model, example_cases(seed=8).tables)[0], tmp_path / "explanation.png")
    assert (tmp_path / "explanation.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_of_features_measured_otherwise_is_refused(model):
    stored = model.preparation.to_json()
    stored["feature_settings"]["surroundings_mm"] = 3.0
    with pytest.raises(ModelError, match="other settings"):
        Preparation.from_json(stored)


@pytest.mark.parametrize("name", ["trees.txt", "preparation.json", "calibration.json", "thresholds.json"])
def test_an_altered_file_is_refused(trained, tmp_path, name):
    folder = shutil.copytree(trained[0], tmp_path / "Altered")
    (folder / name).write_text((folder / name).read_text() + "\n")
    with pytest.raises(ModelError, match=f"SHA-256 of {name}"):
        ClusterClassifier.load(folder)


def test_a_missing_file_another_version_and_another_kind_are_refused(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "Broken")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"schema": 99}))
    with pytest.raises(ModelError, match="another version"):
        ClusterClassifier.load(folder)
    (folder / "card.json").write_text(json.dumps(card | {"kind": "selector"}))
    with pytest.raises(ModelError, match="is a selector"):
        ClusterClassifier.load(folder)
    (folder / "trees.txt").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        ClusterClassifier.load(folder)


def test_tables_without_a_needed_feature_are_refused(model):
    tables = example_cases().tables
    tables.clusters.drop(columns="distribution_count", inplace=True)
    with pytest.raises(ModelError, match="distribution_count"):
        model.predict(tables)


@pytest.mark.slow
def test_moments_are_selectable(small_grid, tmp_path):
    training = ClassifierTraining(aggregation="moments", folds=2, outer_folds=2)
    card = train_classifier(example_cases(48), tmp_path / "Moments", training)
    assert card["chosen"]["words"] is None
    model = ClusterClassifier.load(tmp_path / "Moments")
    assert "region_area_mean" in model.preparation.features


@pytest.mark.slow
def test_features_of_a_network_are_used_when_they_are_in_the_table(small_grid, tmp_path):
    cases = example_cases(48, effect=0.0)
    cases.tables.clusters["deep_000"] = cases.malignant + np.random.default_rng(0).normal(0, 0.2, len(cases))
    cases.tables.clusters["remark"] = "not a feature"
    train_classifier(cases, tmp_path / "Deep", QUICK)
    model = ClusterClassifier.load(tmp_path / "Deep")
    assert explain(model, cases.tables)[0].groups.index[0] == GROUPS["deep"]
    assert "remark" not in model.preparation.features


def test_features_of_networks_can_be_left_out_or_used_alone():
    cases = example_cases(24)
    cases.tables.clusters["deep_detection_maximum"] = np.linspace(0, 1, len(cases.tables))
    names = {
        chosen: Preparation.fit(cases.tables, "moments", 0, 1, chosen).features
        for chosen in ("all", "measured", "deep")
    }
    assert names["deep"] == ["deep_detection_maximum"]
    assert sorted(names["all"]) == sorted(names["measured"] + names["deep"])
    del cases.tables.clusters["deep_detection_maximum"]
    with pytest.raises(ParameterError, match="--heatmap"):
        Preparation.fit(cases.tables, "moments", 0, 1, "deep")


def test_selection_keeps_the_most_important_topological_features_and_all_others():
    preparation = Preparation.fit(example_cases(24).tables, "histograms", 3, 0)
    importance = np.arange(len(preparation.features), dtype=float)
    selected = preparation.select(importance, 5)
    topology = [name for name in preparation.features if name.startswith("topology_")]
    assert [name for name in selected.features if name.startswith("topology_")] == topology[-5:]
    assert len(selected.features) == len(preparation.features) - len(topology) + 5


def test_too_few_patients_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="too few"):
        train_classifier(example_cases(24), tmp_path / "Small")


def test_feature_tables_survive_their_files(tmp_path):
    tables = example_cases(12).tables
    tables.take(np.arange(6)).save(tmp_path / "a")
    tables.take(np.arange(6, 12)).save(tmp_path / "b")
    again = FeatureTables.load(tmp_path)
    pd.testing.assert_frame_equal(again.clusters, tables.clusters, rtol=1e-8)
    np.testing.assert_array_equal(again.owners, tables.owners)


def test_tables_that_do_not_belong_together_are_refused():
    tables = example_cases(12).tables
    with pytest.raises(ResultError, match="image 0 / 1"):
        FeatureTables(tables.clusters.iloc[1:], tables.calcifications)
    with pytest.raises(ResultError, match="listed twice"):
        FeatureTables(pd.concat([tables.clusters, tables.clusters.iloc[[0]]]), tables.calcifications)


def _write_labels(cases, path, **changes):
    labels = cases.tables.clusters.index.to_frame(index=False)
    labels["malignant"], labels["patient_id"] = cases.malignant.astype(int), cases.patients
    labels.assign(**changes).sample(frac=1, random_state=0).to_csv(path, index=False)


def test_labels_find_their_clusters_in_any_order(tmp_path):
    cases = example_cases(12)
    _write_labels(cases, tmp_path / "labels.csv", split=["test"] * 4 + ["train"] * 8)
    read, held_out = read_cases(cases.tables, tmp_path / "labels.csv", "patient_id")
    np.testing.assert_array_equal(read.malignant, cases.malignant)
    np.testing.assert_array_equal(read.patients, cases.patients)
    assert held_out.tolist() == [True] * 4 + [False] * 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"malignant": "perhaps"}, "0 or 1"),
        ({"image": "elsewhere"}, "fits a cluster"),
        ({"cluster_id": 1}, "twice"),
        ({"split": ["test", "train"] * 6}, "both in training and in the test"),
    ],
)
def test_labels_that_make_no_sense_are_refused(tmp_path, changes, message):
    cases = example_cases(12)
    _write_labels(cases, tmp_path / "labels.csv", **changes)
    with pytest.raises(ParameterError, match=message):
        read_cases(cases.tables, tmp_path / "labels.csv", "patient_id")


def test_labels_without_the_patients_are_refused(tmp_path):
    cases = example_cases(12)
    _write_labels(cases, tmp_path / "labels.csv")
    with pytest.raises(ParameterError, match="lacks the column “woman”"):
        read_cases(cases.tables, tmp_path / "labels.csv", "woman")


def test_the_command_predicts_explains_and_compares(trained, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    classify.add_arguments(parser)
    cases = example_cases(12, seed=9)
    cases.tables.save(tmp_path / "features")
    _write_labels(cases, tmp_path / "labels.csv")
    arguments = ["--table", tmp_path / "features", "--output", tmp_path / "out", "--model", trained[0]]
    arguments += ["--labels", tmp_path / "labels.csv", "--prevalence", "0.1", "--plots"]
    assert classify.run(parser.parse_args([str(argument) for argument in arguments])) == 0
    predictions = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert len(predictions) == len(cases)
    assert predictions["probability_malignant"].between(0, 1).all()
    assert (predictions["malignancy_notice"] == "Made up.").all()
    assert len(list((tmp_path / "out" / "explanations").iterdir())) == len(cases)
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["operating_points"]["paper"]["at_prevalence"]["prevalence"] == 0.1
    assert "AUC" in capsys.readouterr().out


def test_the_area_under_the_curve_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    outcome, score = rng.random(50) < 0.4, rng.integers(0, 8, 50).astype(float)
    pairs = score[outcome][:, None] - score[~outcome][None, :]
    assert area_under_curve(outcome, score) == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    assert np.isnan(area_under_curve(np.ones(3, bool), np.arange(3.0)))


def test_the_grid_search_prefers_specificity_where_nearly_all_malignant_clusters_are_found():
    outcome = np.repeat([True, False], [20, 20])
    low_tail = np.concatenate([np.linspace(0.6, 1, 20), np.linspace(0, 0.7, 20)])
    few_missed = np.concatenate([np.full(16, 0.99), np.full(4, 0.0), np.linspace(0.01, 0.5, 20)])
    assert area_under_curve(outcome, few_missed) < area_under_curve(outcome, low_tail)
    assert trainer.specificity_when_sensitive(outcome, few_missed) == 0
    assert trainer.specificity_when_sensitive(outcome, low_tail) > 0.7


def test_trees_that_do_not_fit_the_list_of_features_are_refused(model, tmp_path):
    fewer = model.preparation.select(np.zeros(len(model.preparation.features)), 0)
    assert len(fewer.features) < len(model.preparation.features)
    ClusterClassifier(fewer, model.trees, model.calibration, model.thresholds, model.card).save(
        tmp_path / "Other", pd.DataFrame()
    )
    with pytest.raises(ModelError, match="its list names"):
        ClusterClassifier.load(tmp_path / "Other")


@pytest.mark.slow
def test_expected_outcomes_are_learned_and_judged_by_the_real_ones(small_grid, tmp_path):
    cases = example_cases(96)
    noisy = cases.malignant ^ (np.random.default_rng(1).random(len(cases)) < 0.3)
    labels = cases.tables.clusters.index.to_frame(index=False)
    labels["malignant"], labels["patient_id"] = noisy.astype(int), cases.patients
    labels.assign(expected=np.where(cases.malignant, 0.7, 0.3)).to_csv(tmp_path / "labels.csv", index=False)
    drawn, _ = read_cases(cases.tables, tmp_path / "labels.csv", "patient_id")
    training = ClassifierTraining(words=(3,), folds=2, outer_folds=2, resampling="none")
    _, from_expected, learned = trainer._prepare(drawn, 3, training)
    np.testing.assert_array_equal(learned, np.where(cases.malignant, 0.7, 0.3))
    assert len(from_expected) == len(cases)
    card = train_classifier(drawn, tmp_path / "Model", training)
    assert card["clusters"]["malignant"] + card["held_out_clusters"]["malignant"] == noisy.sum()


def test_expected_outcomes_beyond_one_are_refused(tmp_path):
    cases = example_cases(12)
    _write_labels(cases, tmp_path / "labels.csv", expected=1.2)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        read_cases(cases.tables, tmp_path / "labels.csv", "patient_id")
