"""The panel as it looks, drawn to memory at the width it has in Slicer; the pictures stay in the test's folder."""

import pytest
import qt

from MicrocalcAI import PanelState
from MicrocalcAISlicer.logic import MicrocalcAILogic
from MicrocalcAISlicer.sampledata import loadPhantom
from mrml.panel_runs import finish, show, with_overlays

WIDTH = 440


@pytest.fixture
def picture(slicer, panel, tmp_path):
    """Draw the panel into a file; fails when something does not fit into the width."""

    def draw(name):
        panel.parent.setAttribute(qt.Qt.WA_DontShowOnScreen)
        panel.parent.resize(WIDTH, 100)
        panel.parent.show()
        slicer.qtApplication.processEvents()
        panel.parent.resize(WIDTH, panel.parent.layout().totalHeightForWidth(WIDTH))
        slicer.qtApplication.processEvents()
        assert panel.parent.minimumSizeHint().width() <= WIDTH
        path = tmp_path / f"{name}.png"
        assert panel.parent.grab().save(str(path))
        return path

    return draw


def cut_off(table, column):
    """Texts of a column of a table that are wider than the column."""
    metrics = table.fontMetrics()
    lines = [line for row in range(table.rowCount()) for line in table.item(row, column).text().split("\n")]
    return [line for line in lines if metrics.horizontalAdvance(line) > table.columnWidth(column) - 6]


def test_empty_panel(panel, picture):
    picture("empty")
    assert panel.ui.progressBar.isHidden()


def test_running_panel(panel, picture, make_volume):
    for name in ("R CC", "L CC", "R MLO", "L MLO"):
        make_volume(name)
    panel.enter()
    panel.parameters.severalImages = True
    panel.onApplyButton()
    picture("running")
    assert panel.state is PanelState.RUNNING
    assert panel.ui.progressBar.isVisible()


def test_panel_with_results(panel, picture, volume, described, make_view):
    make_view("Red", volume)
    panel.enter()
    panel.parameters.malignancyHeatmap = True
    panel.onApplyButton()
    finish(panel, panel.logic.showAnalysis(with_overlays(described), volume))
    panel.ui.clusterTable.selectRow(0)
    picture("results")
    for column in range(panel.ui.clusterTable.columnCount()):
        assert cut_off(panel.ui.clusterTable, column) == []


@pytest.mark.slow
def test_panel_with_the_sample_mammogram(panel, picture):
    volume = loadPhantom()
    MicrocalcAILogic().process(volume)
    panel.enter()
    panel.ui.clusterTable.selectRow(0)
    picture("sample")
    assert panel.ui.clusterTable.rowCount() > 0
    for column in range(panel.ui.clusterTable.columnCount()):
        assert cut_off(panel.ui.clusterTable, column) == []
    assert panel.ui.noticeLabel.isHidden()  # there is no estimate from simulated clusters unless it is asked for


def test_missing_packages_in_the_panel(panel, picture, volume, analysis):
    show(panel, analysis, volume)
    panel.missingPackages = ["numba>=0.60", "lightgbm>=4.3", "pandas>=2.0", "scikit-image>=0.22"]
    panel.ui.dependencyLabel.setText("Python packages to install: " + ", ".join(panel.missingPackages))
    panel.ui.dependencyFrame.setVisible(True)
    picture("missing")
