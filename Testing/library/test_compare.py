"""Ways to make a classifier, on identical folds: figures, canaries, the page and the command."""

from __future__ import annotations

import json
import math

import html5lib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cluster_examples import example_cases
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.classification.preparation import Preparation
from MicrocalcAILib.cli import main
from MicrocalcAILib.evaluation.paired_measures import Judged, paired_measures
from MicrocalcAILib.statistics import auc, diagnostic_table
from MicrocalcAILib.training.classifier import ClassifierTraining
from MicrocalcAILib.training.compare import ROWS, Row, Task, _shuffled, compare_rows, read_predictions
from MicrocalcAILib.training.compare_report import save_comparison
from patch_examples import toy_patches
from speck_images import breast_with_specks

QUICK = ClassifierTraining(words=(3,), folds=2, outer_folds=2, grid="small", topology_features=20)
RIDGE = Row("ridge <simple> & honest", {"aggregation": "moments", "resampling": "none"}, "ridge", note="a “note”")


def judged(seed=0, items=60, gain=1.0):
    rng = np.random.default_rng(seed)
    outcome = np.arange(items) % 3 == 0
    score = 1 / (1 + np.exp(-rng.normal(gain * outcome, 1)))
    return outcome, np.arange(items) // 2, Judged(score, score >= 0.5, score)


def test_measures_are_those_of_the_two_by_two_table_and_the_roc_curve():
    outcome, patients, model = judged()
    found = paired_measures(outcome, patients, {"a": model}, resamples=50)["a"]
    table = diagnostic_table(outcome, model.score, 0.5)
    values = {name: estimate.value for name, estimate in found.measures.items()}
    assert values == pytest.approx(
        {
            "auc": auc(outcome, model.score).value,
            "sensitivity": table.sensitivity.value,
            "specificity": table.specificity.value,
            "positive_predictive_value": table.positive_predictive_value.value,
            "f1": table.f1.value,
            "biopsies_avoided": table.true_negative / len(outcome),
        }
    )
    assert found.counts["false_negative"] == table.false_negative
    assert found.measures["auc"].low < values["auc"] < found.measures["auc"].high


def test_paper_threes_confusion_matrix_gives_its_avoided_biopsies():
    outcome = np.array([True] * 17 + [False] * 43)
    positive = np.array([True] * 17 + [True] * 28 + [False] * 15)
    found = paired_measures(outcome, np.arange(60), {"a": Judged(positive.astype(float), positive)}, resamples=20)["a"]
    assert found.measures["biopsies_avoided"].value == 0.25
    assert found.measures["specificity"].value == pytest.approx(15 / 43)
    assert found.measures["f1"].value == pytest.approx(34 / 62)  # of the actionable class
    assert found.calibration is None


def test_a_model_does_not_differ_from_itself_and_a_better_one_does():
    outcome, patients, weak = judged(gain=0.3)
    _, _, strong = judged(gain=4.0)
    found = paired_measures(outcome, patients, {"weak": weak, "same": weak, "strong": strong}, resamples=200)
    assert found["weak"].differences == {}
    assert found["same"].differences["auc"].value == 0
    assert math.isnan(found["same"].differences["auc"].low)  # no spread: no interval that claims certainty
    assert found["strong"].differences["auc"].low > 0


def test_intervals_are_by_patient():
    outcome, _, model = judged(items=30)
    twice = {"a": Judged(np.repeat(model.score, 4), np.repeat(model.positive, 4))}
    by_patient = paired_measures(np.repeat(outcome, 4), np.repeat(np.arange(30), 4), twice, resamples=400)["a"]
    once = paired_measures(outcome, np.arange(30), {"a": model}, resamples=400)["a"]
    assert by_patient.measures["auc"].low == pytest.approx(once.measures["auc"].low)
    alone = paired_measures(np.repeat(outcome, 4), np.arange(120), twice, resamples=400)["a"]
    width = [found.measures["auc"].high - found.measures["auc"].low for found in (by_patient, alone)]
    assert width[0] > 1.5 * width[1]


def test_models_on_one_class_or_on_other_items_are_refused():
    outcome, patients, model = judged()
    with pytest.raises(ParameterError, match="both classes"):
        paired_measures(np.zeros(60, bool), patients, {"a": model})
    with pytest.raises(ParameterError, match="same items"):
        paired_measures(outcome[:40], patients[:40], {"a": model})


def test_feature_sets_are_disjoint_and_together_everything_measured():
    cases = example_cases(24)

    def names(feature_set):
        return set(Preparation.fit(cases.tables, "moments", 0, 1, feature_set).features)

    parts = [names(part) for part in ("radiomics", "region", "topology", "distribution")]
    assert all(parts)
    assert set.union(*parts) == names("measured")
    assert sum(map(len, parts)) == len(names("measured"))
    assert names("local") == parts[0] | parts[1]
    assert names("global") == parts[2] | parts[3]


def test_shuffled_outcomes_stay_together_within_patients():
    cases = example_cases(60)
    outcome = _shuffled(cases, np.random.default_rng(1))
    assert outcome.sum() == cases.malignant.sum()
    assert (outcome != cases.malignant).any()
    by_patient = pd.Series(outcome).groupby(cases.patients).nunique()
    assert (by_patient == 1).all()


@pytest.fixture(scope="module")
def two_rows():
    rows = [Row("trees", {"feature_set": "distribution"}), RIDGE]
    return compare_rows(example_cases(48, effect=3.0), QUICK, rows)


@pytest.mark.slow
def test_rows_find_what_is_there_on_the_same_folds_and_their_canaries_do_not(two_rows):
    for name in two_rows.models:
        assert two_rows.measures[name].measures["auc"].value > 0.8
        assert two_rows.canaries[name].low < 0.5 < two_rows.canaries[name].high
    for patient in np.unique(two_rows.patients):
        assert len(set(two_rows.folds[two_rows.patients == patient])) == 1
    assert list(two_rows.measures[RIDGE.name].differences) == list(two_rows.measures["trees"].measures)


def given_task(name="Task 1"):
    outcome, patients, model = judged()
    models = {"AlexNet": model, "ResNet18 <b>": judged(gain=2.0)[2]}
    return Task(name, outcome, patients, models, paired_measures(outcome, patients, models, resamples=50), {}, {})


@pytest.mark.slow
def test_the_page_is_well_formed_says_its_results_in_words_and_holds_no_script(two_rows, tmp_path):
    save_comparison([two_rows, given_task()], tmp_path, {"seed": 1}, ["Something <else>: not there."])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    images = page.findall(".//img")
    assert len(images) == 4
    area = two_rows.measures["trees"].measures["auc"].value
    assert f"trees {area:.2f}" in images[0].get("alt")
    assert "Brier scores" in images[1].get("alt")
    assert all(heading.get("scope") in ("col", "row") for heading in page.findall(".//th"))
    names = ["".join(cell.itertext()) for cell in page.findall(".//tbody//th")]
    assert "ridge <simple> & honest" in names
    assert "ResNet18 <b>" in names
    assert page.find(".//script") is None
    words = " ".join(page.find(".//body").itertext())
    assert "48 items of 24 patients" in words
    assert "60 items of 30 patients, 20 positive" in words
    assert "<" not in words.replace("<simple>", "").replace("<b>", "").replace("<else>", "")
    assert "http" not in text.replace("http-equiv", "")
    assert "Something &lt;else&gt;" in text


@pytest.mark.slow
def test_tables_and_numbers_of_a_comparison_agree(two_rows, tmp_path):
    save_comparison([two_rows], tmp_path, {"seed": 1})
    record = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))["tasks"][0]
    rows = pd.read_csv(tmp_path / "rows.csv").set_index("model")
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    for name, model in record["models"].items():
        assert rows.loc[name, "auc"] == pytest.approx(model["auc"]["value"])
        assert rows.loc[name, "canary_auc"] == pytest.approx(model["canary_auc"]["value"])
        own = predictions[predictions["model"] == name]
        assert auc(own["outcome"], own["score"]).value == pytest.approx(model["auc"]["value"])
        assert own["positive"].sum() == model["counts"]["true_positive"] + model["counts"]["false_positive"]
    assert record["models"][RIDGE.name]["note"] == "a “note”"


def predictions_table(task="lesion", models=("detector", "other")):
    outcome, patients, model = judged(items=20)
    rows = []
    for name in models:
        for i, value in enumerate(outcome):
            rows.append((task, name, f"i{i}", f"p{patients[i]}", int(value), model.score[i], 0.3))
    return pd.DataFrame(rows, columns=["task", "model", "item", "patient", "outcome", "score", "threshold"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="score"), "lacks the column “score”"),
        (lambda t: t.assign(outcome=2), "holds 0 or 1"),
        (lambda t: t.assign(patient=[None, *t["patient"][1:]]), "empty cells"),
        (lambda t: pd.concat([t, t[:1]]), "twice"),
        (lambda t: t[:-1], "did not judge the same items"),
        (lambda t: t.assign(patient=[*t["patient"][:-1], "someone"]), "differ from those of the others"),
    ],
)
def test_tables_of_predictions_that_cannot_be_compared_are_refused(tmp_path, change, message):
    change(predictions_table()).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(ParameterError, match=message):
        read_predictions([tmp_path / "p.csv"])


def test_the_command_compares_predictions_of_several_levels(tmp_path, capsys):
    for level in ("lesion", "breast"):
        predictions_table(level).sample(frac=1, random_state=1).to_csv(tmp_path / f"{level}.csv", index=False)
    arguments = ["--predictions", str(tmp_path / "lesion.csv"), str(tmp_path / "breast.csv")]
    assert main(["train", "compare", *arguments, "--output", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert [task["name"] for task in record["tasks"]] == ["lesion", "breast"]
    table = predictions_table()
    expected = diagnostic_table(table["outcome"][:20], table["score"][:20], 0.3)
    assert record["tasks"][0]["models"]["detector"]["sensitivity"]["value"] == expected.sensitivity.value
    assert "detector: AUC" in capsys.readouterr().out


def test_the_command_needs_something_to_compare(tmp_path, capsys):
    assert main(["train", "compare", "--output", str(tmp_path / "out")]) == 2
    assert "--predictions" in capsys.readouterr().err


@pytest.mark.slow
def test_networks_are_trained_and_compared_in_one_run_and_kept_in_the_next(tmp_path, capsys):
    pytest.importorskip("torch")
    toy_patches(patients=20, per_patient=8).save(tmp_path / "patches")
    rows = []
    for number in range(8):
        outcome = ("benign", "malignant")[number % 2]
        breast, _ = breast_with_specks(number, contrast=60.0 if outcome == "benign" else 120.0)
        Image.fromarray((breast.pixels / 3).clip(0, 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
        split = "train" if number < 4 else "held-out"
        rows.append((f"{number}.png", f"p{number}", "L", 0.07, 216, 640, 40, 460, outcome, split))
    names = ["image", "patient", "breast", "spacing_mm", "row_min", "row_max", "column_min", "column_max"]
    table = pd.DataFrame(rows, columns=[*names, "class", "split"])
    table.to_csv(tmp_path / "lesions.csv", index=False)
    asked = ["train", "compare", "--patches", tmp_path / "patches", "--architectures", "resnet18", "resnet34"]
    asked += ["--lesions", tmp_path / "lesions.csv", "--tiles", 2, "--epochs", 1, "--device", "cpu"]
    asked = [*map(str, asked), "--output", str(tmp_path / "out")]
    assert main(asked) == 0
    record = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    compared = {task["name"]: list(task["models"]) for task in record["tasks"]}
    assert [models for name, models in compared.items() if name.startswith("Task")] == [["ResNet18", "ResNet34"]] * 2
    assert {"Lesions", "Breasts", "Exams"} <= set(compared)
    assert record["notes"] == []
    capsys.readouterr()
    assert main(asked) == 0
    assert capsys.readouterr().out.count("kept") == 5
    table.drop(columns="split").to_csv(tmp_path / "lesions.csv", index=False)
    assert main(asked) == 2
    assert "needs a column “split”" in capsys.readouterr().err


def write_cases(folder, cases):
    cases.tables.save(folder)
    rows = cases.tables.clusters.index.to_frame(index=False)
    rows.assign(malignant=cases.malignant.astype(int), patient_id=cases.patients).to_csv(
        folder / "labels.csv", index=False
    )


@pytest.mark.slow
def test_the_papers_table_from_files_to_page(tmp_path, capsys):
    (tmp_path / "results").mkdir()
    write_cases(tmp_path / "results", example_cases(48, effect=2.0))
    arguments = ["--table", str(tmp_path / "results"), "--labels", str(tmp_path / "results" / "labels.csv")]
    quick = ["--grid", "small", "--words", "3", "--folds", "2", "--outer-folds", "2"]
    assert main(["train", "compare", *arguments, *quick, "--output", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    models = record["tasks"][0]["models"]
    assert list(models) == [row.name for row in ROWS]
    assert models[ROWS[0].name]["auc"]["value"] > 0.7
    assert models[ROWS[3].name]["auc"]["value"] > 0.7  # the difference lies in the calcifications
    canaries = [model["canary_auc"]["value"] for model in models.values()]
    assert 0.3 < np.mean(canaries) < 0.7
    assert len(record["notes"]) == 2
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    assert "Not compared" in text
    print(capsys.readouterr().out)
