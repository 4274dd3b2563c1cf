"""Both panels in a dark room, with large type, with one hand on the keyboard, and read aloud."""

import re
from pathlib import Path

import pytest

from mrml import panel_looks
from mrml.panel_runs import show, with_overlays
from stand_ins import application

application.startWithWidgets()

import qt  # noqa: E402, a stand-in, known since the application was started
from PySide6 import QtTest  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FIXED_COLORS = re.compile(r"styleSheet|setForeground|setStyleSheet|<font color|\bcolor: ?(?:#|rgb|\w+;)|QPalette\.")
READABLE = 4.5  # WCAG 2.2, level AA


@pytest.fixture
def filled(panel, volume, described):
    """The panel of MicrocalcAI with results, overlays, a rejected cluster and a selected one."""
    show(panel, with_overlays(described), volume)
    panel.ui.clusterTable.selectRow(1)
    panel.ui.rejectButton.click()
    panel.ui.clusterTable.selectRow(0)
    return panel


@pytest.fixture
def elastography_panel(slicer, monkeypatch, tmp_path):
    """The panel of MicrocalcElastography with a measured lesion."""
    from mrml.elastography_panel import convert, discard, draw_lesion_and_fat, make_panel

    panel = make_panel(monkeypatch, tmp_path / "settings")
    draw_lesion_and_fat(slicer, panel, convert(panel, tmp_path))
    yield panel
    discard(panel)


@pytest.fixture(params=["filled", "elastography_panel"])
def any_panel(request):
    return request.getfixturevalue(request.param)


def test_all_text_is_readable_in_the_light_and_the_dark_style_also_when_it_changes_while_the_panel_is_open(any_panel):
    with panel_looks.style(panel_looks.LIGHT):
        panel_looks.shown(any_panel)
        assert panel_looks.unreadable(any_panel, READABLE) == []
        panel_looks.application().setPalette(panel_looks.palette(panel_looks.DARK))
        panel_looks.shown(any_panel)
        assert panel_looks.unreadable(any_panel, READABLE) == []


def test_a_fixed_color_would_be_noticed(filled):
    with panel_looks.style(panel_looks.DARK):
        filled.ui.summaryLabel.setStyleSheet("color: navy;")
        panel_looks.shown(filled)
        (found,) = panel_looks.unreadable(filled, READABLE)
        assert found[1] == filled.ui.summaryLabel.text()[:40]


def test_no_panel_file_and_no_code_of_a_panel_sets_colors_of_text():
    for path in (*ROOT.glob("Microcalc*/Resources/*/UI/*.ui"), *ROOT.glob("Microcalc*/Microcalc*Slicer*/*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"styleSheet|setForeground|setStyleSheet|<font color|\bcolor: ?(?:#|rgb|\w+;)|QPalette\.", text
        ), path.name


@pytest.mark.parametrize("percent", [100, 125, 150])
def test_nothing_is_cut_with_larger_type(request, percent):
    for name in ("filled", "elastography_panel"):
        with panel_looks.style(panel_looks.LIGHT, percent):
            panel = request.getfixturevalue(name)
            panel_looks.shown(panel, percent)
            assert panel_looks.cut_off(panel) == []


@pytest.mark.parametrize("name", ["filled", "elastography_panel"])
def test_nothing_is_cut_with_longer_words_of_another_language(request, slicer, monkeypatch, name):
    load = slicer.util.loadUI

    def translated(path):
        root = load(path)
        for kind in (qt.QLabel, qt.QAbstractButton):
            for widget in root.findChildren(kind):
                if widget.text():
                    widget.setText(widget.text() + "m" * (2 + len(widget.text()) // 4))
        return root

    monkeypatch.setattr(slicer.util, "loadUI", translated, raising=False)
    with panel_looks.style(panel_looks.LIGHT):
        panel = request.getfixturevalue(name)
        panel_looks.shown(panel, percent=150)
        assert panel_looks.cut_off(panel) == []


def test_every_control_has_a_name_that_is_read_aloud(any_panel):
    silent = [
        widget.objectName() or widget.metaObject().className()
        for widget in panel_looks.controls(any_panel)
        if not widget.accessibleName()
        and not (isinstance(widget, (qt.QAbstractButton, qt.QLabel)) and widget.text())
        and not isinstance(widget, (qt.QTabBar, qt.QTabWidget))  # tabs say their texts
    ]
    assert silent == []


def test_every_control_is_reached_by_tab(any_panel):
    unreachable = [
        widget.objectName()
        for kind in (qt.QAbstractButton, qt.QComboBox, qt.QAbstractSpinBox, qt.QLineEdit, qt.QAbstractItemView)
        for widget in any_panel.parent.findChildren(kind)
        if widget.objectName()
        and not widget.objectName().startswith("qt_")
        and not widget.focusPolicy() & qt.Qt.TabFocus
    ]
    assert unreachable == []


class TestKeys:
    @pytest.fixture(autouse=True)
    def window(self, filled):
        """The panel in an active window, as keys need it."""
        filled.parent.setAttribute(qt.Qt.WA_DontShowOnScreen, False)
        filled.parent.show()
        filled.parent.activateWindow()
        assert QtTest.QTest.qWaitForWindowActive(filled.parent)
        filled.ui.clusterTable.setFocus()
        yield
        filled.parent.hide()

    @staticmethod
    def press(panel, key, widget=None):
        QtTest.QTest.keyClick(widget or panel.ui.clusterTable, getattr(qt.Qt, f"Key_{key}"))

    def test_n_and_p_go_from_cluster_to_cluster(self, filled):
        assert filled.clusters.selectedId == 1
        self.press(filled, "N")
        assert filled.clusters.selectedId == 2
        self.press(filled, "N")
        assert filled.clusters.selectedId == 2
        self.press(filled, "P")
        assert filled.clusters.selectedId == 1

    def test_a_and_r_judge_and_u_takes_back(self, filled):
        table = filled.ui.clusterTable
        self.press(filled, "A")
        assert table.item(0, 5).text() == "✓"
        self.press(filled, "R")
        assert table.item(0, 5).text() == "✗"
        self.press(filled, "U")
        assert table.item(0, 5).text() == "✓"

    def test_h_and_o_hide_and_show(self, filled):
        before = filled.parameters.heatmap
        self.press(filled, "H")
        changed = filled.parameters.heatmap
        assert changed is not before
        self.press(filled, "H")
        self.press(filled, "H")
        assert filled.parameters.heatmap is changed
        self.press(filled, "O")
        assert not filled.parameters.showOutlines
        self.press(filled, "O")
        assert filled.parameters.showOutlines

    def test_keys_are_letters_while_text_is_typed(self, filled):
        edit = filled.ui.readerEdit
        edit.setFocus()
        self.press(filled, "N", edit)
        assert edit.text() == "n"
        assert filled.clusters.selectedId == 1

    def test_keys_do_nothing_without_an_image(self, filled, slicer):
        slicer.mrmlScene.Clear(0)
        for key in "NPARUHO":
            self.press(filled, key)

    def test_tooltips_and_the_help_page_name_the_keys(self, filled):
        page = (ROOT / "Docs" / "keyboard.md").read_text(encoding="utf-8")
        for shortcut in filled.shortcuts():
            assert f"| {shortcut.key} | " in page
            for widget in shortcut.widgets:
                assert widget.toolTip().endswith(f"({shortcut.key})")
        assert "N" in filled.ui.clusterTable.toolTip()
