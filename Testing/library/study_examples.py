"""Small studies: phantom-like images with clusters in half of them, results of an analysis, and simulated readers."""

import dataclasses
import json

import numpy as np
import pandas as pd

from MicrocalcAILib.analysis import Analysis, save_analysis
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.dataset.dataset import Annotation, read_dataset, written_dataset
from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from MicrocalcAILib.phantom.writer import write_phantom
from MicrocalcAILib.pipeline import analyze, load_selector
from MicrocalcAILib.study.cases import Case, Truth, write_study
from MicrocalcAILib.study.new import cases_of_dataset, example_plan

SHAPE, SPACING_MM = (60, 80), 0.07
CLUSTER_ROW, CLUSTER_COLUMN = 20, 30
_IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)


def cluster_labels(is_diseased):
    """Six specks of 2 × 2 pixels in a row, or none."""
    labels = np.zeros(SHAPE, np.uint32)
    if is_diseased:
        for number in range(6):
            column = CLUSTER_COLUMN - 6 + 2 * number + number % 2
            labels[CLUSTER_ROW : CLUSTER_ROW + 2, column : column + 1] = number + 1
    return labels


def make_dataset(folder, count, with_results=True):
    """A dataset of ``count`` tiny images, every second one with a cluster; gives it and the folder of results."""
    results = folder / "results"
    with written_dataset(folder / "dataset", "example") as writer:
        for number in range(count):
            name, is_diseased = f"image_{number:02d}", number % 2 == 1
            labels = cluster_labels(is_diseased)
            rng = np.random.default_rng(number)
            pixels = (rng.normal(1000, 20, SHAPE) + 400 * (labels > 0)).astype(np.uint16)
            path = folder / "images" / f"{name}.nrrd"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(pixels, (SPACING_MM, SPACING_MM), (0.0, 0.0, 0.0), _IDENTITY, path)
            members = dict.fromkeys(range(1, 7), 1) if is_diseased else {}
            writer.add(path, Annotation(f"patient {number}", "L", "CC", SPACING_MM, labels, cluster_of=members))
            if with_results:
                (results / name).mkdir(parents=True)
                save_analysis(analysis_of(labels), results / name)
    return read_dataset(folder / "dataset"), results


def analysis_of(labels):
    """An analysis that found just these specks, in one cluster."""
    rows = []
    for label in np.unique(labels[labels > 0]):
        at = np.argwhere(labels == label)
        (top, left), (bottom, right) = at.min(axis=0), at.max(axis=0)
        box = {"row_min": top, "row_max": bottom, "column_min": left, "column_max": right}
        row, column = at.mean(axis=0)
        center = {"row": row, "column": column, "y_mm": row * SPACING_MM, "x_mm": column * SPACING_MM}
        rows.append({"id": label, "cluster_id": 1, **center, **box, "probability": 0.9, "source": "machine"})
    calcifications = pd.DataFrame(rows, columns=[*("id", "cluster_id", "row", "column", "y_mm", "x_mm"), *BOX, *REST])
    clusters = pd.DataFrame(columns=["id", "name", "count", "row", "column", *BOX])
    if len(rows):
        ends = {name: calcifications[name].agg(name[-3:]) for name in BOX}
        center = calcifications[["row", "column"]].mean()
        clusters.loc[0] = {"id": 1, "name": "Cluster 1", "count": len(rows), **center, **ends}
    return Analysis(labels.astype(np.int32), calcifications, clusters, (SPACING_MM, SPACING_MM), 10.0)


BOX = ("row_min", "row_max", "column_min", "column_max")
REST = ("probability", "source")


def make_study(folder, count=8, mode="sequential", training=0, **changes):
    """A study of a tiny dataset with the usual questions; entries of the plan may be changed."""
    dataset, results = make_dataset(folder, count)
    cases, truth = cases_of_dataset(dataset, results, training, 1)
    write_study(folder / "study", example_plan("Example", mode, 1) | changes, cases, truth)
    return folder / "study"


def make_speck_study(folder):
    """A study of one small phantom that asks for every single calcification; gives it and the phantom."""
    background = power_law_background([52], BreastParameters(frame_mm=(32.0, 26.0)))
    phantom = simulate(background, [52], PhantomParameters(clusters=(1, 1), contrast_to_noise=(12.0, 20.0)))
    mammogram, path = phantom.mammogram, folder / "image.nrrd"
    write_volume(np.round(mammogram.pixels).astype(np.uint16), mammogram.spacing_mm, (0.0, 0.0, 0.0), _IDENTITY, path)
    asked = {"name": "specks", "text": "Mark every calcification", "kind": "marks", "specks": True}
    record = {"schema": 1, "title": "Specks", "questions": [asked]}
    write_study(folder / "study", record, [Case("image", "A", (path,))], {})
    return folder / "study", phantom


def make_exam_study(folder, count=4):
    """A sequential study of small phantom exams in four views, every second one with a cluster in both left views.

    Gives the study and, by case, the place (image, row, column) of the cluster in each view that shows it.
    """
    selector, cases, truth, places = load_selector("measurements"), [], {}, {}
    for number in range(count):
        name, images, results, lesions = f"exam_{number}", [], [], []
        for image, (side, view) in enumerate((("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))):
            clusters = (1, 1) if number % 2 and side == "L" else (0, 0)
            seed = [61, number, image]
            background = power_law_background(seed, BreastParameters(frame_mm=(36.0, 28.0)))
            parameters = PhantomParameters(clusters=clusters, singles=(0, 2), contrast_to_noise=(8.0, 20.0))
            made = simulate(background, seed, parameters)
            made = dataclasses.replace(made, mammogram=dataclasses.replace(made.mammogram, laterality=side, view=view))
            write_phantom(folder / "exams", f"{name}_{side}{view}", made, ["dicom"])
            images.append(folder / "exams" / "dicom" / f"{name}_{side}{view}.dcm")
            results.append(folder / "results" / images[-1].stem)
            results[-1].mkdir(parents=True)
            save_analysis(analyze(made.mammogram, selector=selector), results[-1])
            members = made.calcifications[made.calcifications["cluster_id"] == 1]
            if len(members):
                rows, columns = np.nonzero(np.isin(made.labels, members["id"]))
                places.setdefault(name, []).append((image, float(np.median(rows)), float(np.median(columns))))
                ends = dict(zip(BOX, (rows.min(), rows.max(), columns.min(), columns.max()), strict=True))
                lesions.append({"image": image, "lesion": "cluster 1", **ends})
        cases.append(Case(name, name, tuple(images), tuple(results)))
        truth[name] = Truth(bool(lesions), "", pd.DataFrame(lesions, columns=["image", "lesion", *BOX]))
    record = example_plan("Exams", "sequential", 1) | {"hanging": "four views"}
    write_study(folder / "study", record, cases, truth)
    return folder / "study", places


def clear_specks(phantom):
    """The clustered calcifications of a phantom that no other one is near, so that it is clear which one is meant."""
    places = phantom.calcifications[["row", "column"]].to_numpy() * phantom.mammogram.spacing_mm
    apart_mm = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + 9 * np.eye(len(places))
    return phantom.calcifications[(apart_mm.min(axis=1) > 0.9) & (phantom.calcifications["cluster_id"] > 0)]


class SimulatedReader:
    """Answers as a reader would who sees the disease better with the results."""

    def __init__(self, name, seed, skill=0.8, gain=1.2):
        self.name, self._rng, self._skill, self._gain = name, np.random.default_rng(seed), skill, gain

    def answers(self, is_diseased, condition):
        """Answers to the usual questions, and the score of a mark on the cluster (None: not marked)."""
        shift = (self._skill + (self._gain if condition == "aided" else 0)) * (1 if is_diseased else -1)
        probability = float(np.clip(round(50 + 18 * (self._rng.normal() + shift)), 0, 100))
        answers = {"probability": probability, "category": "4B" if probability > 50 else "1"}
        if answers["category"] == "4B":
            answers |= {"morphology": "amorphous", "distribution": "grouped"}
        return answers, probability if is_diseased and probability > 50 else None


def read_all(reading, reader, diseased, limit=None):
    """Let a simulated reader finish a list, or the first ``limit`` tasks of it, through the head-less reading."""
    count = 0
    while (limit is None or count < limit) and reading.next_unfinished():
        task = reading.current
        answers, score = reader.answers(diseased[task.case], task.condition)
        for name, value in answers.items():
            reading.answer(name, value)
        if score is not None:
            reading.mark("marks", 0, CLUSTER_ROW, CLUSTER_COLUMN, score)
        reading.finish()
        count += 1
    return count


def diseased_cases(study):
    """Whether each case is diseased, as the hidden table says."""
    table = pd.read_csv(study / "truth.csv")
    return dict(zip(table["case"], table["diseased"] == 1, strict=True))


def changed_plan(study, **changes):
    """Change the plan's file."""
    path = study / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")
