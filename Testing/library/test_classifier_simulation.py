"""Simulated clusters with the mix of a real cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.classification.cases import read_cases, read_description
from MicrocalcAILib.classification.feature_tables import FeatureTables
from MicrocalcAILib.training.simulated_clusters import (
    ClusterSimulation,
    drawn_images,
    read_cohort,
    simulate_clusters,
    write_training_data,
)
from real_data import write_background_table


def _write(path, rows):
    columns = ["patient_id", "left or right breast", "abnormality id", "calc type", "calc distribution", "pathology"]
    pd.DataFrame(rows, columns=columns).assign(**{"breast density": 2}).to_csv(path, index=False)
    return [path]


def test_a_lesion_seen_in_two_views_counts_once(tmp_path):
    rows = [("P1", "LEFT", 1, "AMORPHOUS", "CLUSTERED", "MALIGNANT")] * 2
    rows += [("P1", "RIGHT", 1, "PUNCTATE", "SEGMENTAL", "BENIGN_WITHOUT_CALLBACK")]
    cohort = read_cohort(_write(tmp_path / "cases.csv", rows))
    assert cohort.pairs == [[("amorphous", "grouped")], [("punctate", "segmental")]]
    assert cohort.malignant.tolist() == [True, False]


def test_composite_words_stand_for_each_of_their_parts(tmp_path):
    rows = [("P1", "LEFT", 1, "AMORPHOUS-PLEOMORPHIC", "CLUSTERED-LINEAR", "BENIGN")]
    (pairs,) = read_cohort(_write(tmp_path / "cases.csv", rows)).pairs
    assert set(pairs) == {
        ("amorphous", "grouped"),
        ("amorphous", "linear"),
        ("fine pleomorphic", "grouped"),
        ("fine pleomorphic", "linear"),
    }


def test_lesions_without_a_word_that_is_simulated_are_counted_and_left_out(tmp_path):
    rows = [
        ("P1", "LEFT", 1, "N/A", "REGIONAL", "BENIGN"),
        ("P2", "LEFT", 1, "SKIN", "SEGMENTAL", "BENIGN"),
        ("P3", "LEFT", 1, "VASCULAR", "N/A", "BENIGN"),
    ]
    cohort = read_cohort(_write(tmp_path / "cases.csv", rows))
    assert cohort.left_out == 2
    assert cohort.pairs == [[("vascular", "linear")]]


def test_the_risk_of_a_pair_is_its_share_of_malignant_lesions(tmp_path):
    rows = [("P1", "LEFT", n, "AMORPHOUS", "CLUSTERED", "MALIGNANT" if n < 1 else "BENIGN") for n in range(4)]
    rows += [("P1", "LEFT", 9, "AMORPHOUS-PUNCTATE", "CLUSTERED", "MALIGNANT")]
    cohort = read_cohort(_write(tmp_path / "cases.csv", rows))
    assert cohort.malignancy("amorphous", "grouped") == pytest.approx(1.5 / 4.5)
    assert cohort.malignancy("punctate", "grouped") == 1.0


def test_another_table_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ParameterError, match="lacks the column"):
        read_cohort([tmp_path / "other.csv"])


def test_scattered_lesions_have_an_image_of_their_own(tmp_path):
    rows = [
        ("P1", "LEFT", 1, "PUNCTATE", "CLUSTERED", "BENIGN"),
        ("P2", "LEFT", 1, "PUNCTATE", "DIFFUSELY_SCATTERED", "BENIGN"),
    ]
    cohort = read_cohort(_write(tmp_path / "cases.csv", rows))
    images = drawn_images(cohort, ClusterSimulation(clusters=41, per_image=4, seed=5))
    assert sum(map(len, images)) == 41
    assert max(map(len, images)) == 4
    for lesions in images:
        assert len(lesions) == 1 or {lesion.distribution for lesion in lesions} == {"grouped"}
    assert any(lesion.distribution == "diffuse" for lesions in images for lesion in lesions)


@pytest.mark.slow
def test_simulated_clusters_are_found_measured_and_labeled_again_in_the_same_way(tmp_path):
    rows = [
        ("P1", "LEFT", 1, "PUNCTATE", "CLUSTERED", "BENIGN"),
        ("P2", "LEFT", 1, "PLEOMORPHIC", "CLUSTERED", "MALIGNANT"),
    ]
    cohort = read_cohort(_write(tmp_path / "cases.csv", rows))
    simulation = ClusterSimulation(clusters=5, simulated_backgrounds=1, seed=3)
    tables, labels = simulate_clusters(cohort, [], simulation)
    again, labels_again = simulate_clusters(cohort, [], simulation)
    pd.testing.assert_frame_equal(labels, labels_again)
    pd.testing.assert_frame_equal(tables.clusters, again.clusters)
    found = labels[labels["cluster_id"] > 0]
    assert len(tables) == len(found) >= 2
    assert (labels["malignant"] == (labels["morphology"] == "fine pleomorphic")).all()
    assert labels["patient_id"].nunique() == 1
    counts = tables.clusters["distribution_count"]
    assert (counts >= 5).all()
    assert np.array_equal(np.bincount(tables.owners), counts)


@pytest.mark.slow
def test_training_data_say_that_they_are_simulated_and_keep_the_test_apart(tmp_path):
    rows = [
        ("P1", "LEFT", 1, "PUNCTATE", "CLUSTERED", "BENIGN"),
        ("P2", "LEFT", 1, "PLEOMORPHIC", "CLUSTERED", "MALIGNANT"),
    ]
    cohort = _write(tmp_path / "cases.csv", rows)
    backgrounds = write_background_table(tmp_path / "backgrounds.csv")
    pd.read_csv(backgrounds).groupby("split").head(1).to_csv(backgrounds, index=False)  # one film each is enough
    simulations = {"train": ClusterSimulation(4, 1, 3), "test": ClusterSimulation(4, 1, 4)}
    description = write_training_data(
        backgrounds,
        {"train": cohort, "test": cohort},
        tmp_path / "features",
        simulations,
    )
    assert read_description(tmp_path / "features") == description
    assert description["simulated"] is True
    assert "simulated" in description["notice"]
    tables = FeatureTables.load(tmp_path / "features")
    cases, held_out = read_cases(tables, tmp_path / "features" / "labels.csv", "patient_id")
    assert len(cases) == len(tables) == sum(description["simulation"][split]["found"] for split in ("train", "test"))
    assert 0 < held_out.sum() < len(cases)
    assert description["simulation"]["train"]["lesions_of_the_cohort"] == 2
