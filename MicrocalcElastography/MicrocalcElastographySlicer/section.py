"""What the tabs of the panel have in common."""

import qt
import slicer

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.nodes import numberOf
from MicrocalcSlicerShared.panel import showText


class Section:
    """A tab of the panel; it shows parameters and results, and all work is the logic's.

    Parameters
    ----------
    panel : MicrocalcElastographyWidget
    """

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui

    @property
    def logic(self):
        return self.panel.logic

    @property
    def parameters(self):
        """The wrapped parameter node; None while the module is not shown."""
        return self.panel.parameters

    def connect(self):
        """Connect the widgets; called once."""

    def show(self):
        """Show what depends on the parameters; called whenever one changes."""

    def stop(self):
        """End what runs; called before a scene closes and when the panel goes away."""

    def clear(self):
        """Forget what belonged to the scene that was closed."""

    def work(self, label, work):
        """The result of ``work``; None, and the reason in the panel, when it was refused."""
        slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            return work()
        except MicrocalcError as error:
            showText(label, str(error))
            return None
        finally:
            slicer.app.restoreOverrideCursor()


_DECIMALS = {"kPa": 1, "m/s": 2, "%": 1, "mm": 1, "mm²": 1, "": 2, "strain": 3}


def fillCells(table, rows):
    """Fill a table widget with rows of texts; a pair in place of a text is the text and its tooltip."""
    table.setRowCount(len(rows))
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            text, tip = cell if isinstance(cell, tuple) else (cell, "")
            item = table.item(row, column)
            if item is None:
                item = qt.QTableWidgetItem()
                table.setItem(row, column, item)
            item.setText("" if text == "-" else text)
            item.setToolTip(tip)


def numberText(value, unit=""):
    """A number, or the cell of a table that holds one, with the decimals of its unit; – where there is none."""
    number = float("nan") if value is None else numberOf(value)
    return "–" if number != number else f"{number:.{_DECIMALS.get(unit, 2)}f}"
