"""Slicer's ``qt`` on PySide6. Only what panels use; properties are methods here, so panels call setters and methods."""

from PySide6 import QtUiTools
from PySide6.QtCore import *  # noqa: F403
from PySide6.QtGui import *  # noqa: F403
from PySide6.QtWidgets import *  # noqa: F403


class QUiLoader(QtUiTools.QUiLoader):
    """A loader that knows the widgets of libraries which stand on this one."""

    widgetClasses = ()  # filled in by whoever starts the application

    def __init__(self):
        super().__init__()
        for widgetClass in self.widgetClasses:
            self.registerCustomWidget(widgetClass)
