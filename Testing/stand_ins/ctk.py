"""The CTK widgets that panels use."""

from qt import QDoubleSpinBox, QGroupBox, QHBoxLayout, QLineEdit, QSlider, Qt, QWidget, Signal


class ctkCollapsibleButton(QGroupBox):
    def event(self, event):
        isCollapsed = bool(self.property("collapsed"))
        self.setTitle(f"{'▸' if isCollapsed else '▾'} {self.property('text') or ''}")
        if isCollapsed:
            self.setMaximumHeight(self.fontMetrics().height() + 4)
        return super().event(event)


class ctkSliderWidget(QWidget):
    valueChanged = Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider = QSlider(Qt.Horizontal)
        self._spinBox = QDoubleSpinBox()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spinBox)
        self._spinBox.valueChanged.connect(self._onValueChanged)
        self._slider.valueChanged.connect(lambda hundredths: self.setValue(hundredths / 100))

    def value(self):
        return self._spinBox.value()

    def setValue(self, value):
        self._spinBox.setValue(value)

    def setRange(self, minimum, maximum):
        self._spinBox.setRange(minimum, maximum)
        self._slider.setRange(round(100 * minimum), round(100 * maximum))

    @property
    def minimum(self):
        return self._spinBox.minimum()

    @minimum.setter
    def minimum(self, value):
        self.setRange(value, self._spinBox.maximum())

    @property
    def maximum(self):
        return self._spinBox.maximum()

    @maximum.setter
    def maximum(self, value):
        self.setRange(self._spinBox.minimum(), value)

    def _onValueChanged(self, value):
        self._slider.setValue(round(100 * value))
        self.valueChanged.emit(value)


class ctkPathLineEdit(QWidget):
    """As in CTK an empty field is no valid path, and nobody is told of it."""

    currentPathChanged = Signal(str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._edit = QLineEdit()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._edit)
        self._edit.textChanged.connect(self._onTextChanged)

    def currentPath(self):
        return self._edit.text()

    def setCurrentPath(self, path):
        self._edit.setText(path)

    def _onTextChanged(self, path):
        if path:
            self.currentPathChanged.emit(path)
