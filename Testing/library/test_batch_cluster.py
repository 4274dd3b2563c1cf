"""The same runs on a Dask cluster: a real scheduler and real workers on this computer."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import SimpleITK as sitk

from batch_tasks import Silent
from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.batch.cluster import ClusterWorkers
from MicrocalcAILib.batch.inputs import find_inputs
from MicrocalcAILib.batch.plan import plan
from MicrocalcAILib.batch.run import run_batch
from MicrocalcAILib.batch.worker_process import Limits, TaskName
from MicrocalcAILib.batch.workers import LocalWorkers
from speck_images import breast_with_specks

pytestmark = pytest.mark.slow


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.environment = dict(os.environ, PYTHONPATH=os.pathsep.join([*sys.path, str(Path(__file__).parent)]))
        self.processes = [self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")]
        deadline = time.monotonic() + 120
        while not self.file.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.address = json.loads(self.file.read_text())["address"]

    def add_worker(self):
        process = self._start("dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard")
        self.processes.append(process)
        return process

    def _start(self, program, *options):
        command = [sys.executable, "-m", f"distributed.cli.{program}", *options, "--scheduler-file", str(self.file)]
        return subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL, cwd=self.file.parent)

    def close(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.close()


def run_words(cluster_or_count, root, output, reporter=None, **options):
    workers = LocalWorkers(cluster_or_count) if isinstance(cluster_or_count, int) else ClusterWorkers(cluster_or_count)
    items = plan(find_inputs([root], output))
    task = TaskName("batch_tasks:Words", options)
    return run_batch(items, output, task, workers, Limits(60.0, 2048.0), reporter or Silent())


@pytest.fixture
def words(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    for number in range(16):
        (root / f"f{number:02}").write_text("slow")
    (root / "trap").write_text("segmentation fault" if os.name != "nt" else "damaged")
    return root


class WithDeath(Silent):
    """Does something after a number of rows."""

    def __init__(self, after, deed):
        super().__init__()
        self.after, self.deed, self.rows = after, deed, 0

    def ended(self, item, row, folder):
        super().ended(item, row, folder)
        self.rows += 1
        if self.rows == self.after:
            self.deed()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_nothing_is_lost_when_a_worker_dies_and_when_a_run_is_stopped(cluster, words, tmp_path):
    first, _ = cluster.add_worker(), cluster.add_worker()
    kill = WithDeath(3, lambda: first.send_signal(signal.SIGKILL))
    rows = run_words(cluster.address, words, tmp_path / "killed", kill, slow=0.3)
    assert len(rows) == 17
    # a file that was done, but whose row died with the worker, is found finished by the next one
    assert {row["status"] for row in rows[:-1]} <= {"done", "finished before"}
    assert "crashed (SIGSEGV)" in rows[-1]["reason"]

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        run_words(cluster.address, words, tmp_path / "stopped", WithDeath(4, stop), slow=0.3)
    rows = run_words(cluster.address, words, tmp_path / "stopped", slow=0.3)
    assert [row["status"] for row in rows].count("finished before") >= 4
    assert {row["status"] for row in rows[:-1]} == {"finished before", "done"}
    local = run_words(2, words, tmp_path / "local", slow=0.3)
    assert [row["image"] for row in local] == [row["image"] for row in rows]
    for row in local[:-1]:
        texts = {(tmp_path / run / row["folder"] / "letters.txt").read_text() for run in ("killed", "stopped", "local")}
        assert len(texts) == 1
    alive = [process for process in cluster.processes if process.poll() is None]
    assert len(alive) == 2
    assert not [child for process in alive for child in psutil.Process(process.pid).children()]  # no worker waits on


def test_a_model_that_is_missing_stops_the_run(cluster, words, tmp_path):
    cluster.add_worker()
    with pytest.raises(MicrocalcError, match="The model is missing"):
        run_words(cluster.address, words, tmp_path / "out", model="missing")


def test_a_scheduler_that_does_not_answer_is_a_sentence(words, tmp_path, monkeypatch):
    from MicrocalcAILib.batch import cluster

    monkeypatch.setattr(cluster, "_SECONDS_TO_CONNECT", 2)
    with pytest.raises(ParameterError, match="No Dask scheduler answers"):
        run_words("tcp://127.0.0.1:9", words, tmp_path / "out")


def without_times(file):
    """A file's content; of a JSON file without what tells when and how long."""
    if file.suffix != ".json":
        return file.read_bytes()
    record = json.loads(file.read_text(encoding="utf-8"))
    record.get("provenance", {}).pop("created", None)
    record.get("provenance", {}).pop("costs", None)
    for name in ("seconds", "cpu_seconds", "peak_memory_mb"):
        record.get("row", {}).pop(name, None)
    return json.dumps(record, sort_keys=True)


def test_analyses_on_the_cluster_are_those_of_this_computer(cluster, tmp_path):
    from MicrocalcAILib.cli import main

    cluster.add_worker()
    (tmp_path / "in" / "right").mkdir(parents=True)
    for name, seed in (("a.nrrd", 0), ("right/b.nrrd", 1)):
        mammogram, _ = breast_with_specks(seed=seed)
        image = sitk.GetImageFromArray(mammogram.pixels.astype(np.uint16)[None])
        image.SetSpacing((0.07, 0.07, 1))
        sitk.WriteImage(image, str(tmp_path / "in" / name))
    command = ["analyze", str(tmp_path / "in"), "--selector", "measurements", "--output"]
    assert main([*command, str(tmp_path / "cluster"), "--scheduler", cluster.address]) == 0
    assert main([*command, str(tmp_path / "local"), "--workers", "1"]) == 0
    files = [path.relative_to(tmp_path / "local") for path in sorted((tmp_path / "local").rglob("*")) if path.is_file()]
    assert Path("right/b/clusters.csv") in files
    for file in files:
        if file.name not in ("summary.csv", ".microcalc.lock"):
            assert without_times(tmp_path / "cluster" / file) == without_times(tmp_path / "local" / file), file
