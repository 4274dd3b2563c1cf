"""What an analysis takes of the computer: measured, and within a budget."""

import time

import numpy as np
import pytest

from benchmarks.turns import loop_seconds
from MicrocalcAILib.base.cost import Costs, Meter, cost_of_start
from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.export.results import write_results
from MicrocalcAILib.pipeline import analyze, load_selector
from speck_images import breast_with_specks

# CPU seconds of a warm analysis, results written, per CPU second of the empty loop; measured: 2.5 to 2.8.
LOOPS_PER_ANALYSIS = 3.0


def test_a_part_is_measured_with_its_memory_and_processor_time():
    costs = Costs()
    with costs.part("waiting"):
        time.sleep(0.2)
    with costs.part("working"):
        values = np.ones(2**25)  # 256 MB
        loop_seconds()
        del values
    waiting, working = costs.parts["waiting"], costs.parts["working"]
    assert waiting["seconds"] >= 0.2
    assert waiting["cpu_seconds"] < 0.1 <= working["cpu_seconds"]
    assert working["peak_memory_mb"] - waiting["peak_memory_mb"] > 200
    assert waiting["threads"] >= 1


def test_what_fails_leaves_no_cost_behind():
    costs = Costs()
    with pytest.raises(ValueError, match="broken"), costs.part("broken"):
        raise ValueError("broken")
    assert costs.parts == {}


def test_the_cost_of_the_start_is_that_of_the_process_so_far():
    cost = cost_of_start()
    assert 0 < cost["cpu_seconds"] < time.process_time() + 0.001  # it is rounded
    assert cost["seconds"] > 0
    with Meter() as meter:
        assert meter.cost()["cpu_seconds"] < cost["cpu_seconds"]


def test_an_analysis_stays_within_twice_its_budget_of_processor_time(tmp_path):
    mammogram, _ = breast_with_specks()
    selector, models = load_selector(), DescriptionModels.load(None)

    def cpu_seconds():
        start = time.process_time()
        write_results(mammogram, analyze(mammogram, selector=selector, models=models), tmp_path / "out")
        return time.process_time() - start

    cpu_seconds()  # compiles
    before = loop_seconds()
    taken = cpu_seconds()
    assert taken < 2 * LOOPS_PER_ANALYSIS * (before + loop_seconds()) / 2
