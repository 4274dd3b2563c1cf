"""The CTK widgets that panels use."""

from qt import QDoubleSpinBox, QGroupBox, QHBoxLayout, QLineEdit, QSlider, Qt, QWidget, Signal


class ctkCollapsibleButton(QGroupBox):
    def event(self, event):
        self.setTitle(self.property("text") or "")
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

    def _onValueChanged(self, value):
        self._slider.setValue(round(100 * value))
        self.valueChanged.emit(value)


class ctkPathLineEdit(QWidget):
    currentPathChanged = Signal(str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._edit = QLineEdit()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._edit)
        self._edit.textChanged.connect(self.currentPathChanged)

    def currentPath(self):
        return self._edit.text()

    def setCurrentPath(self, path):
        self._edit.setText(path)
