"""The form beside the image: one row for each question of a study, asked only when it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import qt
from slicer.i18n import tr as _

from MicrocalcAILib.study.plan import LARGEST_NUMBER, MARKS, NUMBER, PROBABILITY, TEXT, Question
from MicrocalcSlicerShared.panel import valueOf

_NO_NUMBER = -1
_NO_ANSWER = "–"


class StudyForm:
    """Widgets of the questions in a form layout; every answer is told at once.

    Parameters
    ----------
    layout : QFormLayout
    questions : sequence of Question
    onAnswer : callable
        Gets the question's name and the answer, None where it was taken back.
    onMark : callable
        Gets the question's name; the reader wants to mark places.
    onScore, onRemove : callable
        Get the question's name, a mark's name, and a score.
    """

    def __init__(
        self,
        layout,
        questions: Sequence[Question],
        onAnswer: Callable,
        onMark: Callable,
        onScore: Callable,
        onRemove: Callable,
    ):
        self._questions = questions
        self._onAnswer, self._onMark, self._onScore, self._onRemove = onAnswer, onMark, onScore, onRemove
        self._isFilling = False
        self._labels: dict = {}
        self._markButtons: dict = {}
        self._marking: set[str] = set()  # questions whose button is down
        self._markLayouts: dict = {}
        self.widgets: dict = {}
        self.markRows: list[tuple[str, str, object]] = []  # question, mark, spin box of the score
        for question in questions:
            label, widget = qt.QLabel(question.text), self._make(question)
            label.setWordWrap(True)
            widget.setObjectName(f"study_{question.name}")
            widget.setAccessibleName(question.text)
            layout.addRow(label, widget)
            self._labels[question.name], self.widgets[question.name] = label, widget

    def show(self, asked: Sequence[Question], values: dict, marks: dict, others: dict[str, str], isOpen: bool) -> None:
        """Show what is asked and answered.

        Parameters
        ----------
        asked : sequence of Question
        values, marks : dict
            As in :class:`~MicrocalcAILib.study.reading.Answers`.
        others : dict, question -> text
            The answers of two readers, for an adjudicator.
        isOpen : bool
            Whether answers can still be given.
        """
        self._isFilling = True
        try:
            names = {question.name for question in asked}
            for question in self._questions:
                isShown = question.name in names
                label, widget = self._labels[question.name], self.widgets[question.name]
                for each in (label, widget):
                    each.setVisible(isShown)
                required = "" if not question.required or question.kind == MARKS else " *"
                other = others.get(question.name, "")
                label.setText(f"{question.text}{required}" + (f"\n{other}" if other else ""))
                label.setMinimumHeight(valueOf(label.sizeHint).height())  # a row would be as high as its field alone
                widget.setEnabled(isOpen)
                self._fill(question, widget, values.get(question.name), marks.get(question.name, {}))
        finally:
            self._isFilling = False

    def setFocus(self, name: str) -> None:
        """Put the keyboard on a question."""
        self.widgets[name].setFocus()

    def _make(self, question: Question):
        if question.kind in (PROBABILITY, NUMBER):
            widget = qt.QSpinBox() if question.kind == PROBABILITY else qt.QDoubleSpinBox()
            widget.setRange(_NO_NUMBER, 100 if question.kind == PROBABILITY else LARGEST_NUMBER)
            widget.setSpecialValueText(_NO_ANSWER)
            unit = "%" if question.kind == PROBABILITY else question.unit
            widget.setSuffix(f" {unit}" if unit else "")
            widget.setKeyboardTracking(False)
            widget.valueChanged.connect(lambda *_arguments, name=question.name: self._onNumber(name))
        elif question.kind == MARKS:
            widget = self._makeMarks(question)
        elif question.kind == TEXT:
            widget = qt.QLineEdit()
            widget.editingFinished.connect(
                lambda name=question.name: self._tell(name, str(valueOf(self.widgets[name].text)) or None)
            )
        else:
            widget = qt.QComboBox()
            widget.addItem(_NO_ANSWER)
            for answer in question.answers:
                widget.addItem(answer)
            widget.currentIndexChanged.connect(
                lambda *_arguments, name=question.name, answers=question.answers: self._onChoice(name, answers)
            )
        return widget

    def _makeMarks(self, question: Question):
        widget = qt.QWidget()
        layout = qt.QVBoxLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        button = qt.QPushButton(_("Mark places"))
        button.setCheckable(True)
        button.setToolTip(_("Click in the image to mark a place, drag a mark to move it; click here again to end."))
        button.toggled.connect(lambda isDown, name=question.name: self._onMarkToggled(name, bool(isDown)))
        layout.addWidget(button)
        rows = qt.QFormLayout()
        layout.addLayout(rows)
        self._markButtons[question.name], self._markLayouts[question.name] = button, rows
        return widget

    def isMarking(self, name: str) -> bool:
        """Whether the reader wants to mark places."""
        return name in self._marking

    def _onMarkToggled(self, name: str, isDown: bool) -> None:
        (self._marking.add if isDown else self._marking.discard)(name)
        self._onMark(name)

    def toggleMarking(self, name: str) -> None:
        """Press the button of a question that marks answer."""
        self._markButtons[name].click()

    def stopMarking(self) -> None:
        """The button is up again."""
        for button in self._markButtons.values():
            button.setChecked(False)

    def _fill(self, question: Question, widget, value, marks: dict) -> None:
        if question.kind == PROBABILITY:
            widget.setValue(_NO_NUMBER if value is None else round(value))
        elif question.kind == NUMBER:
            widget.setValue(_NO_NUMBER if value is None else value)
        elif question.kind == MARKS:
            self._fillMarks(question.name, marks)
        elif question.kind == TEXT:
            widget.setText(value or "")
        else:
            widget.setCurrentIndex(0 if value is None else 1 + question.answers.index(value))

    def _fillMarks(self, name: str, marks: dict) -> None:
        if [item for question, item, _box in self.markRows if question == name] == list(marks):
            for question, item, box in self.markRows:
                if question == name:
                    box.setValue(round(marks[item]["score"]))
            return
        rows = self._markLayouts[name]
        while valueOf(rows.rowCount):
            rows.removeRow(0)
        self.markRows = [row for row in self.markRows if row[0] != name]
        for number, (item, mark) in enumerate(marks.items(), start=1):
            line = qt.QWidget()
            layout = qt.QHBoxLayout(line)
            layout.setContentsMargins(0, 0, 0, 0)
            box = qt.QSpinBox()
            box.setRange(0, 100)
            box.setValue(round(mark["score"]))
            box.setKeyboardTracking(False)
            box.setAccessibleName(_("Score of mark {number}").format(number=number))
            box.valueChanged.connect(lambda *_arguments, item=item, box=box: self._onMarkScore(name, item, box))
            remove = qt.QPushButton(_("Remove"))
            remove.clicked.connect(lambda *_arguments, item=item: self._onRemove(name, item))
            layout.addWidget(box)
            layout.addWidget(remove)
            rows.addRow(_("Mark {number}").format(number=number), line)
            self.markRows.append((name, item, box))

    def _onMarkScore(self, name: str, item: str, box) -> None:
        if not self._isFilling:
            self._onScore(name, item, float(valueOf(box.value)))

    def _onChoice(self, name: str, answers: Sequence[str]) -> None:
        index = int(valueOf(self.widgets[name].currentIndex))
        self._tell(name, answers[index - 1] if index > 0 else None)

    def _onNumber(self, name: str) -> None:
        value = float(valueOf(self.widgets[name].value))  # the signal's argument may be a text
        self._tell(name, None if value < 0 else value)

    def _tell(self, name: str, answer) -> None:
        if not self._isFilling:
            self._onAnswer(name, answer)
