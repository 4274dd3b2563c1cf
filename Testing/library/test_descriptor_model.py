"""The descriptor risk model: what it reads, what it answers, what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.base.errors import ModelError, ParameterError
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.lexicon.cbis import read_cbis
from MicrocalcAILib.lexicon.descriptor_model import DescriptorModel, Descriptors, Encoding
from MicrocalcAILib.training.descriptors import DescriptorTraining, cbis_predictive_values, train_descriptor_model
from real_data import more_data

QUICK = DescriptorTraining(bootstrap_samples=20, resamples=50)


@pytest.fixture(scope="module")
def model():
    return DescriptorModel.load()


@pytest.fixture(scope="module")
def cbis():
    """The calcification tables of CBIS-DDSM: training, test."""
    return more_data("cbis/Calc-Training.csv"), more_data("cbis/Calc-Test.csv")


@pytest.fixture(scope="module")
def retrained(cbis, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "DescriptorRisk"
    return folder, train_descriptor_model(*cbis, folder, QUICK)


# As the tables of CBIS-DDSM are written: a line break in a cell, compound words, an empty distribution.
LIKE_CBIS = """patient_id,breast density,left or right breast,image view,abnormality id,abnormality type,calc type,\
calc distribution,assessment,pathology,subtlety,image file path
P_1,3,RIGHT,CC,1,calcification,AMORPHOUS,CLUSTERED,4,MALIGNANT,2,"a.dcm
"
P_1,3,RIGHT,MLO,1,calcification,AMORPHOUS,CLUSTERED,4,MALIGNANT,2,"b.dcm
"
P_2,1,LEFT,CC,1,calcification,PLEOMORPHIC-FINE_LINEAR_BRANCHING,CLUSTERED-LINEAR,5,BENIGN,4,c.dcm
P_3,0,LEFT,CC,1,calcification,ROUND_AND_REGULAR-LUCENT_CENTER,N/A,2,BENIGN_WITHOUT_CALLBACK,3,d.dcm
""".replace("\\\n", "")


@pytest.fixture
def like_cbis(tmp_path):
    (tmp_path / "like.csv").write_text(LIKE_CBIS)
    return tmp_path / "like.csv"


def made_up_table(path: Path, rows: int, seed: int, first_patient: int, age: bool = False) -> Path:
    """Lesions whose outcome follows the word (and the age), two per patient."""
    rng = np.random.default_rng(seed)
    bad = rng.random(rows) < 0.5
    years = rng.uniform(40, 80, rows)
    risk = np.where(bad, 0.8, 0.2) if not age else 1 / (1 + np.exp(-(years - 60) / 4))
    table = pd.DataFrame(
        {
            "patient_id": [f"P{first_patient + index // 2}" for index in range(rows)],
            "left or right breast": "LEFT",
            "abnormality id": np.arange(rows) % 2,
            "breast density": 2,
            "calc type": np.where(bad, "PLEOMORPHIC", "PUNCTATE"),
            "calc distribution": "CLUSTERED",
            "pathology": np.where(rng.random(rows) < risk, "MALIGNANT", "BENIGN"),
        }
    )
    if age:
        table["age"] = years
    table.to_csv(path, index=False)
    return path


def test_a_table_is_read_with_its_line_breaks_and_compound_words(like_cbis):
    table = read_cbis(like_cbis)
    assert table["patient"].tolist() == ["P_1", "P_1", "P_2", "P_3"]
    assert table["lesion"].nunique() == 3
    assert table["malignant"].tolist() == [True, True, False, False]
    assert table["called_back"].tolist() == [True, True, True, False]
    assert set(table["morphology"][2]) == {"fine linear branching", "fine pleomorphic"}
    assert set(table["distribution"][2]) == {"grouped", "linear"}
    assert table["distribution"][3] == ()
    assert table["density"].tolist()[:3] == [3, 3, 1]
    assert np.isnan(table["density"][3])


def test_the_tables_of_cbis_are_read_whole(cbis):
    table = read_cbis(cbis[0])
    assert len(table) == 1546
    assert table["patient"].nunique() == 602
    assert table["malignant"].sum() == 544
    assert ("fine linear branching", "fine pleomorphic") in set(table["morphology"])
    assert ("grouped", "linear") in set(table["distribution"])
    assert (~table["called_back"]).sum() == 474


def test_neither_the_assessment_nor_subtlety_reaches_the_model(like_cbis, tmp_path):
    original = pd.read_csv(like_cbis, dtype=str)
    changed = original.assign(assessment="0", subtlety="0")
    changed.to_csv(tmp_path / "changed.csv", index=False)
    pd.testing.assert_frame_equal(read_cbis(like_cbis), read_cbis(tmp_path / "changed.csv"))


def test_unknown_words_of_a_table_are_refused_by_name(tmp_path):
    path = made_up_table(tmp_path / "table.csv", 10, 0, 0)
    path.write_text(path.read_text().replace("PUNCTATE", "SPARKLING"))
    with pytest.raises(ParameterError, match="SPARKLING"):
        read_cbis(path)


def test_in_cbis_an_empty_distribution_gives_the_benign_outcome_away(cbis):
    table = read_cbis(cbis[0])
    empty = table["distribution"].map(len) == 0
    assert empty.sum() == 376
    assert not table["malignant"][empty].any()


def test_an_empty_distribution_says_nothing_about_the_outcome():
    """It has to count as the average of the others, whatever it tells in a table."""
    encoding = Encoding(("punctate",), ("grouped", "linear"), {"punctate": 0.5, "grouped": 0.7, "linear": 0.3})
    assert encoding.row(Descriptors(("punctate",))).tolist() == [1.0, 0.7, 0.3]


def test_words_are_ranked_as_in_every_cohort(model):
    risks = [
        model.probability(Descriptors((name,), ("grouped",), 2)).estimate.value
        for name in ("vascular", "punctate", "amorphous", "fine pleomorphic", "fine linear branching")
    ]
    assert risks == sorted(risks)
    assert risks[0] < 0.05
    assert risks[-1] > 0.5


def test_fine_linear_is_answered_by_the_word_the_cohort_has_for_it(model):
    answers = [model.probability(Descriptors((name,))).estimate for name in ("fine linear", "fine linear branching")]
    assert answers[0] == answers[1]


def test_every_probability_has_an_interval_around_it(model):
    for name in model.encoding.morphologies:
        estimate = model.probability(Descriptors((name,), ("grouped",), 3)).estimate
        assert 0 < estimate.low <= estimate.value <= estimate.high < 1
        assert estimate.high > estimate.low


def test_a_word_the_cohort_does_not_have_gets_no_probability_and_a_reason(model):
    risk = model.probability(Descriptors(("coarse heterogeneous",), ("grouped",)))
    assert np.isnan(risk.estimate.value)
    assert "coarse heterogeneous" in risk.notes[0]


def test_the_prevalence_moves_the_odds_and_nothing_else(model):
    lesion = Descriptors(("amorphous",), ("grouped",), 2)
    own = model.card["prevalence"]
    as_trained = model.probability(lesion).estimate.value
    assert model.probability(lesion, own).estimate.value == pytest.approx(as_trained)
    moved = model.probability(lesion, 0.05).estimate.value
    odds = [share / (1 - share) for share in (as_trained, moved, own, 0.05)]
    assert odds[1] / odds[0] == pytest.approx(odds[3] / odds[2])


def test_age_is_declined_in_words_where_the_table_had_none(model):
    with_age = model.probability(Descriptors(("amorphous",), age=50.0))
    assert any("age was not used" in note for note in with_age.notes)
    assert with_age.estimate == model.probability(Descriptors(("amorphous",))).estimate


@pytest.mark.slow
def test_age_is_used_where_the_table_has_it(tmp_path):
    train = made_up_table(tmp_path / "train.csv", 400, 1, 0, age=True)
    test = made_up_table(tmp_path / "test.csv", 100, 2, 1000, age=True)
    card = train_descriptor_model(train, test, tmp_path / "model", QUICK)
    model = DescriptorModel.load(tmp_path / "model")
    young, old = (model.probability(Descriptors(("punctate",), age=age)).estimate for age in (45.0, 75.0))
    assert young.high < 0.3
    assert old.low > 0.7
    assert card["test"]["all"]["auc"]["value"] > 0.9


@pytest.mark.parametrize(
    "wrong", [{"morphology": ("sparkling",)}, {"distribution": ("round",)}, {"density": 7}, {"age": 3}]
)
def test_impossible_descriptors_are_refused(wrong):
    with pytest.raises(ParameterError):
        Descriptors(**wrong)


@pytest.mark.slow
def test_a_model_of_a_made_up_table_ranks_its_words_and_says_what_it_was_made_of(tmp_path):
    train, test = made_up_table(tmp_path / "a.csv", 400, 1, 0), made_up_table(tmp_path / "b.csv", 100, 2, 1000)
    card = train_descriptor_model(train, test, tmp_path / "model", QUICK)
    model = DescriptorModel.load(tmp_path / "model")
    punctate, pleomorphic = (
        model.probability(Descriptors((name,), ("grouped",), 2)).estimate for name in ("punctate", "fine pleomorphic")
    )
    assert punctate.low < 0.2 < punctate.high + 0.05
    assert pleomorphic.low - 0.05 < 0.8 < pleomorphic.high
    again = train_descriptor_model(train, test, tmp_path / "again", QUICK)
    assert again["sha256"] == card["sha256"]
    assert card["test"]["all"]["auc"]["value"] == pytest.approx(0.8, abs=0.1)
    assert len(card["sources_sha256"]) == 2


def test_the_bundled_model_is_what_its_command_makes(model, retrained):
    """Coefficients do not depend on the number of bootstrap samples."""
    np.testing.assert_allclose(DescriptorModel.load(retrained[0]).coefficients[0], model.coefficients[0], rtol=1e-4)
    assert model.card["sources_sha256"] == retrained[1]["sources_sha256"]
    for subset in ("all", "recorded_distribution", "called_back"):
        figures = [card["test"][subset]["auc"]["value"] for card in (model.card, retrained[1])]
        assert figures[0] == pytest.approx(figures[1], abs=1e-6)


def test_the_card_tells_easy_lesions_from_hard_ones(model):
    areas = {name: figures["auc"] for name, figures in model.card["test"].items()}
    assert areas["called_back"]["value"] < areas["all"]["value"]
    assert all(area["low"] < area["value"] < area["high"] for area in areas.values())
    assert "CC BY 3.0" in model.card["license"]


def test_a_patient_in_both_tables_is_refused(tmp_path):
    path = made_up_table(tmp_path / "table.csv", 60, 1, 0)
    with pytest.raises(ParameterError, match="training and in the test"):
        train_descriptor_model(path, path, tmp_path / "model", QUICK)


@pytest.mark.parametrize("damage", ["missing", "altered", "other kind", "incomplete"])
def test_a_damaged_model_is_refused_with_one_sentence(tmp_path, damage):
    folder = tmp_path / "model"
    shutil.copytree(resource_path("Models/DescriptorRisk"), folder)
    card = json.loads((folder / "card.json").read_text())
    if damage == "missing":
        (folder / "model.json").unlink()
    elif damage == "altered":
        (folder / "model.json").write_text((folder / "model.json").read_text().replace("0.", "0.1", 1))
    elif damage == "other kind":
        (folder / "card.json").write_text(json.dumps(card | {"kind": "something else"}))
    else:
        import hashlib

        (folder / "model.json").write_bytes(b"{}")
        digest = hashlib.sha256(b"{}").hexdigest()
        (folder / "card.json").write_text(json.dumps(card | {"sha256": {"model.json": digest}}))
    with pytest.raises(ModelError) as refusal:
        DescriptorModel.load(folder)
    assert str(refusal.value).count(".") <= 2
    assert str(folder.parent) not in str(refusal.value)


def test_predictive_values_are_counted_in_a_table(tmp_path):
    path = made_up_table(tmp_path / "table.csv", 200, 5, 0)
    rows = cbis_predictive_values([path], tmp_path / "values.csv").set_index(["kind", "word"])
    lesions = pd.read_csv(path)
    for word, written in (("punctate", "PUNCTATE"), ("fine pleomorphic", "PLEOMORPHIC")):
        malignant = lesions["pathology"][lesions["calc type"] == written] == "MALIGNANT"
        assert rows.at[("morphology", word), "percent"] == round(100 * malignant.mean(), 1)
    assert rows.at[("distribution", "grouped"), "percent"] == round(
        100 * (lesions["pathology"] == "MALIGNANT").mean(), 1
    )


def test_the_table_of_predictive_values_is_what_its_command_makes(cbis, tmp_path):
    table = cbis_predictive_values(cbis, tmp_path / "values.csv")
    assert (tmp_path / "values.csv").read_text() == resource_path("Lexicon/predictive_values_cbis.csv").read_text()
    rows = table.set_index(["kind", "word"])
    lesions = pd.concat([read_cbis(path) for path in cbis])
    amorphous = lesions[["amorphous" in names for names in lesions["morphology"]]]
    assert rows.at[("morphology", "amorphous"), "percent"] == round(100 * amorphous["malignant"].mean(), 1)
    assert rows.at[("morphology", "vascular"), "percent"] == 0
    assert rows.at[("morphology", "vascular"), "high_percent"] > 10  # 21 patients exclude little
