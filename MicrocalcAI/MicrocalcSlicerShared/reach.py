"""Panels for everybody: controls have names that are read aloud, keys do what buttons do, sizes follow the type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import qt

_DRAWN_FOR_PX = 16  # height of a line of text for which the sizes in the .ui files were chosen
_UNLIMITED = 16777215  # Qt's largest size of a widget


class Shortcut(NamedTuple):
    """A key that works while the panel is shown, unless text is being typed.

    Parameters
    ----------
    key : str
        As Qt writes it.
    widgets : sequence of QWidget
        What does the same; their tooltips name the key.
    slot : callable
    """

    key: str
    widgets: Sequence
    slot: Callable[[], None]


def makeShortcuts(parent, shortcuts: Sequence[Shortcut]) -> list:
    """Let keys work while a panel is shown; keep what is returned as long as the panel.

    Qt offers a key to the line edit or spin box that has the focus first, so that it can be typed there.
    """
    made = []
    for shortcut in shortcuts:
        own = qt.QShortcut(qt.QKeySequence(shortcut.key), parent)
        own.activated.connect(shortcut.slot)
        made.append(own)
        for widget in shortcut.widgets:
            widget.setProperty("MicrocalcKey", shortcut.key)
            widget.setToolTip(withKey(widget, widget.property("toolTip") or ""))
    return made


def withKey(widget, toolTip: str) -> str:
    """A tooltip with the key of the widget, if it has one."""
    key = widget.property("MicrocalcKey")
    return f"{toolTip} ({key})".strip() if key else toolTip


def nameControls(root) -> None:
    """Give every control below a widget that shows no text a name for screen readers.

    It is the text of its label in a form, else its tooltip, else the heading of the section it lies in; names that
    were given already are kept.
    """
    for tabs in root.findChildren(qt.QTabWidget):
        for index in range(tabs.property("count")):
            tabs.widget(index).setProperty("accessibleName", tabs.tabText(index))
    forms = root.findChildren(qt.QFormLayout)
    for widget in root.findChildren(qt.QWidget):  # a widget comes before its parts
        if widget.property("accessibleName") or widget.inherits("QLabel"):
            continue
        if widget.inherits("QAbstractButton") and widget.property("text"):
            continue
        labels = [form.labelForField(widget) for form in forms if _lies(widget, form)]
        texts = [label.property("text").rstrip(": ") for label in labels if label is not None]
        name = (texts or [""])[0] or widget.property("toolTip") or _headingOver(widget, root)
        if name:
            widget.setProperty("accessibleName", name)


def followFont(root) -> None:
    """Let the smallest and largest sizes that a panel's file sets grow with the type and with translations."""
    for widget in root.findChildren(qt.QWidget):
        ratio = max(widget.fontMetrics().height() / _DRAWN_FOR_PX, 1.0)
        for name in ("minimumWidth", "minimumHeight", "maximumWidth", "maximumHeight"):
            size = widget.property(name)
            if not 0 < size < _UNLIMITED:
                continue
            wanted = round(size * ratio)
            if name == "maximumWidth" and widget.inherits("QAbstractButton"):
                wanted = max(wanted, widget.property("sizeHint").width())
            if wanted != size:
                widget.setProperty(name, wanted)


def fitColumns(table, fitted: Sequence[int], stretched: Sequence[int]) -> None:
    """Let columns be as wide as their content, others share the rest, and rows be as high as their lines need."""
    header = table.horizontalHeader()
    for column in fitted:
        header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
    for column in stretched:
        header.setSectionResizeMode(column, qt.QHeaderView.Stretch)
    table.setWordWrap(True)
    table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)


def _headingOver(widget, root) -> str:
    """The name, title or text of the nearest widget around a widget; '' when none has one."""
    around = widget.parent()
    while around is not None and around != root:
        heading = next(filter(None, (around.property(name) for name in ("accessibleName", "title", "text"))), "")
        if heading:
            return heading
        around = around.parent()
    return ""


def _lies(widget, form) -> bool:
    """Whether a widget is a field of a form; asking a form for the label of anything else may print a warning."""
    return form.indexOf(widget) >= 0
