"""What tests of the panel share: analyses that wait for the test to finish them, and results to show."""

import dataclasses

import numpy as np
import pandas as pd

from MicrocalcAILib.networks.heatmap import Heatmap
from MicrocalcAISlicer.logic import MicrocalcAILogic


class Run:
    """An analysis under way, as the panel sees it."""

    stage, share = "candidates", 0.4

    def __init__(self):
        self.isAlive = True
        self.outcome = None
        self.results = None

    def update(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        self.results = self.outcome
        return self.outcome is not None

    def cancel(self):
        self.isAlive = False


class WaitingLogic(MicrocalcAILogic):
    """Remembers what it was asked for; ``runs`` has a run per image."""

    def __init__(self):
        super().__init__()
        self.runs = []

    def process(self, volumeNode, **arguments):
        self.arguments = dict(arguments, volumeNode=volumeNode)
        self.runs.append(Run())
        return self.runs[-1]


def table(panel):
    """Texts of the cluster table, row by row, both lines of a cell joined by a bar."""
    widget = panel.ui.clusterTable
    columns = range(widget.columnCount())
    return [
        [widget.item(row, column).text().replace("\n", " | ") for column in columns] for row in range(widget.rowCount())
    ]


def show(panel, analysis, volume):
    """Show an analysis in the scene and let the panel notice."""
    shown = panel.logic.showAnalysis(analysis, volume)
    panel.enter()
    return shown


def finish(panel, outcome):
    """The run that is under way ends with this outcome; the panel looks."""
    panel.logic.runs[-1].outcome = outcome
    panel.analyze.onTimer()


def with_overlays(analysis, task="malignancy"):
    """The analysis with a heatmap that rises from left to right on a grid ten times as coarse, and two boxes."""
    rows, columns = (length // 10 for length in analysis.labels.shape)
    probabilities = np.tile(np.linspace(0.05, 0.95, columns, dtype=np.float32), (rows, 1))
    probabilities[0] = np.nan
    grid_mm = tuple(10 * length for length in analysis.spacing_mm)
    heatmap = Heatmap(
        task,
        probabilities,
        grid_mm,
        first_center_mm=tuple(4.5 * length for length in analysis.spacing_mm),
        patch_mm=grid_mm[0],
        image_origin_lps_mm=analysis.origin_lps_mm,
        direction_lps=analysis.direction_lps,
        model="Patches",
        threshold=0.4,
    )
    boxes = pd.DataFrame(
        {
            "id": [1, 2],
            "class": ["malignant", "benign"],
            "score": [0.87, 0.41],
            "row_min": [40, 5],
            "row_max": [48, 10],
            "column_min": [60, 10],
            "column_max": [63, 16],
            "x_mm": [4.3, 0.9],
            "y_mm": [3.1, 0.5],
            "cluster_ids": ["2", ""],
        }
    )
    return dataclasses.replace(analysis, heatmaps=(heatmap,), boxes=boxes)
