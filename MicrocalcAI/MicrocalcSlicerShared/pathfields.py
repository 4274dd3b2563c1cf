"""Fields for files and folders."""

from pathlib import Path

import qt
from slicer.parameterNodeWrapper.guiConnectors import ctkPathLineEditToPathConnector


class PathFieldConnector(ctkPathLineEditToPathConnector):
    """Ties a path field to a parameter: empty stands for no path, both ways.

    Slicer's own shows "." for no path, and a field that is emptied tells nobody: a path could not be taken back.
    """

    def write(self, value):
        super().write("" if value == Path() else value)

    def _connect(self):
        super()._connect()
        for edit in self._edits():
            edit.textChanged.connect(self._onTextChanged)

    def _disconnect(self):
        super()._disconnect()
        for edit in self._edits():
            edit.textChanged.disconnect(self._onTextChanged)

    def _edits(self):
        return self._widget.findChildren(qt.QLineEdit)

    def _onTextChanged(self, text):
        if not text:
            self.changed()
