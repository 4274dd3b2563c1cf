"""How a panel looks with a style and a size of type: measured on what is drawn, whatever widgets it has."""

import contextlib

import numpy as np
import qt

from references.color_vision import contrast

LIGHT = {"Window": "#f0f0f0", "Base": "#ffffff", "AlternateBase": "#f7f7f7", "Text": "#000000", "Link": "#0000ee"}
LIGHT["Highlight"] = "#0b5cad"
DARK = {"Window": "#353535", "Base": "#232323", "AlternateBase": "#2d2d2d", "Text": "#ffffff", "Link": "#6cb6ff"}
DARK["Highlight"] = "#2a5d8f"
WIDTH = 460  # of a module panel in Slicer, at its usual type


def application():
    return qt.QApplication.instance()


def palette(colors):
    """A style's palette from a few colors; what is disabled stays as Qt makes it."""
    made = qt.QPalette(qt.QColor(colors["Window"]))
    for role in ("Window", "Button"):
        made.setColor(getattr(qt.QPalette, role), qt.QColor(colors["Window"]))
    for role in ("Base", "AlternateBase", "Link", "Highlight"):
        made.setColor(getattr(qt.QPalette, role), qt.QColor(colors[role]))
    for group in (qt.QPalette.Active, qt.QPalette.Inactive):
        for role in ("Text", "WindowText", "ButtonText", "ToolTipText"):
            made.setColor(group, getattr(qt.QPalette, role), qt.QColor(colors["Text"]))
        made.setColor(group, qt.QPalette.HighlightedText, qt.QColor("#ffffff"))
    return made


@contextlib.contextmanager
def style(colors=None, percent=100):
    """The application with other colors and larger type."""
    app = application()
    before = app.style().objectName(), app.palette(), app.font()
    app.setStyle("Fusion")
    if colors is not None:
        app.setPalette(palette(colors))
    font = app.font()
    font.setPointSizeF(font.pointSizeF() * percent / 100)
    app.setFont(font)
    try:
        yield
    finally:
        app.setFont(before[2])
        app.setPalette(before[1])
        app.setStyle(before[0])


def shown(panel, percent=100):
    """Draw the whole panel, as wide as a module panel and as high as it wants to be, without a window."""
    panel.parent.setAttribute(qt.Qt.WA_DontShowOnScreen)
    width = round(WIDTH * percent / 100)
    panel.parent.resize(width, 100)
    panel.parent.show()
    for _ in range(3):  # what wraps its lines wants another height when it knows its width
        application().processEvents()
        panel.parent.resize(width, max(panel.parent.sizeHint().height(), 900))
    application().processEvents()


def pages(panel):
    """Show every tab, one after the other."""
    tabs = panel.parent.findChildren(qt.QTabWidget)
    if not tabs:
        yield ""
    for tab in tabs:
        for index in range(tab.count()):
            tab.setCurrentIndex(index)
            application().processEvents()
            yield tab.tabText(index)


def text_widgets(panel):
    """(widget, text) of everything that shows a text on the screen now, tables' cells apart."""
    found = []
    for kind in (qt.QLabel, qt.QAbstractButton, qt.QGroupBox):
        for widget in panel.parent.findChildren(kind):
            text = widget.title() if kind is qt.QGroupBox else widget.text()
            if text and widget.isVisible() and not widget.visibleRegion().isEmpty():
                found.append((widget, text))
    return found


def tables(panel):
    return [table for table in panel.parent.findChildren(qt.QTableWidget) if table.isVisible() and table.rowCount()]


def contrast_of(widget, area=None):
    """Contrast of a text as it is drawn: its strongest pixel with the color most pixels have."""
    area = widget.rect() if area is None else area
    image = widget.grab(area).toImage().convertToFormat(qt.QImage.Format_RGB32)
    if image.width() < 2 or image.height() < 2:
        return 21.0
    values = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    pixels = values[:, : image.width(), 2::-1].reshape(-1, 3)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    background = colors[counts.argmax()] / 255
    return max(contrast(color / 255, background) for color in colors)


def unreadable(panel, least):
    """(text, contrast) of enabled texts whose contrast is below the least, over all tabs."""
    found = []
    for page in pages(panel):
        for widget, text in text_widgets(panel):
            if widget.isEnabled() and (value := contrast_of(widget)) < least:
                found.append((page, text[:40], round(value, 2)))
        for table in tables(panel):
            for row in range(table.rowCount()):
                for column in range(table.columnCount()):
                    item = table.item(row, column)
                    if item is None or not item.text().strip():
                        continue
                    table.scrollToItem(item)
                    area = table.visualItemRect(item).intersected(table.viewport().rect()).adjusted(1, 1, -1, -1)
                    if area.isEmpty():
                        continue
                    if (value := contrast_of(table.viewport(), area)) < least:
                        found.append((page, item.text()[:40], round(value, 2)))
    return found


def cut_off(panel):
    """Texts that do not fit into their place, over all tabs."""
    found = []
    for page in pages(panel):
        for widget, text in text_widgets(panel):
            wraps = isinstance(widget, qt.QLabel) and widget.wordWrap()
            if isinstance(widget, qt.QGroupBox):  # its own title; what is in it has its own turn
                if widget.fontMetrics().horizontalAdvance(text) > widget.width():
                    found.append((page, text[:60], widget.width()))
                continue
            if isinstance(widget, qt.QLabel):
                if not widget.pixmap().isNull():
                    continue
                wraps = widget.wordWrap()
                wide = 0 if wraps else widget.sizeHint().width()
                tall = widget.heightForWidth(widget.width()) if wraps else widget.sizeHint().height()
            else:  # a button's style adds room around its text, which may shrink
                box = widget.fontMetrics().boundingRect(0, 0, 10000, 10000, 0, text)
                beside = 0 if isinstance(widget, qt.QPushButton) else _beside(widget)
                wide, tall = box.width() + beside + 4, box.height()
            if widget.width() < wide or widget.height() < tall:
                found.append((page, text[:60], (widget.width(), widget.height()), (wide, tall)))
        for table in tables(panel):
            found += [(page, table.objectName(), *each) for each in _cut_cells(table)]
    return found


def _beside(checkBox):
    """Width of the box or circle before a text."""
    style, metrics = checkBox.style(), (qt.QStyle.PM_IndicatorWidth, qt.QStyle.PM_CheckBoxLabelSpacing)
    return sum(style.pixelMetric(metric, None, checkBox) for metric in metrics) - 4


def _cut_cells(table):
    metrics, header = table.fontMetrics(), table.horizontalHeader()
    for column in range(table.columnCount()):
        item = table.horizontalHeaderItem(column)
        if item is not None and not table.isColumnHidden(column):
            wide = max(header.fontMetrics().horizontalAdvance(line) for line in item.text().split("\n"))
            if wide > header.sectionSize(column) - 4:
                yield "heading", item.text(), header.sectionSize(column), wide
        for row in range(table.rowCount()):
            cell = table.item(row, column)
            if cell is None or not cell.text():
                continue
            room = table.visualItemRect(cell)
            longest = max((metrics.horizontalAdvance(word) for word in cell.text().split()), default=0)
            box = metrics.boundingRect(0, 0, max(room.width() - 6, 1), 10000, int(qt.Qt.TextWordWrap), cell.text())
            if longest > room.width() - 4 or box.height() > room.height() + 2:
                yield "cell", cell.text(), (room.width(), room.height()), (longest, box.height())


def controls(panel):
    """Everything that can have the focus."""
    return [
        widget
        for widget in panel.parent.findChildren(qt.QWidget)
        if widget.focusPolicy() & qt.Qt.TabFocus
        and not isinstance(widget, qt.QScrollBar)
        and widget.objectName() != "qt_spinbox_lineedit"
    ]
