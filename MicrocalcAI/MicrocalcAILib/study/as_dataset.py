"""The answers of a study as a dataset: what the readers agree on by a stated rule, and who said what beside it."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from ..dataset.bmcd import clusters_by_rule
from ..dataset.dataset import BOX, Annotation, DatasetWriter, written_dataset
from ..lexicon.vocabulary import KINDS as WORD_KINDS
from ..reading.mammogram import Mammogram
from .cases import Case, read_cases
from .collect import Collected, collect
from .plan import ADJUDICATION, CATEGORY, ELASTOGRAMS, MARKS, Question
from .specks import read_case_image, speck_finder

RULES: dict[str, Callable[[int, int], bool]] = {
    "majority": lambda said, readers: 2 * said > readers,
    "any": lambda said, readers: said > 0,
    "all": lambda said, readers: said == readers,
}
READERS_FILE = "readers.csv"
SAME_LESION_MM, LESION_MARGIN_MM = 5.0, 2.5
_UNKNOWN_MM = 0.5  # around a mark of a single calcification under which no speck lies
_SAME_SPECK_MM = 0.01  # marks of the same speck lie on its peak


def dataset_from_study(
    study: Path, output: Path, *, rule: str = "majority", copies_images: bool = False, progress: Progress = no_progress
) -> int:
    """Write what the readers of a study agree on as a dataset; return the number of its images.

    Counted are finished readings in the study's last condition; where an adjudicator has read a case, that reading
    alone. A lesion, a calcification or a word holds when enough readers say so: more than half of those who read the
    case (``majority``), one (``any``) or every one (``all``). Marks of several readers within 5 mm are one lesion, its
    box reaches 2.5 mm beyond them; marks of single calcifications (``specks``) are outlined as the analysis does, and
    where no speck lies under one, nothing is known around it. Words belong to a lesion where the case shows one alone.
    ``readers.csv`` keeps every answer and mark with the reader's number instead of the name.

    Parameters
    ----------
    study, output : Path
    rule : {"majority", "any", "all"}
    copies_images : bool
    progress : callable, optional

    Raises
    ------
    ParameterError
        For an unknown rule, a plan that asks for no marks, or when nobody has finished a case.
    """
    if rule not in RULES:
        raise ParameterError(f"“{rule:.40}” is no rule; choose {', '.join(RULES)}.")
    found, cases = collect(study), read_cases(study)
    asked = [question for question in found.plan.questions if question.kind == MARKS]
    if found.plan.images == ELASTOGRAMS:
        raise ParameterError("A study of elastograms makes no dataset of mammograms; take its tables.")
    if not asked:
        raise ParameterError("The study asks for no marks, so its answers do not say where calcifications are.")
    judged = _judging(found)
    if judged.empty:
        raise ParameterError("Nobody has finished a case of this study; there is nothing to make a dataset of.")
    numbers = {name: f"reader {number}" for number, name in enumerate(sorted(judged["reader"].unique()), start=1)}
    details = {
        "study": found.plan.title,
        "plan_sha256": found.plan.digest,
        "readers": len(numbers),
        "consensus": rule,
        "conditions": sorted(judged["condition"].unique()),
        "same_lesion_mm": SAME_LESION_MM,
        "lesion_margin_mm": LESION_MARGIN_MM,
    }
    names = list(dict.fromkeys(judged["case"]))
    said = []
    with written_dataset(output, "study", details, copies_images) as writer:
        for number, name in enumerate(names):
            progress("cases", number, len(names))
            consensus = _Consensus(found, judged[judged["case"] == name], asked[0], rule)
            said.append(_add_case(writer, cases[name], consensus))
        progress("cases", len(names), len(names))
        writer.write_beside(READERS_FILE, pd.concat(said).assign(reader=lambda table: table["reader"].map(numbers)))
        return len(writer)


def _judging(found: Collected) -> pd.DataFrame:
    """The finished readings that count: of the last condition, or of adjudicators where there are some."""
    times = found.times
    last = times[times["condition"] == found.plan.conditions[-1]]
    settled = times[times["condition"] == ADJUDICATION]
    return pd.concat([last[~last["case"].isin(settled["case"])], settled], ignore_index=True)


class _Consensus:
    """What the readers of one case say together."""

    def __init__(self, found: Collected, readings: pd.DataFrame, marks: Question, rule: str) -> None:
        keys = ["reader", "case", "condition"]
        self.readers = readings["reader"].nunique()
        self.specks = marks.specks
        self._holds = RULES[rule]
        self.marks = found.marks[found.marks["question"] == marks.name].merge(readings[keys], on=keys)
        self.answers = found.answers.merge(readings[keys], on=keys)
        self._kinds = {question.name: question.kind for question in found.plan.questions}

    def answer(self, kind: str) -> str:
        """What enough readers answer to the question of a kind; of several the last of the lexicon; empty: none."""
        own = self.answers[self.answers["question"].map(self._kinds) == kind]
        counts = Counter(own["answer"].astype(str))
        return max((word for word, count in counts.items() if self._holds(count, self.readers)), default="")

    def places(self, image: int, spacing_mm: tuple[float, float], apart_mm: float) -> list[pd.DataFrame]:
        """The marks of an image, those of one thing together, of the things that hold."""
        own = self.marks[self.marks["image"] == image]
        groups = _grouped(own[["row", "column"]].to_numpy(float) * spacing_mm, apart_mm)
        parts = [part for _, part in own.groupby(groups)]
        return [part for part in parts if self._holds(part["reader"].nunique(), self.readers)]

    def table(self) -> pd.DataFrame:
        """Every answer and mark."""
        kept = ["reader", "case", "condition", "question"]
        marks = self.marks[[*kept, "image_file", "row", "column", "score"]]
        return pd.concat([self.answers[[*kept, "answer"]], marks], ignore_index=True)


def _grouped(points_mm: NDArray[np.float64], apart_mm: float) -> NDArray[np.int64]:
    if len(points_mm) < 2:
        return np.ones(len(points_mm), np.int64)
    return np.asarray(fcluster(linkage(points_mm, "single"), apart_mm, "distance"), np.int64)


def _add_case(writer: DatasetWriter, case: Case, consensus: _Consensus) -> pd.DataFrame:
    words = {kind: consensus.answer(kind) for kind in WORD_KINDS}
    for image, path in enumerate(case.images):
        mammogram = read_case_image(path)
        shared: dict[str, Any] = {
            "patient": case.patient,
            "laterality": mammogram.laterality or "",
            "view": mammogram.view or "",
            "spacing_mm": float(mammogram.spacing_mm[0]),
            "category": consensus.answer(CATEGORY),
        }
        if consensus.specks:
            known = _outlined(mammogram, consensus.places(image, mammogram.spacing_mm, _SAME_SPECK_MM))
            cluster_of = known["cluster_of"]
            clusters = pd.DataFrame({"id": sorted(set(cluster_of.values()))})
            if len(clusters) == 1:
                clusters = clusters.assign(**words)
            writer.add(path, Annotation(**shared, **known, clusters=clusters))
        else:
            boxes = _boxes(mammogram, consensus.places(image, mammogram.spacing_mm, SAME_LESION_MM))
            writer.add(path, Annotation(**shared, boxes=boxes.assign(**words) if len(boxes) == 1 else boxes))
    return consensus.table()


def _outlined(mammogram: Mammogram, things: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Label map, clusters by the rule of the analysis, and where a mark lies on no speck."""
    labels = np.zeros(mammogram.pixels.shape, np.int32)
    unknown = []
    finder = functools.cache(lambda: speck_finder(mammogram))  # where nobody marked, nobody waits
    for thing in things:
        row, column = thing[["row", "column"]].mean()
        speck = finder().speck_at(row, column).speck
        if speck is None:
            reach = [_UNKNOWN_MM / length for length in mammogram.spacing_mm]
            unknown.append((row - reach[0], row + reach[0], column - reach[1], column + reach[1]))
            continue
        free = labels[speck.rows, speck.columns] == 0
        labels[speck.rows[free], speck.columns[free]] = labels.max() + 1
    return {
        "labels": labels,
        "cluster_of": clusters_by_rule(labels, mammogram.spacing_mm),
        "ignore_regions": unknown,
    }


def _boxes(mammogram: Mammogram, lesions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for number, lesion in enumerate(lesions, start=1):
        box: dict[str, Any] = {"group": f"lesion {number}", "malignant": math.nan}
        for axis, name in enumerate(("row", "column")):
            reach = LESION_MARGIN_MM / mammogram.spacing_mm[axis]
            box[f"{name}_min"] = max(lesion[name].min() - reach, 0.0)
            box[f"{name}_max"] = min(lesion[name].max() + reach, mammogram.pixels.shape[axis] - 1.0)
        rows.append(box)
    return pd.DataFrame(rows, columns=["group", *BOX, "malignant"])
