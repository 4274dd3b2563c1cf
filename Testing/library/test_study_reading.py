"""A reader at work: order, blinding, answers, what is closed, and what survives a kill."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from library.study_examples import changed_plan, make_study
from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAILib.study.assignment import assign
from MicrocalcAILib.study.plan import plan_of, read_plan
from MicrocalcAILib.study.reader_file import ReaderFile, reader_path
from MicrocalcAILib.study.reading import Reading, ReadingError

QUESTION = {"name": "probability", "text": "How likely?", "kind": "probability"}
PLAN = {"schema": 1, "title": "A study", "questions": [QUESTION]}


class Clock:
    """A time that moves when it is told."""

    def __init__(self):
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.time

    def forward(self, **by):
        self.time += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def begin(tmp_path, clock):
    """Make a study, assign a reader, begin to read."""

    def make(reader="AB", **options):
        study = make_study(tmp_path, **options)
        assign(study, reader).close()
        return Reading(study, reader, clock)

    return make


def finish(reading):
    reading.answer("probability", 10)
    reading.answer("category", "1")
    return reading.finish()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema": 2}, "another version"),
        ({"title": 3}, "wrong kind"),
        ({"mode": "blind"}, "mode of a study"),
        ({"colour": "red"}, "no entry “colour”"),
        ({"questions": []}, "at least one question"),
        ({"questions": [QUESTION, QUESTION]}, "twice"),
        ({"questions": [QUESTION | {"kind": "essay"}]}, "no known kind"),
        ({"questions": [QUESTION | {"name": "Sure?"}]}, "cannot name a question"),
        ({"questions": [QUESTION | {"kind": "choice"}]}, "choices"),
        ({"questions": [QUESTION | {"when": {"question": "x", "answers": ["yes"]}}]}, "no earlier question"),
        ({"aided": True, "mode": "crossover"}, "belongs to independent"),
        ({"washout_days": -1}, "washout_days"),
    ],
)
def test_plan_that_is_not_sound_is_refused_in_a_sentence(change, complaint):
    with pytest.raises(ParameterError, match=complaint):
        plan_of(PLAN | change)


def test_order_of_cases_is_each_readers_own_and_always_the_same(tmp_path):
    study = make_study(tmp_path, count=12)
    orders = []
    for reader in ("AB", "CD"):
        file = assign(study, reader)
        orders.append([task.case for task in file.tasks])
        file.close()
        reader_path(study, reader).unlink()
        again = assign(study, reader)
        assert [task.case for task in again.tasks] == orders[-1]
        again.close()
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_sequential_reading_shows_the_results_only_after_the_reading_without_them_is_closed(begin):
    reading = begin()
    without, with_results = reading.tasks[:2]
    assert (without.case, without.condition, with_results.condition) == (with_results.case, "unaided", "aided")
    assert reading.results(without) == ()
    with pytest.raises(ReadingError, match="without the results first"):
        reading.open(with_results)
    reading.open(without)
    finish(reading)
    with pytest.raises(ReadingError, match="cannot be changed"):
        reading.answer("probability", 90)
    assert reading.next_unfinished()
    assert reading.current == with_results
    assert reading.results(with_results)[0].is_dir()


def test_crossover_gives_each_half_the_results_once_and_waits_for_the_washout(begin, clock):
    reading = begin(mode="crossover", washout_days=14)
    first = [task for task in reading.tasks if task.session == 1]
    second = [task for task in reading.tasks if task.session == 2]
    assert {task.condition for task in first} == {"unaided", "aided"}
    of_case = {task.case: task.condition for task in first}
    assert all(task.condition != of_case[task.case] for task in second)
    assert len(first) == len(second) == 8
    for task in first:
        reading.open(task)
        finish(reading)
    clock.forward(days=13)
    assert not reading.next_unfinished()
    assert "opens on 2026-01-15" in reading.why_closed(second[0])
    clock.forward(days=2)
    assert reading.next_unfinished()
    assert reading.current == second[0]


def test_two_readers_of_a_crossover_begin_with_different_halves(tmp_path):
    study = make_study(tmp_path, mode="crossover")
    aided = []
    for reader in ("AB", "CD"):
        file = assign(study, reader)
        aided.append({task.case for task in file.tasks if task.session == 1 and task.condition == "aided"})
        file.close()
    assert aided[0].isdisjoint(aided[1])


def test_training_cases_come_first_and_tell_the_truth_afterwards(begin):
    reading = begin(mode="independent", training=2)
    assert [task.is_training for task in reading.tasks] == [True, True, *6 * [False]]
    with pytest.raises(ReadingError, match="training cases first"):
        reading.open(reading.tasks[2])
    reading.next_unfinished()
    assert reading.feedback(reading.current) == ""
    assert "disease" in finish(reading)
    reading.next_unfinished()
    finish(reading)
    reading.next_unfinished()
    assert finish(reading) == ""


def test_names_are_kept_from_the_reader(begin):
    reading = begin()
    task = reading.tasks[4]
    assert reading.title(task) == "Case 3 of 8"
    assert task.case not in reading.title(task)


def test_question_that_depends_on_another_is_asked_after_that_answer_alone(begin):
    reading = begin()
    reading.step(1)
    assert "morphology" not in [question.name for question in reading.asked()]
    with pytest.raises(ParameterError, match="not asked"):
        reading.answer("morphology", "amorphous")
    reading.answer("category", "4B")
    reading.answer("probability", 60)
    assert [question.name for question in reading.missing()] == ["morphology", "distribution"]
    with pytest.raises(ReadingError, match="Morphology of the most suspicious group"):
        reading.finish()


@pytest.mark.parametrize(("name", "value"), [("probability", 101), ("probability", "much"), ("category", "9")])
def test_what_is_no_answer_is_refused(begin, name, value):
    reading = begin()
    reading.step(1)
    with pytest.raises(ParameterError):
        reading.answer(name, value)
    assert reading.answers(reading.current).values == {}


def test_case_that_was_put_off_is_unfinished_and_comes_again(begin):
    reading = begin(mode="independent")
    reading.step(1)
    reading.come_back_later()
    for _ in range(7):
        assert reading.next_unfinished()
        finish(reading)
    assert reading.answers(reading.tasks[0]).state == "later"
    assert reading.next_unfinished()
    assert reading.current is reading.tasks[0]
    finish(reading)
    assert not reading.next_unfinished()
    assert reading.finished == 8


def test_marks_can_be_moved_and_taken_away(begin):
    reading = begin()
    reading.step(1)
    item = reading.mark("marks", 0, 10, 20, 70)
    reading.mark("marks", 0, 11, 21, 80, item)
    assert reading.answers(reading.current).marks["marks"] == {item: {"image": 0, "row": 11, "column": 21, "score": 80}}
    reading.unmark("marks", item)
    assert reading.answers(reading.current).marks["marks"] == {}
    with pytest.raises(ParameterError, match="no image"):
        reading.mark("marks", 1, 10, 20, 70)


def test_time_of_a_case_is_that_of_all_its_visits(begin, clock):
    reading = begin(mode="independent")
    reading.open(reading.tasks[0])
    clock.forward(seconds=30)
    reading.open(reading.tasks[1])
    clock.forward(hours=5)
    reading.open(reading.tasks[0])
    clock.forward(seconds=15)
    finish(reading)
    clock.forward(hours=1)
    assert reading.answers(reading.tasks[0]).seconds == pytest.approx(45, abs=0.01)


def test_visit_that_a_crash_ended_lasts_until_its_last_answer(begin, clock, tmp_path):
    reading = begin(mode="independent")
    reading.open(reading.tasks[0])
    clock.forward(seconds=20)
    reading.answer("probability", 40)
    reading.file.close()  # as a kill does: nobody said that the case was left
    clock.forward(days=1)
    again = Reading(tmp_path / "study", "AB", clock)
    again.open(again.tasks[0])
    clock.forward(seconds=5)
    again.leave()
    assert again.answers(again.tasks[0]).seconds == pytest.approx(25, abs=0.01)
    assert again.answers(again.tasks[0]).values == {"probability": 40}


def test_after_the_time_limit_a_case_can_only_be_finished(begin, clock):
    reading = begin(mode="independent", minutes_per_case=2)
    reading.step(1)
    clock.forward(seconds=90)
    assert reading.seconds_left() == pytest.approx(30)
    reading.answer("probability", 30)
    clock.forward(seconds=31)
    with pytest.raises(ReadingError, match="time for this case is over"):
        reading.answer("category", "2")
    reading.finish()


def test_clock_that_is_set_back_keeps_the_order_of_the_answers(begin, clock):
    reading = begin(mode="independent")
    reading.step(1)
    reading.answer("probability", 10)
    clock.forward(days=-3)
    reading.answer("probability", 90)
    assert reading.answers(reading.current).values["probability"] == 90


def test_nothing_in_the_file_can_be_changed_afterwards(begin):
    reading = begin()
    reading.step(1)
    reading.answer("probability", 10)
    base = sqlite3.connect(reading.file.path)
    for statement in ("UPDATE entries SET value = '99'", "DELETE FROM entries"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            base.execute(statement)
    base.close()


def test_files_of_two_machines_merge_without_a_conflict(begin, clock, tmp_path):
    reading = begin(mode="independent")
    reading.step(1)
    reading.answer("probability", 10)
    reading.file.save_copy(tmp_path / "elsewhere" / "AB.sqlite")
    clock.forward(minutes=1)
    reading.answer("probability", 20)
    study = tmp_path / "elsewhere_study"
    shutil.copytree(tmp_path / "study", study, ignore=shutil.ignore_patterns("readers"))
    (study / "readers").mkdir()
    shutil.copy2(tmp_path / "elsewhere" / "AB.sqlite", study / "readers")
    clock.forward(minutes=1)
    other = Reading(study, "AB", clock)
    other.open(other.tasks[1])
    other.answer("probability", 70)
    count = reading.file.merge(other.file)
    assert count == 2  # opened and answered
    assert reading.file.merge(other.file) == 0
    merged = Reading(tmp_path / "study", "AB", clock)
    assert [merged.answers(task).values["probability"] for task in merged.tasks[:2]] == [20, 70]


def test_file_of_another_reader_is_not_merged(begin, tmp_path):
    reading = begin()
    other = assign(tmp_path / "study", "CD")
    with pytest.raises(ResultError, match="nothing was taken"):
        reading.file.merge(other)


def test_plan_that_was_changed_after_assignment_is_refused(begin, tmp_path):
    begin()
    changed_plan(tmp_path / "study", title="Another study")
    with pytest.raises(ResultError, match="changed after"):
        Reading(tmp_path / "study", "AB")


@pytest.mark.parametrize("name", ["", "../AB", "A B", "a" * 41])
def test_reader_whose_name_could_be_a_path_is_refused(tmp_path, name):
    study = make_study(tmp_path)
    with pytest.raises(ParameterError, match="named by"):
        assign(study, name)
    assert not (study / "readers").exists() or not any((study / "readers").iterdir())


def test_damaged_file_is_refused_in_a_sentence(begin, tmp_path):
    begin().close()
    path = reader_path(tmp_path / "study", "AB")
    path.write_bytes(b"no data base" * 100)
    with pytest.raises(ResultError, match="restore a copy"):
        ReaderFile(path)


_WRITER = """
import sys
from MicrocalcAILib.study.reading import Reading
reading = Reading(sys.argv[1], "AB")
reading.open(reading.tasks[0])
for number in range(100000):
    reading.mark("marks", 0, 10, number % 80, number % 100, "one")
    print(number, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a kill that nothing can catch")
def test_kill_at_any_instant_loses_at_most_the_answer_being_written(tmp_path):
    study = make_study(tmp_path)
    assign(study, "AB").close()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    rng = np.random.default_rng(1)
    for wanted in (1, 4, 9, 2):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(study)], stdout=subprocess.PIPE, env=environment
        ) as child:
            said = -1
            while said < wanted:
                said = int(child.stdout.readline())
            time.sleep(rng.uniform(0, 0.05))  # an answer takes some milliseconds
            child.kill()
            rest = child.stdout.read().split(b"\n")[:-1]
        said = int(rest[-1]) if rest else said
        reading = Reading(study, "AB")
        mark = reading.answers(reading.tasks[0]).marks["marks"]["one"]
        assert mark["column"] in (said % 80, (said + 1) % 80)
        reading.close()
    assert read_plan(study).title == "Example"
