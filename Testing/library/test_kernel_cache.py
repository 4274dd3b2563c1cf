"""Kernels compile where neither the installation nor the home folder can be written, and load without the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import os, sys
import numba.core.caching as caching
def refuse(self): raise OSError("read-only")
for name in dir(caching):  # all but the one that the variable names
    if name.endswith("CacheLocator") and "UserProvided" not in name and not name.endswith("_CacheLocator"):
        getattr(caching, name).ensure_cache_path = refuse
import MicrocalcAILib.base.kernel_cache as kernel_cache
kernel_cache._is_writable = lambda folder: False
if sys.argv[1] == "provided":
    kernel_cache.provide_kernel_cache()
import MicrocalcAILib.base.trees as trees, numpy as np
assert trees._longest_way(np.array([0, 1]), np.array([-1], np.int32), np.array([-2], np.int32)) == 1
print(os.environ["NUMBA_CACHE_DIR"])
"""


def run(how: str, folder: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2] / "MicrocalcAI"
    environment = {**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(folder)}
    environment.pop("NUMBA_CACHE_DIR", None)
    return subprocess.run([sys.executable, "-c", CODE, how], env=environment, capture_output=True, text=True)


def test_a_private_folder_takes_the_place_of_the_cache_and_is_removed(tmp_path):
    done = run("provided", tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_without_it_numba_would_refuse(tmp_path):
    assert "no locator available" in run("not", tmp_path).stderr


def said_by(code, folder, *arguments):
    """What a process prints that keeps its kernels in a folder."""
    root = Path(__file__).resolve().parents[2] / "MicrocalcAI"
    environment = {**os.environ, "PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(folder / "kernels")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


COUNTED = """
import sys
from pathlib import Path
from MicrocalcAILib.base.kernel_cache import are_compiled, compiling, remember_compiled
import MicrocalcAILib.base.trees as trees, numpy as np
counted = []
with compiling(counted.append):
    trees._longest_way(np.array([0, 1]), np.array([-1], np.int32), np.array([-2], np.int32))
print(counted, are_compiled())
remember_compiled()
print(are_compiled())
"""


def test_what_is_compiled_is_counted_once_and_remembered_for_this_computer(tmp_path):
    said = [said_by(COUNTED, tmp_path).split("\n") for _ in range(2)]
    assert said[0][:2] == ["[1] False", "True"]
    assert said[1][:2] == ["[] True", "True"]


LOADED = """
import sys
import numpy as np
from MicrocalcAILib.base.ranks import value_of_rank
values = np.array([3.0, 1.0, 2.0])
print(value_of_rank(values.copy(), 1, 0, 2))
print("numba.np.arraymath" in sys.modules)  # among the functions that could be compiled
if len(sys.argv) > 1:  # a kernel that calls the first one
    from MicrocalcAILib.features.intensities import _percentiles
    found = np.empty(1)
    _percentiles(values, 3, 1.0, 3.0, np.array([0.5]), found, np.empty(3, np.int64), np.empty(3))
    print(found[0])
"""


def test_what_is_compiled_is_loaded_without_the_compiler_which_still_builds_on_it(tmp_path):
    said = [said_by(LOADED, tmp_path, *more).split() for more in ([], [], ["compile another"], ["load both"])]
    assert said == [["2.0", "True"], ["2.0", "False"], ["2.0", "False", "2.0"], ["2.0", "False", "2.0"]]


UNKNOWN = """
import numba, sys
numba.version_info = (numba.version_info[0], numba.version_info[1] + 1)
import MicrocalcAILib.base.trees as trees, numpy as np
assert trees._longest_way(np.array([0, 1]), np.array([-1], np.int32), np.array([-2], np.int32)) == 1
print("MicrocalcAILib.base.kernel_loading" in sys.modules, sum(trees._longest_way.stats.cache_hits.values()))
"""


def test_a_numba_that_nobody_looked_into_loads_in_its_own_way(tmp_path):
    said = [said_by(UNKNOWN, tmp_path).split() for _ in range(2)]
    assert said == [["False", "0"], ["False", "1"]]
