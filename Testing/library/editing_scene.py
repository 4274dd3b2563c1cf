"""A mammogram with specks, its analysis and what a reader's edits need; made once for all tests of editing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from MicrocalcAILib.analysis import Analysis
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.editing.refresh import READER, Findings, refresh
from MicrocalcAILib.editing.specks import SpeckFinder
from MicrocalcAILib.pipeline import analyze
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.segmentation.breast import BreastRegion, find_breast
from MicrocalcAILib.segmentation.selection import MeasurementSelector
from speck_images import speck_image


@dataclass(frozen=True)
class EditingScene:
    """Everything about one analyzed mammogram."""

    mammogram: Mammogram
    breast: BreastRegion
    analysis: Analysis
    finder: SpeckFinder
    models: DescriptionModels

    @property
    def findings(self) -> Findings:
        return Findings.of_tables(self.analysis.calcifications, self.analysis.clusters, self.analysis.words)

    @property
    def drawn_by_a_reader(self) -> Findings:
        """The findings as if a reader had drawn all calcifications, which then count fully in the words."""
        drawn = Findings.of_tables(self.analysis.calcifications.assign(source=READER), self.analysis.clusters)
        clusters = self.analysis.clusters["id"].tolist()
        labels = self.analysis.labels
        return refresh(self.finder, labels, self.cluster_ids, drawn, self.models, again=clusters).findings

    @property
    def cluster_ids(self) -> dict[int, int]:
        table = self.analysis.calcifications
        return dict(zip(table["id"].tolist(), table["cluster_id"].tolist(), strict=True))


def _two_groups() -> Mammogram:
    rows, columns = np.ogrid[:860, :640]
    breast = ((rows - 430) / 400) ** 2 + (columns / 560) ** 2 < 1
    pixels = np.where(breast, 500, 10) + np.random.default_rng(0).normal(0, 4, breast.shape) * breast
    for seed, top in enumerate((170, 470), start=2):  # specks of which none are joined
        texture, _, _ = speck_image(0.07, side_mm=14.0, contrast=100.0, seed=seed, specks=16)
        inner = texture[15:-15, 15:-15]
        pixels[top : top + inner.shape[0], 60 : 60 + inner.shape[1]] = inner - np.median(inner) + 500
    return Mammogram(pixels.astype(np.float32), (0.07, 0.07), laterality="L", view="CC")


@lru_cache
def editing_scene() -> EditingScene:
    """Two groups of specks in a half-ellipse of breast, analyzed with the selector on measurements."""
    mammogram = _two_groups()
    selector = MeasurementSelector.load(resource_path("Models/SpeckSelector"))
    models = DescriptionModels.load()
    breast = find_breast(mammogram)
    return EditingScene(
        mammogram,
        breast,
        analyze(mammogram, selector=selector, models=models),
        SpeckFinder(mammogram, breast, selector),
        models,
    )
