"""What ties a widget to a parameter: the pairs that Slicer ties, and no others."""

from enum import Enum
from pathlib import Path

import ctk

_NUMBERS = {(float, "QDoubleSpinBox"), (int, "QSpinBox")}


class GuiConnector:
    """Base; a kind of widget says how it is read and written, and which signal tells of a change."""

    def __init__(self):
        self._callback = None

    def onChanged(self, callback):
        self._callback = callback
        if callback is None:
            self._disconnect()
        else:
            self._connect()

    def changed(self, *values):
        if self._callback is not None:
            self._callback()


class _WidgetConnector(GuiConnector):
    """A widget whose signal, reading and writing are given."""

    def __init__(self, signal, read, write):
        super().__init__()
        self._signal, self.read, self.write = signal, read, write

    def _connect(self):
        self._signal.connect(self.changed)

    def _disconnect(self):
        self._signal.disconnect(self.changed)


class ctkPathLineEditToPathConnector(GuiConnector):
    @staticmethod
    def canRepresent(widget, datatype):
        return type(widget) is ctk.ctkPathLineEdit and datatype is Path

    def __init__(self, widget, datatype):
        super().__init__()
        self._widget = widget

    def _connect(self):
        self._widget.currentPathChanged.connect(self.changed)

    def _disconnect(self):
        self._widget.currentPathChanged.disconnect(self.changed)

    def read(self):
        return Path(self._widget.currentPath())

    def write(self, value):
        self._widget.setCurrentPath(str(value))


def createGuiConnector(widget, parameter):
    """The connector for a widget; raises RuntimeError for other pairs and TypeError for nodes of an abstract class."""
    kind = type(widget).__name__
    if parameter.isNode and kind == "qMRMLNodeComboBox":
        widget.setNodeTypes([nodeClass().GetClassName() for nodeClass in parameter.nodeClasses])
        return _WidgetConnector(widget.currentNodeChanged, widget.currentNode, widget.setCurrentNode)
    if parameter.type is bool and kind in ("QCheckBox", "QPushButton"):
        return _WidgetConnector(widget.toggled, widget.isChecked, widget.setChecked)
    if parameter.type is str and kind == "QLineEdit":
        return _WidgetConnector(widget.textChanged, widget.text, widget.setText)
    isSlider = parameter.type is float and kind == "ctkSliderWidget" and parameter.range
    if (parameter.type, kind) in _NUMBERS or isSlider:
        if parameter.range:
            widget.setRange(parameter.range.minimum, parameter.range.maximum)
        return _WidgetConnector(widget.valueChanged, widget.value, widget.setValue)
    if ctkPathLineEditToPathConnector.canRepresent(widget, parameter.type):
        return ctkPathLineEditToPathConnector(widget, parameter.type)
    if kind == "QComboBox" and issubclass(parameter.type, Enum):
        members = list(parameter.type)
        widget.clear()
        widget.addItems([member.label() for member in members])
        return _WidgetConnector(
            widget.currentIndexChanged,
            lambda: members[widget.currentIndex()],
            lambda member: widget.setCurrentIndex(members.index(member)),
        )
    raise RuntimeError(f"Unable to create GUI connector from {parameter.type} to {kind}")
