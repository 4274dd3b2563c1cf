"""The panel's section of exams: images by exam, findings with linked views, points that a reader moves."""

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.panel import enable, showText, valueOf
from MicrocalcSlicerShared.reach import fitColumns

from . import exammarkups, ownviews
from .examimages import examsOf
from .examrecord import findExam, movesOfExam
from .examviews import showFinding
from .examwork import ExamWork
from .hanging import showWithPriors
from .inputvolume import hasPlausibleSpacing, mammogramNodes
from .results import findResults

UI_FILE = "MicrocalcAI/UI/MicrocalcAIExam.ui"
_NUMBERS, _WORDS = (0, 2, 4), (1, 3, 5)  # columns of the findings


class ExamPanel(VTKObservationMixin):
    """Groups the images of the scene by exam, puts an exam together, lists its findings and follows what is moved.

    Parameters
    ----------
    ui : namespace
        The widgets of :data:`UI_FILE`.
    workTimer, moveTimer : QTimer
        Stopped; the first has to call :meth:`onWorkTimer` again and again, the second :meth:`onMoveTimer` a moment
        after it was started.
    analyzeImages : callable
        Starts the analysis of volume nodes in the panel; tells whether it runs.
    exportFolder : callable
        Gives the folder for the page, or None.
    onEnded : callable
        Called when nothing is worked at any more.
    """

    def __init__(self, ui, workTimer, moveTimer, analyzeImages, exportFolder, onEnded):
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self._workTimer, self._moveTimer = workTimer, moveTimer
        self._analyzeImages, self._exportFolder, self._onEnded = analyzeImages, exportFolder, onEnded
        self._exams = []
        self._listed = []
        self._waitsFor = None  # key of the exam whose images are being analyzed
        self._work = None  # the exam that is being put together, or that was last: its images are prepared
        self._moves = None  # what it is put together with; None for what the scene remembers
        self._isWorking = False
        self._record = None
        self._isMoving = False  # points are being moved by us, not by the reader
        ui.examComboBox.activated.connect(self._onExamChosen)
        ui.analyzeExamButton.clicked.connect(self._onAnalyze)
        ui.hangExamButton.clicked.connect(self._onHang)
        ui.examPageButton.clicked.connect(self._onPage)
        ui.findingsTable.itemSelectionChanged.connect(self._onFindingSelected)
        ui.findingsTable.cellClicked.connect(self._onCellClicked)
        headings = [_("No."), _("Place"), _("Calcifications"), _("Words"), _("Risk by words"), _("Since the prior")]
        ui.findingsTable.setColumnCount(len(headings))
        ui.findingsTable.setHorizontalHeaderLabels(headings)
        fitColumns(ui.findingsTable, fitted=_NUMBERS, stretched=_WORDS)
        showText(ui.examStatusLabel, "")

    # What the panel tells

    def show(self, whyNot: str, isBusy: bool):
        """Show the exams of the scene; ``whyNot`` says why nothing can be computed, ``isBusy`` whether images are."""
        self._exams = examsOf(mammogramNodes())
        listed = [(exam.group.key, _words(exam)) for exam in self._exams]
        if listed != self._listed:
            chosen = self._chosenKey()
            self._listed = listed
            self.ui.examComboBox.clear()
            self.ui.examComboBox.addItems([words for _key, words in listed])
            keys = [key for key, _words in listed]
            self.ui.examComboBox.setCurrentIndex(keys.index(chosen) if chosen in keys else 0 if keys else -1)
        self._showWhatCanBeDone(whyNot, isBusy)
        if not whyNot:
            self._showRecord()

    def onImagesEnded(self):
        """No image is analyzed any more: the exam that waits for its images is put together."""
        key, self._waitsFor = self._waitsFor, None
        exam = self._examOf(key)
        if exam is not None and any(findResults(node) is not None for node in exam.volumeNodes):
            self._start(exam)

    def onImagesCanceled(self):
        """The analysis of images was ended by the reader: no exam is put together."""
        self._waitsFor = None

    def stop(self):
        """End what runs, and forget what was prepared; called before a scene closes."""
        self._workTimer.stop()
        self._moveTimer.stop()
        self.removeObservers()
        self._waitsFor = self._work = self._record = None
        self._isWorking = False
        self._fillTable()
        showText(self.ui.examStatusLabel, "")

    # What the user does

    def _onExamChosen(self, *_):
        self._showRecord()

    def _onAnalyze(self, *_):
        exam = self._examOf(self._chosenKey())
        if exam is None:
            return
        missing = [node for node in exam.nodes.values() if findResults(node) is None]
        if not missing:
            self._start(exam)
            return
        if self._analyzeImages(missing):
            self._waitsFor = exam.group.key
            self.ui.analyzeExamButton.setEnabled(False)

    def _onHang(self, *_):
        exam = self._examOf(self._chosenKey())
        notes = showWithPriors(exam.volumeNodes, exam.priorNodes)
        showText(self.ui.examStatusLabel, "\n".join(notes))

    def _onPage(self, *_clicked):
        from .examreport import writeExamReport

        slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            text = _("Written: {name}.").format(name=writeExamReport(self._record, self._exportFolder()).name)
        except (MicrocalcError, OSError) as error:
            text = _("The page was not written: {reason}").format(reason=error)
        finally:
            slicer.app.restoreOverrideCursor()
        showText(self.ui.examStatusLabel, text)

    def _onFindingSelected(self, *_):
        self._goThere()

    def _onCellClicked(self, *_):
        self._goThere()  # also when it was selected before

    def _goThere(self):
        number = self.selectedNumber
        if number is None or self._record is None:
            return
        showFinding(self._record, number)
        ownviews.follow()

    def onPointMoved(self, caller=None, event=None):
        """A point of the exam was moved: the exam follows when it rests."""
        if not self._isMoving:
            self._moveTimer.start()

    def onMoveTimer(self):
        """Nothing was moved for a moment."""
        self._moveTimer.stop()
        if self._record is None or self._isWorking:
            return
        moves = exammarkups.movedBy(self._record)
        key = self._record.exam.key
        if moves == self._record.moves:
            self._showMarkups()  # whatever was moved means nothing, and goes back
        elif self._work is not None and self._work.sceneExam.group.key == key:
            self._finish(moves)
        else:  # after a scene was opened: the images have to be prepared again
            self._start(self._examOf(key), moves)

    # Work

    def _start(self, exam, moves=None):
        try:
            self._work = ExamWork(exam)
        except MicrocalcError as error:
            showText(self.ui.examStatusLabel, str(error))
            return
        self._moves = moves
        self._isWorking = True
        self._workTimer.start()
        self._showProgress()

    def onWorkTimer(self):
        """Do one step of the exam that is put together."""
        if not self._isWorking:
            return
        try:
            if not self._work.update():
                self._showProgress()
                return
            self._finish(self._moves or movesOfExam(self._work.sceneExam.group.key))
            self._endWork()
        except MicrocalcError as error:
            self._endWork()
            showText(self.ui.examStatusLabel, str(error))
        except Exception:  # whatever went wrong, the panel has to become usable again
            self._endWork()
            showText(self.ui.examStatusLabel, _("The exam failed; the application log says why."))
            raise

    def _endWork(self):
        self._workTimer.stop()
        self._isWorking = False
        self.ui.examProgressBar.setVisible(False)
        self._onEnded()

    def _finish(self, moves):
        record = self._work.examine(moves)
        if self._chosenKey() == record.exam.key:
            self._setRecord(record)
        warnings = [warning.message for warning in record.exam.warnings]
        showText(self.ui.examStatusLabel, "\n".join(f"⚠ {message}" for message in warnings) or _("Finished."))

    # What is shown

    @property
    def selectedNumber(self):
        """Number of the selected finding, or None."""
        row = self.ui.findingsTable.currentRow() if self.ui.findingsTable.selectedItems() else -1
        findings = self._record.exam.findings if self._record else ()
        return findings[row].number if 0 <= row < len(findings) else None

    def _showWhatCanBeDone(self, whyNot, isBusy):
        ui, exam = self.ui, self._examOf(self._chosenKey())
        missing = "" if exam else _("Load the mammograms of an exam first.")
        enable(ui.hangExamButton, missing, _("Hang all images of this exam, each with its prior beside it."))
        if exam and not whyNot:
            unknown = [node.GetName() for node in exam.nodes.values() if not hasPlausibleSpacing(node)]
            if unknown:
                whyNot = _("The pixel spacing of {names} is not known; give it under Mammograms.")
                whyNot = whyNot.format(names=", ".join(unknown))
        if isBusy or self._isWorking:
            whyNot = _("Wait for the analysis that runs.")
        purpose = _("Analyze the images that were not yet, and put all together: places, views, sides, prior.")
        enable(ui.analyzeExamButton, missing or whyNot, purpose)
        missing = "" if self._record else _("Analyze the exam first.")
        if self._record and self._exportFolder() is None:
            missing = _("Choose a folder under Export.")
        enable(ui.examPageButton, missing, _("Write this exam as one page with pictures."))
        ui.examProgressBar.setVisible(self._isWorking)

    def _showRecord(self):
        """The exam of the scene that is chosen, if it was analyzed."""
        key = self._chosenKey()
        if self._record is not None and self._record.exam.key == key and self._record.textNode.GetScene() is not None:
            return
        try:
            self._setRecord(None if key is None else findExam(key))
        except MicrocalcError as error:
            self._setRecord(None)
            showText(self.ui.examStatusLabel, str(error))

    def _setRecord(self, record):
        self._record = record
        self._fillTable()
        self._showMarkups()

    def _showMarkups(self):
        self.removeObservers()
        if self._record is None:
            return
        self._isMoving = True
        try:
            nodes = exammarkups.showMarkups(self._record)
        finally:
            self._isMoving = False
        for node in nodes:
            self.addObserver(node, slicer.vtkMRMLMarkupsNode.PointModifiedEvent, self.onPointMoved)
        ownviews.follow()

    def _fillTable(self):
        table, selected = self.ui.findingsTable, self.selectedNumber
        rows = _rows(self._record) if self._record else []
        table.blockSignals(True)
        table.clearSelection()
        table.setRowCount(len(rows))
        for index, (cells, toolTip) in enumerate(rows):
            for column, text in enumerate(cells):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(toolTip)
                table.setItem(index, column, item)
            if self._record.exam.findings[index].number == selected:
                table.selectRow(index)
        table.blockSignals(False)
        table.setVisible(bool(rows))
        showText(self.ui.examSummaryLabel, _summary(self._record) if self._record else "")

    def _showProgress(self):
        self.ui.examProgressBar.setVisible(True)
        self.ui.examProgressBar.setRange(0, self._work.total)
        self.ui.examProgressBar.setValue(self._work.done)
        self.ui.analyzeExamButton.setEnabled(False)

    def _chosenKey(self):
        index = valueOf(self.ui.examComboBox.currentIndex)
        return self._listed[index][0] if 0 <= index < len(self._listed) else None

    def _examOf(self, key):
        return next((exam for exam in self._exams if exam.group.key == key), None)


def _words(exam):
    """An exam in the list: its day, its views, and its prior."""
    group = exam.group
    views = ", ".join(image.label for image in group.images)
    text = f"{group.date or _('no date')}: {views}"
    return text + (_("; prior of {date}").format(date=group.priors[0].date) if group.priors else "")


def _summary(record):
    from MicrocalcAILib.report.sentences import strings

    said = [*record.exam.asymmetry, *record.exam.caveats]
    return "\n".join(said if record.exam.findings else [strings()["no_findings"], *said])


def _rows(record):
    """Cells and tooltip of each finding."""
    from MicrocalcAILib.report.sentences import change_said, place_said, risk_said, seen_said, strings, words_said

    text, exam = strings(), record.exam
    rows = []
    for finding in exam.findings:
        counts = "; ".join(f"{exam.view(mark.image).identity.view}: {mark.count}" for mark in finding.marks)
        place = f"{finding.laterality}: {place_said(finding, text)}; {seen_said(finding, exam, text)}"
        risk, change = risk_said(finding, text), change_said(finding, exam)
        cells = (str(finding.number), place, counts, words_said(finding, text), risk, change)
        reasons = finding.match.reasons if finding.match else ()
        changes = [one.reason for one in finding.changes.values()]
        rows.append((cells, "\n".join(filter(None, (*reasons, *changes, finding.mirror)))))
    return rows
