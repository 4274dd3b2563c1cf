"""What readers of a study agree on becomes a dataset, by a stated rule; marks of single calcifications go to specks."""

import json

import pandas as pd
import pytest

from library.study_examples import (
    CLUSTER_COLUMN,
    CLUSTER_ROW,
    changed_plan,
    clear_specks,
    make_speck_study,
    make_study,
)
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.cli import main
from MicrocalcAILib.dataset.dataset import OUTLINES, read_dataset
from MicrocalcAILib.dataset.lesions import lesions_of
from MicrocalcAILib.study.as_dataset import dataset_from_study
from MicrocalcAILib.study.assignment import assign, assign_adjudicator
from MicrocalcAILib.study.plan import Question
from MicrocalcAILib.study.reading import Reading

DISEASED, HEALTHY = "image_01", "image_00"


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, count=2, mode="independent")


def read(study, name, places, words="amorphous", reading=None):
    """Let a reader mark places by case, and call every marked case 4B."""
    if reading is None:
        assign(study, name).close()
        reading = Reading(study, name)
    while reading.next_unfinished():
        marked = places.get(reading.current.case, [])
        for row, column in marked:
            reading.mark("marks", 0, row, column, 70)
        reading.answer("category", "4B" if marked else "1")
        if marked:
            reading.answer("morphology", words)
            reading.answer("distribution", "grouped")
        reading.answer("probability", 60 if marked else 5)
        reading.finish()
    reading.close()


def test_lesion_that_most_readers_marked_is_boxed_with_its_words_and_the_others_are_not(study, tmp_path, capsys):
    read(study, "AB", {DISEASED: [(CLUSTER_ROW, CLUSTER_COLUMN)]})
    read(study, "CD", {DISEASED: [(CLUSTER_ROW + 4, CLUSTER_COLUMN)], HEALTHY: [(10, 10)]}, "punctate")
    read(study, "EF", {DISEASED: [(CLUSTER_ROW, CLUSTER_COLUMN + 6)]})
    output = tmp_path / "from study"
    assert main(["dataset", "from-study", str(study), "--output", str(output)]) == 0
    assert "2 images of 2 patients" in capsys.readouterr().out
    dataset = read_dataset(output)
    images = {image.name: image for image in dataset.images}
    lesion = lesions_of(images[DISEASED], dataset)
    reach = 2.5 / 0.07
    assert lesion["row_max"].item() == pytest.approx(min(CLUSTER_ROW + 4 + reach, 59))
    assert lesion["column_max"].item() == pytest.approx(CLUSTER_COLUMN + 6 + reach)
    assert lesion["morphology"].item() == "amorphous"
    assert images[DISEASED].category == "4B"
    assert lesions_of(images[HEALTHY], dataset).empty
    assert images[HEALTHY].annotation
    assert dataset.record["consensus"] == "majority"


@pytest.mark.parametrize(("rule", "lesions"), [("any", 1), ("majority", 0), ("all", 0)])
def test_rule_says_how_many_readers_have_to_agree(study, tmp_path, rule, lesions):
    read(study, "AB", {DISEASED: [(CLUSTER_ROW, CLUSTER_COLUMN)]})
    read(study, "CD", {})
    dataset_from_study(study, tmp_path / "out", rule=rule)
    assert len(read_dataset(tmp_path / "out").boxes) == lesions


def test_answers_keep_the_reader_s_number_and_no_name(study, tmp_path):
    read(study, "AB", {DISEASED: [(CLUSTER_ROW, CLUSTER_COLUMN)]})
    read(study, "CD", {})
    dataset_from_study(study, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "readers.csv")
    assert set(table["reader"]) == {"reader 1", "reader 2"}
    assert (table["question"] == "marks").sum() == 1
    assert set(table.loc[table["question"] == "probability", "answer"].astype(float)) == {60, 5}
    assert "AB" not in (tmp_path / "out" / "dataset.json").read_text("utf-8")


def test_adjudicator_s_reading_decides_where_there_is_one(study, tmp_path):
    read(study, "AB", {DISEASED: [(CLUSTER_ROW, CLUSTER_COLUMN)]})
    read(study, "CD", {})
    assign_adjudicator(study, "judge", ("AB", "CD"), [DISEASED]).close()
    read(study, "judge", {}, reading=Reading(study, "judge"))
    dataset_from_study(study, tmp_path / "out", rule="any")
    dataset = read_dataset(tmp_path / "out")
    assert dataset.boxes.empty
    assert {image.category for image in dataset.images} == {"1"}


def test_study_without_marks_or_without_readings_makes_no_dataset(study, tmp_path):
    with pytest.raises(ParameterError, match="Nobody has finished"):
        dataset_from_study(study, tmp_path / "out")
    changed_plan(study, questions=[{"name": "probability", "text": "p", "kind": "probability"}])
    with pytest.raises(ParameterError, match="asks for no marks"):
        dataset_from_study(study, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_marks_are_of_specks():
    with pytest.raises(ParameterError, match="asks for no marks"):
        Question("probability", "p", "probability", specks=True)


@pytest.fixture
def speck_study(tmp_path):
    return make_speck_study(tmp_path)


def test_mark_of_a_single_calcification_goes_to_its_speck_and_comes_back_outlined(speck_study, tmp_path):
    study, phantom = speck_study
    true = clear_specks(phantom).head(5)
    assert len(true) > 1
    for name, shift in (("AB", 1), ("CD", -1)):
        assign(study, name).close()
        reading = Reading(study, name)
        reading.step(1)
        for row, column in true[["row", "column"]].to_numpy():
            reading.mark("specks", 0, row + shift, column)
        marks = reading.answers(reading.current).marks["specks"].values()
        if name == "AB":
            first = sorted((mark["row"], mark["column"]) for mark in marks)
        reading.finish()
        reading.close()
    assert sorted((mark["row"], mark["column"]) for mark in marks) == first  # both readers' marks lie on the peaks
    dataset_from_study(study, tmp_path / "out", rule="all")
    (image,) = read_dataset(tmp_path / "out").images
    assert image.annotation == OUTLINES
    labels = image.labels()
    assert labels.max() == len(set(first))
    hit = {int(phantom.labels[labels == label].max()) for label in range(1, labels.max() + 1)}
    assert hit == set(true["id"])


def test_mark_where_no_speck_lies_stays_and_nothing_is_known_around_it(speck_study, tmp_path):
    study, phantom = speck_study
    assign(study, "AB").close()
    reading = Reading(study, "AB")
    reading.step(1)
    item = reading.mark("specks", 0, 1, phantom.labels.shape[1] - 2)
    mark = reading.answers(reading.current).marks["specks"][item]
    assert (mark["row"], mark["column"]) == (1, phantom.labels.shape[1] - 2)
    reading.mark("specks", 0, mark["row"], mark["column"], 80, item)  # another score moves nothing
    reading.finish()
    reading.close()
    dataset_from_study(study, tmp_path / "out")
    (image,) = read_dataset(tmp_path / "out").images
    assert image.labels().max() == 0
    assert len(image.ignore_regions()) == 1
    assert json.loads((tmp_path / "out" / "dataset.json").read_text("utf-8"))["readers"] == 1
