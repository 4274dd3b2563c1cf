"""The Study section of the panel: a reader's list of cases, the form beside the image, and the clock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.study.plan import MARKS
from MicrocalcAILib.study.reader_file import BEGUN, DONE, PUT_OFF, reader_files
from MicrocalcSlicerShared.panel import showText, valueOf

from .studyform import StudyForm
from .studyviews import StudyViews
from .studywidgets import StudyWidgets

if TYPE_CHECKING:  # pandas need not be installed yet
    from MicrocalcAILib.study.reading import Reading

_STATES = {BEGUN: "…", PUT_OFF: "↺", DONE: "✓"}


class StudyPanel:
    """Everything a reader needs for a study; every answer is on the disk at once.

    Parameters
    ----------
    layout : QLayout
        Gets the section.
    logic : MicrocalcAILogic
    timer : QTimer
        Of one second; runs while a case with a time limit is open.
    onReading : callable
        Gets whether a case is open: sections that would show more than the study allows are hidden then.
    """

    def __init__(self, layout, logic, timer, onReading):
        self.reading: Reading | None = None
        self._form: StudyForm | None = None
        self._timer, self._onReading = timer, onReading
        self._left = None  # the task that was open when another module was chosen
        self._noted = None  # the task whose note is shown
        self._listed: list[str] = []
        self.views = StudyViews(logic, self._onMarked, self._onUnmarked)
        actions = {
            "previous": self.previous,
            "next": self.next,
            "unfinished": self.nextUnfinished,
            "later": self.later,
            "finish": self.finish,
            "mark": self.toggleMarking,
            "image": self.nextImage,
        }
        self.widgets = StudyWidgets(layout, actions)
        self.widgets.folder.currentPathChanged.connect(self._onFolder)
        self.widgets.openButton.clicked.connect(self._onOpen)
        self.widgets.cases.itemClicked.connect(self._onListClicked)
        self.widgets.images.activated.connect(self._onImage)
        self.widgets.note.editingFinished.connect(self._onNote)
        timer.timeout.connect(self._onTimer)
        self._show()

    # What the user does

    def openStudy(self, folder: Path, reader: str) -> None:
        """Open a reader's list and the next unfinished case; what goes wrong is said in the section."""
        self.close()
        try:
            from MicrocalcAILib.study.reading import Reading

            self.reading = Reading(folder, reader)
            self._form = StudyForm(
                self.widgets.newForm(),
                self.reading.plan.questions,
                self._onAnswer,
                self._onMarkButton,
                self._onScore,
                self._onRemoveMark,
            )
        except ImportError:
            self._show(_("Install the missing packages first, with the button above."))
            return
        except MicrocalcError as error:
            self._show(str(error))
            return
        self._go(lambda: self.reading.next_unfinished())

    def next(self) -> None:
        """Open the next case of the list."""
        self._go(lambda: self.reading.step(1))

    def previous(self) -> None:
        """Open the previous case of the list."""
        self._go(lambda: self.reading.step(-1))

    def nextUnfinished(self) -> None:
        """Open the next unfinished case."""
        self._go(lambda: self.reading.next_unfinished())

    def later(self) -> None:
        """Put the open case off, and open the next unfinished one."""

        def putOff():
            self.reading.come_back_later()
            return self.reading.next_unfinished()

        self._go(putOff)

    def finish(self) -> None:
        """Close the open case for good and open the next one; a training case stays to show what it was."""
        if self.reading is None or self.reading.current is None:
            return
        try:
            feedback = self.reading.finish()
        except MicrocalcError as error:
            missing = self.reading.missing()
            self._show(str(error))
            if missing:
                self._form.setFocus(missing[0].name)
            return
        if feedback:
            self._show(feedback)
        else:
            self.nextUnfinished()

    def toggleMarking(self) -> None:
        """Begin to mark places for the question that asks for them, or end it."""
        question = self._markQuestion()
        if question is not None:
            self._form.toggleMarking(question)

    def nextImage(self) -> None:
        """Show the next image of the case, after the last the first."""
        count = len(self.views.volumeNodes)
        if count > 1:
            self.widgets.images.setCurrentIndex((self._image() + 1) % count)
            self._onImage()

    def close(self) -> None:
        """Leave the study: the clock stops, the case leaves the scene."""
        self._timer.stop()
        if self.reading is not None:
            self.reading.close()
            self.reading = None
        self._left = None
        self.views.clear()
        self.widgets.newForm()
        self._form = None
        self._show()

    def leave(self) -> None:
        """Another module was chosen: the clock stops."""
        if self.reading is not None and self.reading.current is not None:
            self._left = self.reading.current
            self.reading.leave()
            self._timer.stop()

    def resume(self) -> None:
        """The module was chosen again: the clock of the open case goes on."""
        if self.reading is not None and self._left is not None:
            self.reading.open(self._left)
            self._left = None
            self._startClock()

    # Callbacks

    def _go(self, step) -> None:
        """Do something that opens another case, and show that."""
        if self.reading is None:
            return
        self.views.stopMarking()
        if self._form is not None:
            self._form.stopMarking()
        before, message = self.reading.current, ""
        try:
            if not step():
                message = self._endMessage()
            task = self.reading.current
            if task is not None and (task is not before or not self.views.volumeNodes):
                self.views.show(self.reading, self._marks())
                self.views.showOthers([_marksOf(answers) for answers in self._adjudicated(task)])
                self.widgets.showImages([node.GetName() for node in self.views.volumeNodes])
                self._startClock()
        except MicrocalcError as error:
            message = str(error)
        self._show(message)

    def _endMessage(self) -> str:
        if self.reading.finished == len(self.reading.tasks):
            return _("All cases are finished. Thank you.")
        waiting = [task for task in self.reading.tasks if self.reading.answers(task).state != DONE]
        return self.reading.why_closed(waiting[0]) or _("There is no further case in this direction.")

    def _onAnswer(self, name, value):
        self._do(lambda: self.reading.answer(name, value))

    def _onMarkButton(self, name):
        if self._form.isMarking(name):
            self._do(lambda: self.views.startMarking(self._image()))
        else:
            self.views.stopMarking()

    def _onMarked(self, image, row, column, item):
        question = self._markQuestion()
        if question is None:
            return None
        score = self._marks().get(item, {}).get("score", 50.0)
        slicer.app.setOverrideCursor(qt.Qt.WaitCursor)  # the first speck of an image takes seconds to find
        try:
            name = self.reading.mark(question, image, row, column, score, item)
        except MicrocalcError as error:
            self._show(str(error))
            return None
        finally:
            slicer.app.restoreOverrideCursor()
        self._show()
        mark = self._marks()[name]
        return name, mark["row"], mark["column"]

    def _onUnmarked(self, image, left):
        question = self._markQuestion()
        for item, mark in list(self._marks().items()):
            if question is not None and mark["image"] == image and item not in left:
                self._do(lambda item=item: self.reading.unmark(question, item))

    def _onScore(self, name, item, score):
        mark = self._marks()[item]
        self._do(lambda: self.reading.mark(name, mark["image"], mark["row"], mark["column"], score, item))

    def _onRemoveMark(self, name, item):
        self._do(lambda: self.reading.unmark(name, item))
        self.views.showMarks(self._marks())

    def _onNote(self):
        if self.reading is not None and self.reading.current is not None:
            self._do(lambda: self.reading.note(str(valueOf(self.widgets.note.text))))

    def _onListClicked(self, item):
        task = self.reading.tasks[int(self.widgets.cases.row(item))]

        def opened():
            self.reading.open(task)
            return True

        self._go(opened)

    def _onTimer(self):
        left = None if self.reading is None or self.reading.current is None else self.reading.seconds_left()
        isLimited = left is not None
        showText(self.widgets.clock, _("{seconds} s left").format(seconds=round(left)) if isLimited else "")

    def _onOpen(self, *_arguments):
        folder = Path(str(valueOf(self.widgets.folder.currentPath)))
        self.openStudy(folder, str(valueOf(self.widgets.reader.currentText)))

    def _onFolder(self, path):
        self.widgets.reader.clear()
        for file in reader_files(Path(str(path))):
            self.widgets.reader.addItem(file.stem)

    def _onImage(self, *_arguments):
        self.views.showImage(self._image())
        self.views.stopMarking()
        if self._form is not None:
            self._form.stopMarking()

    def _do(self, change) -> None:
        """Change something; a refusal is said, and the form shows what holds."""
        message = ""
        try:
            change()
        except MicrocalcError as error:
            message = str(error)
        self._show(message)

    # What is shown

    def _show(self, message: str = "") -> None:
        reading = self.reading
        task = None if reading is None else reading.current
        self._onReading(task is not None)
        for button in self.widgets.buttons.values():
            button.setEnabled(reading is not None)
        for name in ("later", "finish"):
            self.widgets.buttons[name].setEnabled(task is not None and reading.answers(task).state != DONE)
        showText(self.widgets.message, message)
        title = ""
        if reading is not None:
            title = _("{done} of {all} readings finished").format(done=reading.finished, all=len(reading.tasks))
        if task is not None:
            condition = {"unaided": _("without results"), "aided": _("with results"), "adjudication": _("adjudication")}
            title = f"{reading.title(task)}, {condition[task.condition]} · {title}"
            found = reading.answers(task)
            self._form.show(reading.asked(), found.values, found.marks, self._others(task), found.state != DONE)
            if task is not self._noted:  # what is being typed stays
                self._noted = task
                self.widgets.note.setText(found.note)
        showText(self.widgets.title, title)
        self.widgets.formFrame.setVisible(task is not None)
        self._showList()

    def _showList(self) -> None:
        reading, texts = self.reading, []
        if reading is not None:
            for task in reading.tasks:
                mark = _STATES.get(reading.answers(task).state, "")
                texts.append(f"{reading.title(task)}   {task.condition}   {mark}".rstrip())
        self.widgets.cases.blockSignals(True)
        if texts != self._listed:
            self._listed = texts
            self.widgets.cases.clear()
            for text in texts:
                self.widgets.cases.addItem(text)
        if reading is not None and reading.current is not None:
            self.widgets.cases.setCurrentRow(reading.current.position)
        self.widgets.cases.blockSignals(False)
        self.widgets.cases.setVisible(bool(texts))

    def _adjudicated(self, task) -> tuple:
        """What the two readers answered whom this reader adjudicates; nothing for everybody else."""
        if not self.reading.file.adjudicates:
            return ()
        from MicrocalcAILib.study.adjudication import side_by_side

        return side_by_side(self.reading, task)

    def _others(self, task) -> dict[str, str]:
        found = self._adjudicated(task)
        if not found:
            return {}
        from MicrocalcAILib.study.adjudication import differ, shown_answer

        texts = {}
        for question in self.reading.plan.questions:
            answers = [f"{letter}: {shown_answer(question, one)}" for letter, one in zip("AB", found, strict=True)]
            texts[question.name] = ("≠  " if differ(question, *found) else "") + "   ".join(answers)
        return texts

    def _startClock(self) -> None:
        if self.reading.plan.minutes_per_case:
            self._timer.start()
        self._onTimer()

    def _markQuestion(self) -> str | None:
        """The question that marks answer: the one whose button is down, or the only one."""
        if self.reading is None or self.reading.current is None:
            return None
        names = [question.name for question in self.reading.asked() if question.kind == MARKS]
        return next((name for name in names if self._form.isMarking(name)), names[0] if names else None)

    def _marks(self) -> dict[str, dict]:
        task = None if self.reading is None else self.reading.current
        return {} if task is None else _marksOf(self.reading.answers(task))

    def _image(self) -> int:
        return max(int(valueOf(self.widgets.images.currentIndex)), 0)


def _marksOf(answers) -> dict[str, dict]:
    return {item: mark for own in answers.marks.values() for item, mark in own.items()}
