"""From the readers' files to tables, agreement and the comparison of the conditions; adjudication; other machines."""

import contextlib
import io
import sys

import pandas as pd
import pytest

from library.study_examples import (
    CLUSTER_COLUMN,
    CLUSTER_ROW,
    SimulatedReader,
    changed_plan,
    diseased_cases,
    make_dataset,
    make_study,
    read_all,
)
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.cli import main
from MicrocalcAILib.evaluation.reading_table import read_readings
from MicrocalcAILib.study.adjudication import disagreements, side_by_side
from MicrocalcAILib.study.analysis import analyze_study
from MicrocalcAILib.study.assignment import assign, assign_adjudicator
from MicrocalcAILib.study.collect import collect, lesion_hit
from MicrocalcAILib.study.plan import plan_of
from MicrocalcAILib.study.reading import Reading, ReadingError

READERS = {"AB": 1, "CD": 2, "EF": 3}


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, count=8)


@pytest.fixture(scope="module")
def completed(tmp_path_factory):
    """A sequential study of 20 cases that three simulated readers have finished."""
    study = make_study(tmp_path_factory.mktemp("completed"), count=20)
    read(study)
    return study


def read(study, readers=READERS):
    for name, seed in readers.items():
        assign(study, name).close()
        reading = Reading(study, name)
        read_all(reading, SimulatedReader(name, seed), diseased_cases(study))
        reading.close()


def test_simulated_readers_complete_a_sequential_study_and_one_command_says_what_the_results_changed(
    completed, tmp_path, capsys
):
    assert main(["study", "status", str(completed)]) == 0
    assert "AB: 40 of 40 readings finished" in capsys.readouterr().out
    output = tmp_path / "analyzed"
    assert main(["study", "analyze", str(completed), "--output", str(output)]) == 0
    text = capsys.readouterr().out
    assert "sequential reading of 20 cases" in text
    for question in ("probability", "marks"):
        figures = pd.read_csv(output / f"reader_study_{question}" / "figures.csv")
        assert figures["reader"].tolist() == list(READERS)
        assert (figures["aided"] > figures["unaided"]).all()  # the simulated readers see more with the results
        assert (output / f"reader_study_{question}" / "comparisons.csv").is_file()
    agreement = pd.read_csv(output / "agreement.csv")
    assert set(agreement["measure"]) >= {"ICC(2,1)", "kappa, quadratic weights", "Fleiss' kappa"}
    assert (agreement[agreement["measure"] == "ICC(2,1)"]["cases"] == 20).all()
    wide = pd.read_csv(output / "question_probability.csv")
    assert len(wide) == 20
    assert {"AB unaided", "EF aided"} <= set(wide.columns)


def test_collected_tables_are_those_that_the_analysis_of_reader_studies_reads(completed, tmp_path):
    assert main(["study", "collect", str(completed), "--output", str(tmp_path)]) == 0
    ratings, marks = (read_readings(tmp_path / f"readings_{name}.csv") for name in ("probability", "marks"))
    assert ratings.readers == marks.readers == tuple(READERS)
    assert ratings.modalities == marks.modalities == ("unaided", "aided")
    assert ratings.lesions.sum() == marks.lesions.sum() == 10
    assert marks.marks is not None


def test_answers_to_questions_that_are_no_longer_asked_are_not_collected(study):
    assign(study, "AB").close()
    reading = Reading(study, "AB")
    reading.step(1)
    reading.answer("category", "4B")
    reading.answer("morphology", "amorphous")
    reading.answer("category", "1")
    reading.answer("probability", 5)
    reading.finish()
    reading.close()
    found = collect(study)
    assert set(found.answers["question"]) == {"category", "probability"}
    assert "morphology" in set(found.audit["question"])
    assert found.times["changes"].tolist() == [1]


def test_unfinished_readings_are_not_collected(study):
    assign(study, "AB").close()
    reading = Reading(study, "AB")
    reading.step(1)
    reading.answer("probability", 50)
    reading.close()
    found = collect(study)
    assert found.answers.empty
    assert found.progress.to_dict("records")[0]["finished"] == 0
    assert len(found.audit) == 3
    with pytest.raises(ParameterError, match="Nobody has finished"):
        analyze_study(study, study / "out")


def test_mark_hits_the_lesion_in_whose_box_it_lies():
    box = {"row_min": 10, "row_max": 20, "column_min": 10, "column_max": 20}
    lesions = pd.DataFrame([{"image": 0, "lesion": "a", **box}, {"image": 1, "lesion": "b", **box}])
    assert lesion_hit(lesions, {"image": 1, "row": 15, "column": 15}) == "b"
    assert lesion_hit(lesions, {"image": 0, "row": 21, "column": 15}) == ""
    assert lesion_hit(lesions.iloc[:0], {"image": 0, "row": 15, "column": 15}) == ""


def test_marks_of_simulated_readers_hit_the_clusters(completed):
    found = collect(completed)
    diseased = diseased_cases(completed)
    assert len(found.marks) > 15
    assert (found.marks["lesion"] == "cluster 1").all()
    assert all(diseased[case] for case in found.marks["case"])


def test_adjudicator_gets_what_two_readers_disagree_on_and_sees_both_answers(study):
    read(study, {"AB": 1, "CD": 5})
    different = disagreements(study, "AB", "CD")
    assert len(different)
    cases = list(dict.fromkeys(different["case"]))
    assert 0 < len(cases) <= 8
    assign_adjudicator(study, "judge", ("AB", "CD"), cases).close()
    reading = Reading(study, "judge")
    assert [task.case for task in reading.tasks] == cases
    reading.step(1)
    one, other = side_by_side(reading, reading.current)
    assert (one.values, one.marks) != (other.values, other.marks)
    assert one.state == other.state == "finished"
    read_all(reading, SimulatedReader("judge", 9), diseased_cases(study))
    reading.close()
    found = collect(study)
    assert (found.answers["condition"] == "adjudication").any()
    assert "judge" not in set(found.readings["probability"]["reader"])


def test_reader_never_sees_the_answers_of_another(study):
    read(study, {"AB": 1})
    assign(study, "CD").close()
    reading = Reading(study, "CD")
    with pytest.raises(ReadingError, match="Only an adjudicator"):
        side_by_side(reading, reading.tasks[0])
    assert all(reading.answers(task).values == {} for task in reading.tasks)


def test_readers_who_agree_leave_nothing_to_settle(study):
    read(study, {"AB": 1})
    with pytest.raises(ParameterError, match="agree"):
        assign_adjudicator(study, "judge", ("AB", "AB"), disagreements(study, "AB", "AB")["case"].tolist())


def test_package_for_another_machine_holds_no_truth_and_no_other_reader_and_comes_back(tmp_path, capsys):
    study = make_study(tmp_path, training=2)
    read(study, {"AB": 1})
    elsewhere = tmp_path / "elsewhere"
    assert main(["study", "assign", str(study), "--reader", "CD", "--package", str(elsewhere)]) == 0
    assert len(pd.read_csv(elsewhere / "truth.csv")) == 2
    assert [path.name for path in (elsewhere / "readers").iterdir()] == ["CD.sqlite"]
    assert all("image_" not in path.name for path in (elsewhere / "cases").iterdir())
    reading = Reading(elsewhere, "CD")
    read_all(reading, SimulatedReader("CD", 2), diseased_cases(study))
    reading.close()
    file = elsewhere / "readers" / "CD.sqlite"
    output = str(tmp_path / "out")
    assert main(["study", "collect", str(study), "--add", str(file), "--output", output]) == 0
    assert "CD: " in capsys.readouterr().out
    assert collect(study).progress.set_index("reader")["finished"].to_dict() == {"AB": 16, "CD": 16}


def test_study_is_read_at_the_terminal(tmp_path, monkeypatch, capsys):
    dataset, results = make_dataset(tmp_path, 4)
    study = tmp_path / "study"
    options = ["--dataset", str(dataset.folder), "--results", str(results), "--mode", "sequential", "--training", "1"]
    assert main(["study", "new", str(study), *options]) == 0
    assert main(["study", "assign", str(study), "--reader", "AB"]) == 0
    mark = f"{CLUSTER_ROW}, {CLUSTER_COLUMN}, 80"
    lines = [mark, "much", "70", "4B", "amorphous", "grouped", "", "", "10", "1", "", "", ":later"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines) + "\n"))
    with contextlib.suppress(EOFError):
        assert main(["study", "read", str(study), "--reader", "AB"]) == 0
    said = capsys.readouterr().out
    assert "Case 1 of 4, unaided" in said
    assert "Stopped; what was answered is kept." in said
    reading = Reading(study, "AB")
    assert reading.answers(reading.tasks[0]).values["probability"] == 70
    assert reading.answers(reading.tasks[0]).state == "finished"
    assert reading.answers(reading.tasks[2]).state == "later"


def test_study_of_images_alone_needs_no_truth(tmp_path, capsys):
    make_dataset(tmp_path, 3)
    images = [str(path) for path in sorted((tmp_path / "images").iterdir())]
    study = tmp_path / "study"
    assert main(["study", "new", str(study), "--images", *images]) == 0
    assert main(["study", "assign", str(study), "--reader", "AB"]) == 0
    reading = Reading(study, "AB")
    read_all(reading, SimulatedReader("AB", 1), dict.fromkeys((f"image_{n:02d}" for n in range(3)), False))
    reading.close()
    assert main(["study", "analyze", str(study), "--output", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "reader_study_probability").exists()


def test_study_is_not_written_over_another(study, tmp_path, capsys):
    images = [str(path) for path in sorted((tmp_path / "images").iterdir())]
    assert main(["study", "new", str(study), "--images", *images]) == 2
    assert "already" in capsys.readouterr().err


def test_aided_study_without_results_is_refused(tmp_path, capsys):
    dataset, _ = make_dataset(tmp_path, 4, with_results=False)
    study = tmp_path / "study"
    assert main(["study", "new", str(study), "--dataset", str(dataset.folder), "--mode", "crossover"]) == 0
    assert main(["study", "assign", str(study), "--reader", "AB"]) == 2
    assert "no results to show" in capsys.readouterr().err


def test_numbers_are_read_as_ratings_and_compared_by_readers_agreement(study, tmp_path):
    question = {"name": "ratio", "text": "Strain ratio", "kind": "number"}
    changed_plan(study, questions=[question], mode="independent")
    diseased = diseased_cases(study)
    for name, factor in (("AB", 1.0), ("CD", 1.1)):
        assign(study, name).close()
        reading = Reading(study, name)
        for number in range(8):
            reading.next_unfinished()
            reading.answer("ratio", factor * ((4 if diseased[reading.current.case] else 1) + number / 10))
            reading.finish()
        reading.close()
    found = collect(study)
    assert len(found.readings["ratio"]) == 16
    text = analyze_study(study, tmp_path / "out")
    assert "Agreement on “ratio”, unaided: ICC(2,1) 0.9" in text
    wide = found.readings["ratio"].pivot(index="case", columns="reader", values="rating").astype(float)
    apart = (wide["AB"] - wide["CD"]).abs() > 0.2 * wide.max(axis=1)
    assert set(disagreements(study, "AB", "CD")["case"]) == set(wide.index[apart])


def test_elastograms_are_read_in_one_view_and_without_results():
    record = {"schema": 1, "title": "E", "questions": [{"name": "a", "text": "A", "kind": "text"}]}
    assert plan_of(record | {"images": "elastograms"}).images == "elastograms"
    for wrong in ({"hanging": "four views"}, {"mode": "sequential"}, {"aided": True}):
        with pytest.raises(ParameterError, match="Elastograms"):
            plan_of(record | {"images": "elastograms"} | wrong)
    with pytest.raises(ParameterError, match="images of a study"):
        plan_of(record | {"images": "films"})
