"""Tables of reader studies, and the command that analyzes them."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.cli import main
from MicrocalcAILib.evaluation.figures_of_merit import MarkedImages, figure_of_merit
from MicrocalcAILib.evaluation.reading_table import read_readings, reader_study
from MicrocalcAILib.statistics.reader_study import BOTH_RANDOM


def ratings_table(seed=1, cases=30, readers=3):
    rng = np.random.default_rng(seed)
    truth = np.arange(cases) % 2
    hard = rng.normal(0, 0.7, cases)
    rows = []
    for modality, gain in (("without AI", 0.8), ("with AI", 1.4)):
        for reader in range(readers):
            ratings = np.round(hard + gain * truth + rng.normal(0, 0.7, cases), 1)
            rows += [(f"R{reader}", modality, f"c{k}", truth[k], ratings[k]) for k in range(cases)]
    return pd.DataFrame(rows, columns=["reader", "modality", "case", "truth", "rating"])


def marks_table(seed=2, cases=24):
    rng = np.random.default_rng(seed)
    lesions = np.arange(cases) % 3  # none, one, two
    rows = []
    for modality, gain in (("without AI", 1.0), ("with AI", 2.0)):
        for reader in ("R1", "R2", "R3"):
            for k in range(cases):
                key = (reader, modality, f"c{k}", f"p{k // 2}", lesions[k])
                marks = [(round(rng.normal(0, 1), 2), None) for _ in range(rng.integers(0, 3))]
                marks += [(round(rng.normal(gain, 1), 2), f"L{n}") for n in range(lesions[k]) if rng.random() < 0.8]
                rows += [(*key, *mark) for mark in (marks or [(math.nan, None)])]
    columns = ["reader", "modality", "case", "patient", "truth", "rating", "lesion"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def written(tmp_path):
    def write(table):
        table.to_csv(tmp_path / "readings.csv", index=False)
        return tmp_path / "readings.csv"

    return write


def test_ratings_are_read_in_any_order_of_the_rows(written):
    table = ratings_table()
    straight = read_readings(written(table))
    mixed = read_readings(written(table.sample(frac=1, random_state=3)))
    first, second = (reader_study(readings, "auc")[0] for readings in (straight, mixed))
    by_name = {(m, r): first.figures[i, j] for i, m in enumerate(first.modalities) for j, r in enumerate(first.readers)}
    for i, modality in enumerate(second.modalities):
        for j, reader in enumerate(second.readers):
            assert second.figures[i, j] == pytest.approx(by_name[modality, reader])
    assert straight.modalities == ("without AI", "with AI")


def test_marks_become_the_highest_false_mark_and_the_highest_mark_of_each_lesion(written):
    table = marks_table()
    readings = read_readings(written(table))
    part = table[(table["reader"] == "R2") & (table["modality"] == "with AI")]
    false, images, lesions = [], [], []
    for k, (_, rows) in enumerate(part.groupby("case", sort=False)):
        false.append(rows.loc[rows["lesion"].isna(), "rating"].max())
        for n in range(int(rows["truth"].iloc[0])):
            images.append(k)
            lesions.append(rows.loc[rows["lesion"] == f"L{n}", "rating"].max())
    expected = MarkedImages(
        np.nan_to_num(false, nan=-np.inf), np.array(images, int), np.nan_to_num(lesions, nan=-np.inf)
    )
    found = readings.marks[1][1]
    np.testing.assert_array_equal(found.false, expected.false)
    for figure in ("wAFROC", "AFROC", "HrAUC", "LROC"):
        assert figure_of_merit(found, figure) == figure_of_merit(expected, figure)


@pytest.mark.parametrize("figure", ["wafroc", "afroc", "hr-auc", "lroc", "auc"])
def test_marks_are_analyzed_by_every_figure_of_merit_with_the_jackknife_over_patients(written, figure):
    study, method, units = reader_study(read_readings(written(marks_table())), figure)
    assert method == "jackknife over patients"
    assert units == 12
    assert 0 < study.variances.error < 0.1
    assert study.analyses[BOTH_RANDOM].comparisons[0].difference.value < 0  # without AI − with AI


def test_the_area_of_cases_of_one_patient_is_not_delongs(written):
    table = ratings_table()
    assert reader_study(read_readings(written(table)), "auc")[1:] == ("DeLong", 30)
    twins = table.assign(patient=table["case"].str[1:].astype(int) // 2)
    study, method, units = reader_study(read_readings(written(twins)), "auc")
    assert (method, units) == ("jackknife over patients", 15)
    np.testing.assert_allclose(study.figures, reader_study(read_readings(written(table)), "auc")[0].figures)


def test_sensitivity_and_specificity_have_the_binomial_variance(written):
    readings = read_readings(written(ratings_table()))
    for figure, state in (("sensitivity", 1), ("specificity", 0)):
        study, _, units = reader_study(readings, figure, threshold=0.5)
        assert units == 15
        cases = readings.ratings[..., readings.lesions == state] >= 0.5
        share = cases.mean(axis=-1) if state else 1 - cases.mean(axis=-1)
        np.testing.assert_allclose(study.figures, share)
        assert study.variances.error == pytest.approx(np.mean(share * (1 - share) / 14))


def test_cases_that_somebody_did_not_read_are_left_out_and_counted(written):
    table = ratings_table()
    readings = read_readings(written(table[~((table["case"] == "c4") & (table["reader"] == "R1"))]))
    assert len(readings.lesions) == 29
    assert "1 of 30 cases" in readings.warnings[0].message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="truth"), "lacks the column “truth”"),
        (lambda t: pd.concat([t, t[:1]]), "twice"),
        (lambda t: t.assign(rating=["high", *t["rating"][1:]]), "not a number"),
        (lambda t: t.assign(truth=[1, *t["truth"][1:]]), "differ in the column “truth”"),
        (lambda t: t.assign(truth=-1), "number of lesions"),
        (lambda t: t.assign(reader=[None, *t["reader"][1:]]), "names its reader"),
        (lambda t: t.assign(rating=[math.nan, *t["rating"][1:]]), "rating is missing"),
        (lambda t: t[(t["case"] == "c1") == (t["reader"] == "R1")], "No case was read by every reader"),
        (lambda t: t.assign(lesion="L1"), "lies in a case with lesions"),
        (lambda t: t[t["reader"] == "R1"], "at least two"),
    ],
)
def test_tables_that_contradict_themselves_are_refused_in_one_sentence(written, change, message):
    with pytest.raises(ParameterError, match=message):
        reader_study(read_readings(written(change(ratings_table()))), "auc")


def test_more_hit_lesions_than_there_are_is_refused(written):
    table = marks_table()
    extra = table[table["truth"] == 1][:1].assign(lesion="another", rating=1.0)
    first = extra.assign(lesion="one")
    with pytest.raises(ParameterError, match="More lesions were hit"):
        read_readings(written(pd.concat([table, extra, first])))


def test_a_figure_of_marks_needs_marks_and_a_sensitivity_a_threshold(written):
    readings = read_readings(written(ratings_table()))
    with pytest.raises(ParameterError, match="no column “lesion”"):
        reader_study(readings, "wafroc")
    with pytest.raises(ParameterError, match="--threshold"):
        reader_study(readings, "sensitivity")


def test_the_command_writes_numbers_tables_picture_and_text(written, tmp_path, capsys):
    output = tmp_path / "study"
    assert main(["reader-study", "analyze", str(written(marks_table())), "--output", str(output)]) == 0
    record = json.loads((output / "reader_study.json").read_text(encoding="utf-8"))
    assert record["figure_of_merit"] == "wafroc"
    assert record["covariance"] == {"method": "jackknife over patients", "units": 12}
    comparisons = pd.read_csv(output / "comparisons.csv")
    expected = record["analyses"][BOTH_RANDOM]["comparisons"][0]
    assert comparisons["p_value"][0] == pytest.approx(expected["p_value"])
    assert set(comparisons["reader"].dropna()) == {"R1", "R2", "R3"}
    figures = pd.read_csv(output / "figures.csv")
    assert list(figures) == ["reader", "without AI", "with AI"]
    assert len(pd.read_csv(output / "plan.csv")) == len(record["plan"]["studies"])
    assert (output / "reader_study.png").stat().st_size > 10_000
    text = (output / "reader_study.txt").read_text(encoding="utf-8")
    assert text.strip() in capsys.readouterr().out
    assert "3 readers, 2 modalities; wAFROC figure of merit" in text


def test_the_command_plans_for_the_difference_that_is_asked_for(written, tmp_path):
    for name, arguments in (("own", []), ("asked", ["--difference", "0.3"])):
        command = ["reader-study", "analyze", str(written(ratings_table())), "--output", str(tmp_path / name)]
        assert main([*command, *arguments]) == 0
    own, asked = (json.loads((tmp_path / n / "reader_study.json").read_text())["plan"] for n in ("own", "asked"))
    assert asked["difference"] == 0.3
    assert own["difference"] != 0.3
    assert own["studies"] != asked["studies"]


def test_the_command_refuses_a_missing_table_in_one_sentence(tmp_path, capsys):
    assert main(["reader-study", "analyze", str(tmp_path / "none.csv"), "--output", str(tmp_path / "out")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
