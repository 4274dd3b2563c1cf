"""Adapted selectors in the panel: the list, what they changed, which image to correct next."""

import dataclasses
import json
import shutil

import pytest

from MicrocalcAILib.base.model_folder import read_model_folder, write_model_folder
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.lexicon.word_model import KIND, SCHEMA
from MicrocalcAISlicer.editedtables import EditedTables
from MicrocalcAISlicer.learningpanel import doubtfulImages
from MicrocalcAISlicer.results import findResults

RATE = {"false_per_image": 5, "before": 0.2, "after": 0.4, "gain": 0.2, "gain_low": 0.1, "gain_high": 0.3}
COMPARISON = {"corrected": {"images": 8, "patients": 8, "rates": [RATE], "mean_gain": 0.2}}


@pytest.fixture
def own_words(tmp_path, monkeypatch):
    """The bundled model of the words as if it had gone on learning, among the user's models."""
    folder = tmp_path / "models" / "OurWords"
    card, files = read_model_folder(resource_path("Lexicon/WordModel"), KIND, SCHEMA)
    files["morphology.txt"] += "\n"
    figures = {"accuracy": {"cluster": {"count": 10}}}
    before, after = ({"share_right": share, **figures} for share in (0.6, 0.8))
    comparison = {"morphology": {"added_rounds": 20, "before": before, "after": after}}
    write_model_folder(folder, KIND, SCHEMA, card | {"name": "Our words", "comparison": comparison}, files)
    monkeypatch.setenv("MICROCALC_MODELS", str(folder.parent))
    return folder


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
    assert panel.learning.chosen() == {}
    assert panel.learning.selector.models.count() == 2
    panel.learning.selector.models.setCurrentIndex(1)
    assert "sensitivity 0.200 before, 0.400 after" in panel.learning.selector.changes.text()
    panel.onApplyButton()
    assert panel.logic.arguments["selector"] == str(adapted)


def test_edited_clusters_keep_to_the_words_model_of_the_analysis_or_say_that_it_is_gone(
    own_words, panel, make_volume, analysis
):
    used = json.loads((own_words / "card.json").read_text("utf-8"))
    description = {"words": {"sha256": used["sha256"]}, "classifier": None}
    described = dataclasses.replace(analysis, provenance={**analysis.provenance, "description": description})
    volume = make_volume()
    tables = EditedTables(volume, panel.logic.showAnalysis(described, volume).segmentationNode)
    models, notes = tables._models()
    assert (models.words.card["name"], notes) == ("Our words", ())
    shutil.rmtree(own_words)
    models, notes = EditedTables(volume, findResults(volume).segmentationNode)._models()
    assert models.words.card["name"] != "Our words"
    assert [note.code for note in notes] == ["edited-without-words"]


def test_model_that_was_added_meanwhile_is_found(panel, adapted):
    panel.learning.refresh()
    models = panel.learning.selector.models
    assert [models.itemText(row) for row in range(2)] == ["as chosen above", "AdaptedSelector"]


def test_words_that_learned_are_listed_say_what_they_changed_and_are_used(own_words, panel, make_volume):
    make_volume()
    panel.enter()
    panel.learning.words.models.setCurrentIndex(1)
    assert "right in 60.0 % before, 80.0 % after" in panel.learning.words.changes.text()
    panel.onApplyButton()
    assert panel.logic.arguments["words"] == str(own_words)
    assert panel.logic.arguments["selector"] == "auto"


def test_most_doubtful_image_is_proposed_and_marks_that_a_reader_drew_are_sure(panel, make_volume, analysis):
    sure, doubtful = make_volume("R CC"), make_volume("L CC")
    table = analysis.calcifications
    panel.logic.showAnalysis(dataclasses.replace(analysis, calcifications=table.assign(probability=0.99)), sure)
    panel.logic.showAnalysis(dataclasses.replace(analysis, calcifications=table.assign(probability=0.6)), doubtful)
    panel.learning.refresh()
    assert "L CC: about 2 doubtful marks" in panel.learning.next.text()
    assert [node.GetName() for node, _ in doubtfulImages()] == ["L CC", "R CC"]
