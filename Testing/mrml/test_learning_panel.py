"""Adapted selectors in the panel: the list, what they changed, which image to correct next."""

import dataclasses
import json
import shutil

import pytest

from MicrocalcAILib.base.resources import resource_path
from MicrocalcAISlicer.learningpanel import doubtfulImages

RATE = {"false_per_image": 5, "before": 0.2, "after": 0.4, "gain": 0.2, "gain_low": 0.1, "gain_high": 0.3}
COMPARISON = {"corrected": {"images": 8, "patients": 8, "rates": [RATE], "mean_gain": 0.2}}


@pytest.fixture
def adapted(tmp_path, monkeypatch):
    """The bundled selector as if it had been adapted, among the user's models."""
    folder = tmp_path / "models" / "AdaptedSelector"
    shutil.copytree(resource_path("Models/SpeckSelector"), folder)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["adaptation"] = {"comparison": COMPARISON}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    monkeypatch.setenv("MICROCALC_MODELS", str(folder.parent))
    return folder


def test_adapted_selector_is_listed_says_what_it_changed_and_is_used(adapted, panel, make_volume):
    make_volume()
    panel.enter()
    assert panel.learning.selector() == ""
    assert panel.learning.models.count() == 2
    panel.learning.models.setCurrentIndex(1)
    assert "sensitivity 0.200 before, 0.400 after" in panel.learning.changes.text()
    panel.onApplyButton()
    assert panel.logic.arguments["selector"] == str(adapted)


def test_model_that_was_added_meanwhile_is_found(panel, adapted):
    panel.learning.refresh()
    assert [panel.learning.models.itemText(row) for row in range(2)] == ["as chosen above", "AdaptedSelector"]


def test_most_doubtful_image_is_proposed_and_marks_that_a_reader_drew_are_sure(panel, make_volume, analysis):
    sure, doubtful = make_volume("R CC"), make_volume("L CC")
    table = analysis.calcifications
    panel.logic.showAnalysis(dataclasses.replace(analysis, calcifications=table.assign(probability=0.99)), sure)
    panel.logic.showAnalysis(dataclasses.replace(analysis, calcifications=table.assign(probability=0.6)), doubtful)
    panel.learning.refresh()
    assert "L CC: about 2 doubtful marks" in panel.learning.next.text()
    assert [node.GetName() for node, _ in doubtfulImages()] == ["L CC", "R CC"]
