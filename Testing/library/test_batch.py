"""A run over many files: every one gets its row, whatever happens to it."""

import csv
import errno
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from batch_tasks import Silent, Words
from MicrocalcAILib.base.errors import MicrocalcError, ResultError
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.batch import capacity
from MicrocalcAILib.batch.inputs import find_inputs
from MicrocalcAILib.batch.output import output_folder
from MicrocalcAILib.batch.plan import plan
from MicrocalcAILib.batch.run import run_batch
from MicrocalcAILib.batch.work import RESULT_FILE, FullDiskError
from MicrocalcAILib.batch.worker_process import Limits, TaskName
from MicrocalcAILib.batch.workers import LocalWorkers
from MicrocalcAILib.cli import main
from MicrocalcAILib.commands.terminal import TerminalProgress

TASKS = Path(__file__).with_name("batch_tasks.py")
posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def files(tmp_path):
    """Write files with the given words."""

    def write(**words):
        root = tmp_path / "in"
        root.mkdir(exist_ok=True)
        for name, text in words.items():
            (root / name).write_text(text, encoding="utf-8")
        return root

    return write


@pytest.fixture
def run(tmp_path):
    """Work on a folder, and read the summary."""

    def run_words(root, workers=2, seconds=30.0, memory_mb=2048.0, fresh=False, reporter=None, **options):
        output = tmp_path / "out"
        items = plan(find_inputs([root] if isinstance(root, Path) else root, output))
        task = TaskName("batch_tasks:Words", options)
        limits = Limits(seconds, memory_mb)
        rows = run_batch(items, output, task, LocalWorkers(workers), limits, reporter or Silent(), fresh)
        with (output / "summary.csv").open(newline="", encoding="utf-8") as file:
            written = list(csv.DictReader(file))
        assert [(row["image"], row["status"], row["reason"]) for row in written] == [
            (row["image"], row["status"], row["reason"]) for row in rows
        ]
        return {row["image"]: row for row in rows}

    return run_words


def leftovers(folder):
    return [path.name for path in folder.rglob(".*") if path.name not in (".microcalc.lock", ".written.sha256")]


@posix
def test_whatever_happens_to_a_file_is_a_sentence_in_its_row_and_the_others_are_done(files, run, tmp_path):
    traps = {
        "segmentation": ("segmentation fault", "crashed (SIGSEGV)"),
        "aborts": ("abort", "crashed (SIGABRT)"),
        "killed": ("killed", "lack of memory"),
        "hangs": ("hang", "longer than 4 seconds"),
        "child": ("hang in a child", "longer than 4 seconds"),
        "memory": ("memory", "of memory and was stopped"),
        "fault": ("fault", "unexpected ZeroDivisionError (batch_tasks.py, line"),
        "damaged": ("damaged", "export it again"),
    }
    root = files(**{name: text for name, (text, _) in traps.items()}, **{f"z{n}": "fine" for n in range(6)}, y="print")
    rows = run(root, seconds=4.0, memory_mb=300.0)
    for name, (_, sentence) in traps.items():
        assert rows[name]["status"] == "failed"
        assert sentence in rows[name]["reason"]
    assert [rows[name]["status"] for name in ("y", "z0", "z5")] == ["done"] * 3
    assert "Jane" not in (tmp_path / "out" / "summary.csv").read_text()
    assert not leftovers(tmp_path / "out")
    assert not [child for child in psutil.Process().children(recursive=True) if child.name() == "sleep"]


def test_a_worker_that_is_ended_while_it_writes_leaves_nothing_half_written(files, run, tmp_path):
    rows = run(files(a="one"), seconds=1.5, seconds_to_write=600)
    assert "longer than 1.5 seconds" in rows["a"]["reason"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".microcalc.lock", "summary.csv"]


def test_a_file_that_is_no_image_is_left_out_in_a_folder_and_a_failure_when_named(files, run):
    root = files(a="other", b="fine")
    assert {name: row["status"] for name, row in run(root).items()} == {"a": "skipped", "b": "done"}
    assert {name: row["status"] for name, row in run([root / "a", root / "b"]).items()} == {
        "a": "failed",
        "b": "finished before",
    }


def test_a_second_run_does_only_what_is_new(files, run, tmp_path):
    root = files(a="one", b="two")
    first = run(root)
    files(b="three", c="four")
    again = run(root)
    assert [row["status"] for row in again.values()] == ["finished before", "done", "done"]
    assert again["a"]["letters"] == first["a"]["letters"] == 3
    assert (tmp_path / "out" / "b" / "letters.txt").read_text() == "5 letters in b"


@pytest.mark.parametrize("change", [{"factor": 2}, {"fresh": True}])
def test_other_parameters_or_a_fresh_start_do_all_again(files, run, change):
    root = files(a="one")
    run(root)
    assert run(root, **change)["a"]["status"] == "done"
    assert run(root, **change, **{"fresh": False})["a"]["status"] == "finished before" if "factor" in change else True


def test_another_version_does_all_again(files, run, tmp_path):
    run(files(a="one"))
    record = tmp_path / "out" / "a" / RESULT_FILE
    record.write_text(record.read_text().replace('"version": "', '"version": "0.0.'))
    assert run(files(a="one"))["a"]["status"] == "done"


def test_results_of_which_a_file_is_gone_are_made_again(files, run, tmp_path):
    run(files(a="one"))
    (tmp_path / "out" / "a" / "letters.txt").unlink()
    assert run(files(a="one"))["a"]["status"] == "done"
    assert (tmp_path / "out" / "a" / "letters.txt").is_file()


def test_results_of_another_image_and_files_of_a_reader_are_never_overwritten(files, run, tmp_path):
    run(files(a="one"))
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "a").write_text("another one")
    (other / "b").write_text("two")
    (tmp_path / "out" / "b").mkdir()
    (tmp_path / "out" / "b" / "notes.txt").write_text("precious")
    rows = run(other)
    assert "results of another image" in rows["a"]["reason"]
    assert "nothing is lost" in rows["b"]["reason"]
    assert (tmp_path / "out" / "a" / "letters.txt").read_text() == "3 letters in a"
    assert (tmp_path / "out" / "b" / "notes.txt").read_text() == "precious"


def test_moved_images_are_known_by_their_content(files, run, tmp_path):
    root = files(a="one")
    run(root)
    root.rename(tmp_path / "moved")
    assert run(tmp_path / "moved")["a"]["status"] == "finished before"


def test_workers_live_for_many_files_and_share_the_cores(files, run, tmp_path, monkeypatch):
    from MicrocalcAILib.batch import workers

    monkeypatch.setattr(workers, "cores", lambda: 6)
    rows = run(files(**{f"f{number}": "fine" for number in range(12)}))
    pids = {(tmp_path / "out" / name / "pid.txt").read_text() for name in rows}
    assert 1 <= len(pids) <= 2
    assert {row["OMP_NUM_THREADS"] for row in rows.values()} == {"3"}
    assert {row["OMP_WAIT_POLICY"] for row in rows.values()} == {"PASSIVE"}


def test_rows_say_what_a_file_took(files, run):
    row = run(files(a="slow"), slow=0.3)["a"]
    assert row["seconds"] >= 0.3
    assert row["cpu_seconds"] < row["seconds"]
    assert 10 < row["peak_memory_mb"] < 500


def test_a_model_that_is_missing_stops_the_run_at_once(files, run, tmp_path):
    with pytest.raises(MicrocalcError, match="The model is missing"):
        run(files(a="one", b="two"), model="missing")
    assert not (tmp_path / "out" / "a").exists()


def test_cancel_leaves_finished_results_a_summary_and_no_process(files, run, tmp_path):
    root = files(**{f"f{number}": "slow" for number in range(20)})
    reporter = Silent()
    finished = []
    before = set(psutil.Process().children())  # a process that decodes may be kept for the next file

    def cancel_after_three(item, row, folder):
        finished.append(item.name)
        if len(finished) == 3:
            raise Cancelled

    reporter.ended = cancel_after_three
    with pytest.raises(Cancelled):
        run(root, slow=0.05, reporter=reporter)
    assert not leftovers(tmp_path / "out")
    assert set(psutil.Process().children()) <= before
    assert len((tmp_path / "out" / "summary.csv").read_text().splitlines()) == 4
    rows = run(root, slow=0.05)
    assert {rows[name]["status"] for name in finished} == {"finished before"}
    assert all(row["status"] != "failed" for row in rows.values())


def test_leftovers_of_a_killed_run_are_removed_and_a_result_moved_aside_comes_back(files, run, tmp_path):
    root = files(a="one")
    run(root)
    output = tmp_path / "out"
    shutil.copytree(output / "a", output / ".a-microcalc0123abcd")
    (output / "a").rename(output / ".a-microcalc0123abcd-previous")
    (output / ".summary-microcalc0123abcd.csv").write_text("half")
    (output / ".mine-today").mkdir()
    assert run(root)["a"]["status"] == "finished before"
    assert leftovers(output) == [".mine-today"]


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    code = f"from MicrocalcAILib.batch.output import output_folder; output_folder(r'{tmp_path}').__enter__()"
    path = os.pathsep.join(sys.path)
    with output_folder(tmp_path):
        other = subprocess.run(
            [sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=path), capture_output=True, text=True
        )
    assert "Another run writes into" in other.stderr
    with output_folder(tmp_path):
        pass


def test_an_output_that_is_a_file_is_refused_in_a_sentence(files, run, tmp_path):
    (tmp_path / "out").write_text("precious")
    with pytest.raises(ResultError, match="is a file"):
        run(files(a="one"))


def test_the_disk_is_checked_before_the_start(tmp_path):
    with pytest.raises(ResultError, match="free some space"):
        capacity.check_disk(tmp_path, 10**9, 5.0)
    capacity.check_disk(tmp_path, 0, 5.0)


def test_a_disk_that_fills_up_stops_the_run_in_a_sentence(files, run, tmp_path, monkeypatch):
    from MicrocalcAILib.batch import work

    job = work.Job(str(files(a="one") / "a"), str(tmp_path / "out" / "a"), "", True, False, {})
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "out").mkdir()

    def full(folder, name):
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(Words):
        def run(self, path, options, progress):
            return work.Finished({}, full)

    with pytest.raises(FullDiskError, match="disk of the results is full"):
        work.perform(Full({}), job, lambda *_: None)
    assert not list((tmp_path / "out").iterdir())
    monkeypatch.setattr(work.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))
    with pytest.raises(FullDiskError, match="TMPDIR"):
        work.perform(Words({}), job, lambda *_: None)


def test_numbers_of_workers_follow_cores_memory_and_files(monkeypatch):
    monkeypatch.setattr(capacity, "cores", lambda: 16)
    monkeypatch.setattr(capacity, "available_memory_mb", lambda: 10 * capacity.MEMORY_PER_WORKER_MB + 1)
    assert [capacity.default_workers(items) for items in (0, 3, 1000)] == [1, 3, 10]
    assert capacity.default_memory_limit_mb(4) > 2 * capacity.MEMORY_PER_WORKER_MB


@posix
def test_workers_end_when_their_owner_is_killed(files, tmp_path):
    root = files(**{f"f{number}": "slow" for number in range(50)})
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([*sys.path, str(TASKS.parent)]))
    owner = subprocess.Popen([sys.executable, str(TASKS), str(root), str(tmp_path / "out")], env=environment)
    while len(workers := psutil.Process(owner.pid).children()) < 2:
        time.sleep(0.05)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


def test_the_record_of_a_result_says_what_made_it(files, run, tmp_path):
    run(files(a="one"))
    record = json.loads((tmp_path / "out" / "a" / RESULT_FILE).read_text())
    assert set(record["key"]) == {"input", "parameters", "models", "version"}
    assert record["files"] == ["letters.txt", "pid.txt"]


@posix
@pytest.mark.slow
@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_nothing_is_lost_by_kills_at_random_instants(files, tmp_path, kills):
    chance = random.Random(7)
    root = files(**{f"f{number:02}": "slow" * (number % 2) or "fine" for number in range(30)})
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([*sys.path, str(TASKS.parent)]))
    output = tmp_path / "out"
    command = [sys.executable, str(TASKS), str(root), str(output)]
    counts = []
    for _ in range(kills):
        before = len(list(output.glob(f"f*/{RESULT_FILE}")))
        owner = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + 60  # until it has done something new
        while len(list(output.glob(f"f*/{RESULT_FILE}"))) <= min(before, 28) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.15))
        owner.kill()
        owner.wait()
        counts.append(len(list(output.glob(f"f*/{RESULT_FILE}"))))
    assert counts == sorted(counts)  # no result is ever lost again
    subprocess.run(command, env=environment, check=True)
    for file in root.iterdir():
        letters = len(file.read_text())
        assert (output / file.name / "letters.txt").read_text() == f"{letters} letters in {file.name}"
        assert (output / file.name / "pid.txt").is_file()
    with (output / "summary.csv").open(newline="", encoding="utf-8") as table:
        assert {row["status"] for row in csv.DictReader(table)} <= {"done", "finished before"}
    assert len((output / "summary.csv").read_text().splitlines()) == 31
    assert not leftovers(output)


@posix
def test_ctrl_c_ends_the_command_in_one_word(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    command = [sys.executable, "-m", "MicrocalcAILib", "analyze", str(tmp_path), "--output", str(tmp_path / "out")]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    process = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    while not psutil.Process(process.pid).children():
        time.sleep(0.02)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.split() == ["Cancelled."]
    assert not leftovers(tmp_path / "out")


def test_the_command_line_keeps_idle_threads_from_spinning(monkeypatch, capsys):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"  # whoever sets it knows why


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_progress_is_a_bar_with_rate_and_remaining_time_on_a_terminal_only(monkeypatch):
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        progress = TerminalProgress()
        for done in range(3):
            progress("training", done, 2)
        assert ("training: 100%" in stream.getvalue()) == shown
        assert ("it/s" in stream.getvalue()) == shown
