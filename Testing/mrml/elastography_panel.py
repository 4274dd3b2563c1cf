"""The elastography panel as Slicer builds it, filled and driven by tests."""

import time
from pathlib import Path

import numpy as np
from slicer import mrmlwidgets

import MicrocalcElastography
from MicrocalcSlicerShared import dependencies
from mrml.elastography_scene import fat_mask, frame_mask, load_screen, ras, simulated
from stand_ins import application


def make_panel(monkeypatch, settings_folder: Path, logic=None):
    """A panel whose packages are installed; its settings lie in a folder of the test."""
    application.startWithWidgets()
    import qt

    qt.QSettings.setDefaultFormat(qt.QSettings.IniFormat)
    qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.UserScope, str(settings_folder))
    monkeypatch.setattr(dependencies, "missingPackages", list)
    if logic is not None:
        monkeypatch.setattr(MicrocalcElastography, "MicrocalcElastographyLogic", logic)
    panel = MicrocalcElastography.MicrocalcElastographyWidget()
    panel.setup()
    return panel


def discard(panel):
    """As when the module is unloaded."""
    panel.cleanup()
    panel.parent.findChild(mrmlwidgets.qMRMLWidget).setMRMLScene(None)


def convert(panel, folder, screen=None, name="Breast"):
    """Load a simulated screen, select and convert it; its node."""
    node = load_screen(folder, screen, name)
    panel.enter()
    panel.parameters.inputVolume = node
    panel.imageSection.onConvert()
    return node


def draw_circle(slicer, volume, mask, name="Lesion"):
    """A line whose circle has the middle and the area of a mask of the frame."""
    row, column = np.argwhere(mask).mean(axis=0)
    radius = np.sqrt(mask.sum() / np.pi)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", name)
    for side in (-1, 1):
        node.AddControlPointWorld(*ras(volume, row, column + side * radius))
    return node


def draw_lesion_and_fat(slicer, panel, volume):
    """Circles on the true lesion and on fat, selected in the panel."""
    screen = simulated()
    panel.parameters.lesionMarkup = draw_circle(slicer, volume, frame_mask(screen, screen.lesion))
    panel.parameters.fatMarkup = draw_circle(slicer, volume, fat_mask(screen), "Fat")
    wait_until(lambda: panel.measureSection.assessment is not None)


def wait_until(is_so, seconds=20.0):
    """Let timers run until something is so; an AssertionError when it does not become so."""
    import qt

    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "nothing happened"
        qt.QCoreApplication.processEvents()
        time.sleep(0.005)


def texts(table):
    """Texts of a table widget, row by row."""
    columns = range(table.columnCount())
    return [[table.item(row, column).text() for column in columns] for row in range(table.rowCount())]


def picture(panel, tab, path, width=460):
    """Draw a tab to a file, as wide as a module panel is in Slicer."""
    import qt

    panel.ui.tabs.setCurrentIndex(tab)
    panel.parent.resize(width, 900)
    panel.parent.show()
    qt.QCoreApplication.processEvents()
    panel.parent.resize(width, panel.ui.tabs.currentWidget().sizeHint().height() + 70)
    qt.QCoreApplication.processEvents()
    shown = panel.parent.grab()
    panel.parent.hide()
    assert shown.save(str(path))
    return shown
