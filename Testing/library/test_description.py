"""What an analysis says about its clusters when it describes them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from cluster_examples import example_cases
from MicrocalcAILib.analysis import load_analysis
from MicrocalcAILib.base.errors import ModelError
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.classification.feature_tables import FeatureTables
from MicrocalcAILib.commands import analyze as analyze_command
from MicrocalcAILib.commands.terminal import options_of
from MicrocalcAILib.export.results import write_results
from MicrocalcAILib.export.segmentation import cluster_color, segments
from MicrocalcAILib.lexicon.vocabulary import words
from MicrocalcAILib.pipeline import analyze
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.training import classifier as trainer
from MicrocalcAILib.training.classifier import ClassifierTraining
from speck_images import breast_with_specks


@pytest.fixture(scope="module")
def models():
    return DescriptionModels.load()


@pytest.fixture(scope="module")
def own_classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "Own"
    training = ClassifierTraining(words=(3,), folds=2, outer_folds=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "_GRID", trainer._GRID[:1])
        patch.setattr(trainer, "_TREE_COUNTS", (20,))
        trainer.train_classifier(
            example_cases(), folder, training, description={"notice": "Made up.", "simulated": True}
        )
    return folder


@pytest.fixture(scope="module")
def described(models):
    mammogram, _ = breast_with_specks()
    return mammogram, analyze(mammogram, models=models)


def test_every_cluster_gets_words_of_the_lexicon_with_probabilities_and_evidence(described):
    clusters = described[1].clusters
    assert len(clusters) >= 1
    assert set(clusters["morphology"]) <= set(words("morphology"))
    assert set(clusters["distribution"]) <= set(words("distribution"))
    assert clusters["morphology_probability"].between(0, 1).all()
    assert (clusters["evidence"].str.len() > 20).all()


def test_risk_by_the_words_lies_inside_its_interval(described):
    clusters = described[1].clusters
    known = clusters["descriptor_risk"].notna()
    low, value, high = (clusters["descriptor_risk" + end] for end in ("_low", "", "_high"))
    assert ((low >= 0) & (low <= value) & (value <= high) & (high <= 1))[known].all()


def test_the_bundled_classifier_is_asked_for_and_says_with_every_number_that_it_was_trained_on_simulation(described):
    analysis = analyze(described[0], models=DescriptionModels.load("simulated"))
    assert analysis.clusters["probability_malignant"].between(0, 1).all()
    assert analysis.clusters["malignancy_notice"].str.contains("simulated").all()
    assert "classifier-simulated" in [warning.code for warning in analysis.warnings]
    assert analysis.provenance["description"]["classifier"]["simulated"]
    assert set(described[1].clusters.columns) <= set(analysis.clusters.columns)


def test_without_a_classifier_the_columns_of_the_estimate_by_the_features_are_empty(described):
    analysis = described[1]
    for name in ("probability_malignant", "probability_malignant_low", "malignancy_reasons", "malignancy_notice"):
        assert analysis.clusters[name].isna().all()
    assert analysis.provenance["description"]["classifier"] is None
    assert "classifier-simulated" not in [warning.code for warning in analysis.warnings]


def test_a_classifier_of_the_user_adds_its_estimate_and_says_what_it_was_trained_on(described, own_classifier):
    analysis = analyze(described[0], models=DescriptionModels.load(own_classifier))
    for name in ("descriptor_risk", "probability_malignant"):
        low, value, high = (analysis.clusters[name + end] for end in ("_low", "", "_high"))
        known = value.notna()
        assert ((low >= 0) & (low <= value) & (value <= high) & (high <= 1))[known].all()
    assert "classifier-simulated" in [warning.code for warning in analysis.warnings]
    assert analysis.provenance["description"]["classifier"]["simulated"]


def test_words_come_from_the_model_that_was_chosen_by_its_folder_or_its_name(tmp_path, monkeypatch):
    own = tmp_path / "models" / "OurWords"
    shutil.copytree(resource_path("Lexicon/WordModel"), own)
    card = json.loads((own / "card.json").read_text("utf-8"))
    (own / "card.json").write_text(json.dumps(card | {"name": "Our words"}), encoding="utf-8")
    monkeypatch.setenv("MICROCALC_MODELS", str(own.parent))
    for given in (own, str(own), "OurWords"):
        assert DescriptionModels.load(words=given).provenance()["words"]["name"] == "Our words"
    assert DescriptionModels.load().provenance()["words"]["name"] != "Our words"
    with pytest.raises(ModelError, match=r"no model “TheirWords”.*OurWords"):
        DescriptionModels.load(words="TheirWords")
    monkeypatch.chdir(own.parent)
    options = options_of(analyze_command, ["image", "--output", "out", "--words", "OurWords"])
    assert analyze_command.task_options(options)["words"] == str(own)  # a folder here is meant, too


def test_describing_does_not_change_what_was_found(described):
    mammogram, analysis = described
    plain = analyze(mammogram)
    assert np.array_equal(plain.labels, analysis.labels)
    pd.testing.assert_frame_equal(plain.clusters, analysis.clusters[plain.clusters.columns])
    assert "morphology" not in plain.clusters


def test_described_results_load_again_with_their_words_and_features(described, tmp_path):
    mammogram, analysis = described
    write_results(mammogram, analysis, tmp_path / "case")
    loaded = load_analysis(tmp_path / "case")
    pd.testing.assert_frame_equal(loaded.clusters, analysis.clusters, check_dtype=False)
    assert loaded.words == tuple(json.loads(json.dumps(analysis.words)))
    tables = FeatureTables.load(tmp_path)
    assert [cluster for _, cluster in tables.clusters.index] == analysis.clusters["id"].tolist()
    assert {image for image, _ in tables.clusters.index} == {"case"}


def test_segments_have_the_colors_of_their_clusters(described):
    analysis = described[1]
    shown = [segment.color for segment in segments(analysis)[1] if segment.name.startswith("Cluster")]
    assert shown == [cluster_color(cluster) for _, cluster in analysis.clusters.iterrows()]


def test_an_image_without_clusters_has_empty_columns(models, tmp_path):
    mammogram = Mammogram(np.zeros((300, 200), np.float32), (0.07, 0.07))
    analysis = analyze(mammogram, models=models)
    assert len(analysis.clusters) == 0
    assert {"morphology", "descriptor_risk"} <= set(analysis.clusters.columns)
    write_results(mammogram, analysis, tmp_path / "blank")
    assert len(load_analysis(tmp_path / "blank").clusters) == 0
