"""Slicer's ``qt`` on PySide6. Only what panels use; properties are methods here, so panels call setters and methods."""

from PySide6 import QtUiTools
from PySide6.QtCore import *  # noqa: F403
from PySide6.QtGui import *  # noqa: F403
from PySide6.QtWidgets import *  # noqa: F403


class QUiLoader(QtUiTools.QUiLoader):
    """A loader that knows the widgets of CTK and MRML."""

    def __init__(self):
        super().__init__()
        import ctk
        from slicer import mrmlwidgets

        for widget in (
            ctk.ctkCollapsibleButton,
            ctk.ctkPathLineEdit,
            ctk.ctkSliderWidget,
            mrmlwidgets.qMRMLNodeComboBox,
            mrmlwidgets.qMRMLWidget,
        ):
            self.registerCustomWidget(widget)
