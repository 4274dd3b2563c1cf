"""The elastography panel's tab “Readings”: repeats, readers, agreement, undo, files, and the scene that keeps them."""

import json

import numpy as np
import pandas as pd
import pytest

from MicrocalcElastographySlicer import readernames, readingsnodes
from MicrocalcElastographySlicer.parameternode import Outcome
from mrml.elastography_panel import convert, discard, draw_lesion_and_fat, make_panel, picture, texts, wait_until


@pytest.fixture
def panel(slicer, monkeypatch, tmp_path):
    panel = make_panel(monkeypatch, tmp_path / "settings")
    yield panel
    discard(panel)


@pytest.fixture
def measured(slicer, panel, tmp_path):
    """The panel with a lesion and fat measured."""
    screen = convert(panel, tmp_path)
    draw_lesion_and_fat(slicer, panel, screen)
    return screen


def sign_in(panel, name):
    panel.ui.readerNameEdit.setText(name)
    panel.readingsSection.onReaderName()


def store(panel, reader, box_mm=2.0):
    """Store a repeat of a reader, measured with a box of this size so that repeats differ."""
    panel.parameters.readerLabel = reader
    panel.parameters.boxMm = box_mm
    wait_until(lambda: panel.measureSection.assessment.measurement.parameters.box_mm == box_mm)
    panel.readingsSection.onStore()


def rows(panel):
    return [row[:3] for row in texts(panel.ui.readingsTable)]


def test_a_reader_is_asked_for(panel, measured):
    assert "Enter your name" in panel.ui.storeButton.toolTip()
    panel.ui.readerLabelEdit.setText("A")
    assert panel.ui.storeButton.isEnabled()
    panel.ui.readingLesionEdit.setText(" ")
    assert "Name the lesion" in panel.ui.storeButton.toolTip()


def test_names_get_letters_that_stay_the_same_on_this_computer(panel, measured):
    for name, label in (("Dr. Who", "A"), ("Jane / Smith", "B"), ("dr.  WHO", "A")):
        sign_in(panel, name)
        assert panel.parameters.readerLabel == label
    panel.ui.readerLabelEdit.setText("R7")
    panel.readingsSection.onStore()
    assert readernames.labelOf("Dr. Who") == "R7"


def test_no_name_gets_into_the_scene_or_the_files(slicer, panel, measured, tmp_path):
    sign_in(panel, "Beatrix Testreader")
    panel.readingsSection.onStore()
    panel.logic.exportReadings(tmp_path / "out")
    slicer.mrmlScene.SetSaveToXMLString(1)
    slicer.mrmlScene.Commit()
    everything = slicer.mrmlScene.GetSceneXMLString() + "".join(
        path.read_text() for path in (tmp_path / "out").iterdir()
    )
    assert "testreader" not in everything.lower()
    assert "beatrix" not in everything.lower()


def test_repeats_are_counted_for_each_reader(panel, measured):
    store(panel, "A")
    assert panel.ui.readingsStatusLabel.text() == "Stored repeat 1 of reader A."
    store(panel, "A", 3.0)
    store(panel, "B")
    assert rows(panel) == [["lesion 1", "A", "1"], ["lesion 1", "A", "2"], ["lesion 1", "B", "1"]]
    assert "repeat 2 of reader B" in panel.ui.storeButton.text()


def test_stored_numbers_are_the_measured_ones(panel, measured):
    panel.parameters.readingOutcome = Outcome.MALIGNANT
    panel.ui.patientEdit.setText("P7")
    store(panel, "A")
    (reading,) = panel.logic.readings()
    measurement = panel.measureSection.assessment.measurement
    assert reading.elasticity_mean_kpa == measurement.box_statistics.mean
    assert reading.stiffness_ratio == measurement.stiffness_ratio
    assert (reading.patient, reading.outcome) == ("P7", "malignant")
    assert texts(panel.ui.readingsTable)[0][3] == f"{measurement.box_statistics.mean:.1f}"


def test_spread_and_agreement_are_told_with_their_limits(panel, measured):
    for size in (2.0, 2.5, 3.0):
        store(panel, "A", size)
    store(panel, "B", 2.0)
    text = panel.ui.agreementLabel.text()
    assert "Reader A: 3 of 3 repeats" in text
    assert "✓ Reader A" in text
    assert "⚠ Reader B: 1 of 3 repeats" in text
    assert "A and B differ by" in text
    assert "limit 20%" in text
    assert "agreed" in text


def test_readers_who_disagree_need_a_consensus_which_settles_it(panel, measured):
    store(panel, "A", 2.0)
    store(panel, "B", 16.0)
    assert "needs consensus" in panel.ui.agreementLabel.text()
    panel.ui.consensusCheckBox.setChecked(True)
    assert not panel.ui.readerLabelEdit.isEnabled()
    panel.readingsSection.onStore()
    assert rows(panel)[-1] == ["lesion 1", "consensus", "1"]
    assert "settled by consensus" in panel.ui.agreementLabel.text()


def test_three_lesions_of_two_readers_have_an_intraclass_correlation(panel, measured):
    for number, size in enumerate((2.0, 6.0, 12.0), start=1):
        panel.ui.readingLesionEdit.setText(f"lesion {number}")
        store(panel, "A", size)
        store(panel, "B", size + 0.5)
    assert "ICC(2,1)" in panel.ui.agreementLabel.text()
    assert "limits of agreement" in panel.ui.agreementLabel.text()


def test_deleted_readings_come_back_by_undo(panel, measured):
    for size in (2.0, 3.0, 4.0):
        store(panel, "A", size)
    before = texts(panel.ui.readingsTable)
    assert not panel.ui.deleteButton.isEnabled()
    panel.ui.readingsTable.selectRow(1)
    assert panel.ui.deleteButton.isEnabled()
    panel.readingsSection.onDelete()
    assert [row[2] for row in texts(panel.ui.readingsTable)] == ["1", "3"]
    panel.readingsSection.onUndo()
    assert texts(panel.ui.readingsTable) == before
    for _ in range(3):
        panel.readingsSection.onUndo()
    assert texts(panel.ui.readingsTable) == []
    assert not panel.ui.undoButton.isEnabled()


def test_files_hold_the_readings(panel, measured, tmp_path):
    assert "Store a measurement" in panel.ui.exportButton.toolTip()
    store(panel, "A")
    store(panel, "B", 3.0)
    assert "Choose a folder" in panel.ui.exportButton.toolTip()
    panel.ui.exportEdit.setCurrentPath(str(tmp_path / "out"))
    panel.readingsSection.onExport()
    assert "readings.csv, lesions.csv, readings.json" in panel.ui.exportLabel.text()
    table = pd.read_csv(tmp_path / "out" / "readings.csv")
    means = [reading.elasticity_mean_kpa for reading in panel.logic.readings()]
    np.testing.assert_allclose(table["elasticity_mean_kpa"], means, atol=1e-4)
    lesions = pd.read_csv(tmp_path / "out" / "lesions.csv")
    assert lesions["elasticity_mean_kpa"][0] == pytest.approx(np.mean(means), abs=1e-3)
    record = json.loads((tmp_path / "out" / "readings.json").read_text())
    assert [reading["reader"] for reading in record["readings"]] == ["A", "B"]
    assert "lesion 1" in record["agreement"]


def test_picture_of_the_measurement_is_written(panel, measured, tmp_path):
    from PIL import Image

    panel.parameters.readerLabel = "A"
    assert "Choose a folder" in panel.ui.pictureButton.toolTip()
    panel.ui.exportEdit.setCurrentPath(str(tmp_path / "out"))
    assert panel.ui.pictureButton.isEnabled()
    panel.readingsSection.onExportPicture()
    assert "lesion_1_a.png" in panel.ui.exportLabel.text()
    assert Image.open(tmp_path / "out" / "lesion_1_a.png").size[0] > 1000
    assert (tmp_path / "out" / "lesion_1_a_values.nrrd").is_file()


def test_folder_that_cannot_be_written_is_told(panel, measured, tmp_path):
    store(panel, "A")
    (tmp_path / "file").write_text("")
    panel.ui.exportEdit.setCurrentPath(str(tmp_path / "file"))
    panel.readingsSection.onExport()
    assert "a file stands in its place; choose another folder" in panel.ui.exportLabel.text()


def test_readings_are_handed_to_the_study(panel, measured):
    store(panel, "A")
    panel.readingsSection.onUseAsStudy()
    assert panel.parameters.cohortTable is readingsnodes.findReadings()
    assert panel.ui.tabs.currentIndex() == 3
    assert "outcome" in panel.ui.columnsLabel.text()  # nothing is known yet


def test_readings_come_back_with_the_scene(slicer, panel, measured):
    store(panel, "A")
    store(panel, "A", 3.0)
    before, readings = texts(panel.ui.readingsTable), panel.logic.readings()
    slicer.mrmlScene.SetSaveToXMLString(1)
    slicer.mrmlScene.Commit()
    text = slicer.mrmlScene.GetSceneXMLString()
    slicer.mrmlScene.Clear(0)
    assert texts(panel.ui.readingsTable) == []
    slicer.mrmlScene.SetLoadFromXMLString(1)
    slicer.mrmlScene.SetSceneXMLString(text)
    slicer.mrmlScene.Import()
    panel.enter()
    assert panel.logic.readings() == readings
    assert texts(panel.ui.readingsTable) == before
    assert not panel.ui.undoButton.isEnabled()


def test_table_of_the_readings_is_a_node_that_others_can_use(slicer, panel, measured):
    store(panel, "A")
    store(panel, "B")
    (node,) = [
        node for node in slicer.util.getNodesByClass("vtkMRMLTableNode") if node.GetName() == "Elastography readings"
    ]
    assert node.GetNumberOfRows() == 2
    assert node.GetTable().GetColumnByName("elasticity_mean_kpa") is not None


def test_tab_fits_a_narrow_panel(panel, measured, tmp_path):
    store(panel, "A")
    assert picture(panel, 2, tmp_path / "readings.png").width() <= 480
