"""The widgets of the Study section, in the order of work, and their keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ctk
import qt
from slicer.i18n import tr as _

_CASES_HEIGHT = 120
_BUTTONS_IN_A_ROW = 3
KEYS = {
    "mark": "F4",
    "image": "F5",
    "previous": "F6",
    "next": "F7",
    "unfinished": "F8",
    "later": "F9",
    "finish": "F12",
}


class StudyWidgets:
    """Widgets by what they are for.

    Parameters
    ----------
    layout : QLayout
        Gets the section.
    actions : mapping
        What each of :data:`KEYS` does; all but ``mark`` and ``image`` have a button, too.
    """

    def __init__(self, layout, actions: Mapping[str, Callable[[], None]]):
        self.section = ctk.ctkCollapsibleButton()
        self.section.setProperty("text", _("Study"))
        self.section.setProperty("collapsed", True)
        self.section.setObjectName("studyCollapsibleButton")
        layout.addWidget(self.section)
        column = qt.QVBoxLayout(self.section)
        self._addChoice(column)
        self.title, self.message, self.clock = qt.QLabel(), qt.QLabel(), qt.QLabel()
        for label in (self.title, self.message, self.clock):
            label.setWordWrap(True)
            column.addWidget(label)
        self.cases = qt.QListWidget()
        self.cases.setMaximumHeight(_CASES_HEIGHT)
        column.addWidget(self.cases)
        self.formFrame = qt.QWidget()
        self._frameLayout = qt.QVBoxLayout(self.formFrame)
        self._frameLayout.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.formFrame)
        self._formHolder = None
        self._addRest(self._frameLayout)
        self.newForm()
        self._addButtons(column, actions)
        column.addStretch(1)  # room to spare stays below, not around the title

    def newForm(self):
        """An empty form layout in the place of the earlier form."""
        if self._formHolder is not None:
            self._frameLayout.removeWidget(self._formHolder)
            self._formHolder.hide()
            self._formHolder.deleteLater()
        self._formHolder = qt.QWidget()
        form = qt.QFormLayout(self._formHolder)
        form.setContentsMargins(0, 0, 0, 0)
        self._frameLayout.insertWidget(0, self._formHolder)
        return form

    def showImages(self, names: Sequence[str]) -> None:
        """The images of the case to choose from; a single one needs no choice."""
        self.images.clear()
        for name in names:
            self.images.addItem(name)
        for widget in (self.images, self._imagesLabel):
            widget.setVisible(len(names) > 1)

    def _addChoice(self, column) -> None:
        rows = qt.QFormLayout()
        column.addLayout(rows)
        self.folder = ctk.ctkPathLineEdit()
        self.reader = qt.QComboBox()
        self.openButton = qt.QPushButton(_("Open"))
        self.openButton.setToolTip(_("Open the reader's list, and the next unfinished case."))
        rows.addRow(_("Study's folder"), self.folder)
        rows.addRow(_("Reader"), self.reader)
        rows.addRow("", self.openButton)

    def _addRest(self, column) -> None:
        rows = qt.QFormLayout()
        column.addLayout(rows)
        self.images, self._imagesLabel = qt.QComboBox(), qt.QLabel(_("Image"))
        self.images.setToolTip(KEYS["image"])
        self.note = qt.QLineEdit()
        rows.addRow(self._imagesLabel, self.images)
        rows.addRow(_("Note"), self.note)

    def _addButtons(self, column, actions: Mapping[str, Callable[[], None]]) -> None:
        texts = {
            "previous": _("Previous"),
            "next": _("Next"),
            "unfinished": _("Unfinished"),
            "later": _("Later"),
            "finish": _("Finish"),
        }
        grid = qt.QGridLayout()  # in two rows: panels are narrow
        column.addLayout(grid)
        self.buttons = {}
        for place, (name, text) in enumerate(texts.items()):
            button = qt.QPushButton(text)
            button.setToolTip(KEYS[name])
            button.clicked.connect(lambda *_arguments, act=actions[name]: act())
            grid.addWidget(button, place // _BUTTONS_IN_A_ROW, place % _BUTTONS_IN_A_ROW)
            self.buttons[name] = button
        self.shortcuts = []
        for name, key in KEYS.items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), self.section)
            shortcut.activated.connect(actions[name])
            self.shortcuts.append(shortcut)
