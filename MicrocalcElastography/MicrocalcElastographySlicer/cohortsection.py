"""The tab “Cohort”: the statistics of a study, computed in a child process."""

import enum
from pathlib import Path

from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.nodes import numberOf, tableRows
from MicrocalcSlicerShared.pages import openPage
from MicrocalcSlicerShared.panel import enable, showText, valueOf
from MicrocalcSlicerShared.reach import fitColumns

from . import views
from .cohortnodes import findStudy
from .cohortrun import REPORT_FOLDER, StudyRequest, StudySource
from .section import Section, fillCells, numberText

_POLLING_INTERVAL_MS = 100


class CohortState(enum.Enum):
    """What the tab is doing; the one button is Analyze or Cancel accordingly."""

    IDLE = enum.auto()
    RUNNING = enum.auto()


class CohortSection(Section):
    """Table, columns, statistics and plots of a study."""

    def __init__(self, panel):
        super().__init__(panel)
        self._run = None
        self._timer = None
        self._read = None  # the table and the choices whose columns are shown

    @property
    def state(self):
        return CohortState.IDLE if self._run is None else CohortState.RUNNING

    def connect(self):
        self.ui.analyzeButton.clicked.connect(self.onAnalyze)
        self.ui.chartButton.clicked.connect(self.onShowChart)
        self.ui.reportButton.clicked.connect(self.onOpenReport)
        self._timer = self.panel.makeTimer(_POLLING_INTERVAL_MS, self.onTimer)
        fitColumns(self.ui.columnsTable, fitted=(0,), stretched=(1,))
        fitColumns(self.ui.aucTable, fitted=(1, 2, 3, 4), stretched=(0,))
        self.ui.progressBar.setVisible(False)
        showText(self.ui.cohortLabel, "")

    def stop(self):
        if self._run is not None:
            self._run.cancel()
            self._end("")

    def clear(self):
        self._read = None
        showText(self.ui.cohortLabel, "")

    def onAnalyze(self):
        if self.state is CohortState.RUNNING:
            self.stop()
            showText(self.ui.cohortLabel, _("Canceled; nothing was changed."))
            return
        report = self.parameters.reportFolder
        self._run = self.work(
            self.ui.cohortLabel,
            lambda: self.logic.startCohort(self._source(), self._request(), report if report != Path() else None),
        )
        if self._run is not None:
            self._timer.start()
            self._showProgress()
        self.show()

    def onTimer(self):
        """Look how far the analysis is."""
        if self._run is None:
            return
        try:
            isFinished = self._run.update()
        except Exception as error:  # whatever went wrong, the panel has to become usable again
            self._end(_("The analysis failed: {reason}").format(reason=error))
            if not isinstance(error, MicrocalcError):
                raise
            return
        if isFinished:
            self._end(_("Finished; tables and plots are in the scene."))
        else:
            self._showProgress()

    def onShowChart(self):
        study = findStudy(self._study())
        index = valueOf(self.ui.chartSelector.currentIndex)
        if study is not None and 0 <= index < len(study.chartNodes):
            views.showChart(list(study.chartNodes.values())[index])

    def onOpenReport(self):
        showText(self.ui.cohortLabel, openPage(self._report()))

    def show(self):
        isRunning = self.state is CohortState.RUNNING
        self.ui.analyzeButton.setText(_("Cancel") if isRunning else _("Analyze"))
        self.ui.progressBar.setVisible(isRunning)
        self.ui.tableCollapsibleButton.setEnabled(not isRunning)
        self.ui.columnsCollapsibleButton.setEnabled(not isRunning)
        self.ui.reportEdit.setEnabled(not isRunning)
        self._showColumns()
        if isRunning:
            enable(self.ui.analyzeButton, "", _("End the analysis; the scene stays as it was."))
        else:
            why = self.panel.whatToInstall() or self._whyNoTable()
            enable(self.ui.analyzeButton, why, _("Compute the statistics of the study."))
        self._showStudy()

    def _source(self):
        """The table of the study: a table node wins over a file."""
        return self.parameters.cohortTable or self.parameters.cohortPath

    def _whyNoTable(self):
        if self.parameters.cohortTable is None and not self.parameters.cohortPath.is_file():
            return _("Choose the table of the study (CSV, TSV or XLSX), or a table of the scene.")
        return ""

    def _request(self):
        parameters = self.parameters
        return StudyRequest(
            outcome=parameters.outcomeColumn.strip(),
            malignantValues=_list(parameters.malignantValues),
            lesion=parameters.lesionColumn.strip(),
            patient=parameters.patientColumn.strip(),
            reader=parameters.readerColumn.strip(),
            repeat=parameters.repeatColumn.strip(),
            parameters=_list(parameters.parameterColumns),
            ignored=_list(parameters.ignoredColumns),
        )

    def _study(self):
        """What tells the selected study from others; None when nothing is selected."""
        if self._whyNoTable():
            return None
        return StudySource.keyOf(self._source())

    def _showColumns(self):
        """What every column is taken for, read again only when table or choices changed."""
        if self.panel.whatToInstall() or self._whyNoTable():
            key = None
        else:
            source = self._source()
            changed = source.stat().st_mtime_ns if isinstance(source, Path) else source.GetMTime()
            key = (StudySource.keyOf(source), changed, self._request())
        if key == self._read:
            return
        self._read = key
        columns, problem = [], ""
        if key is not None:
            try:
                columns = self.logic.columnsOf(self._source(), self._request())
            except MicrocalcError as error:
                problem = str(error)
        fillCells(self.ui.columnsTable, [(name, (reason, reason)) for name, reason in columns])
        showText(self.ui.columnsLabel, problem)

    def _showStudy(self):
        study = findStudy(self._study()) if self._study() is not None else findStudy()
        if study is not None:
            views.placeLegendOf(study.chartNodes.values())  # a scene that was opened may show one already
        fillCells(self.ui.aucTable, _aucRows(study))
        counts = ""
        if study is not None:
            counts = _("<b>{malignant} malignant and {benign} benign lesions</b>").format(
                malignant=study.malignant, benign=study.benign
            )
        showText(self.ui.studyLabel, counts)
        names = list(study.chartNodes) if study is not None else []
        if names != self._chartNames():
            self.ui.chartSelector.clear()
            self.ui.chartSelector.addItems(names)
        enable(self.ui.chartButton, "" if names else _("Analyze a study first."), _("Show this plot in the layout."))
        report = "" if self._report().is_file() else _("Choose a folder for the report, and analyze.")
        enable(self.ui.reportButton, report, _("Open the report in the browser."))
        warnings = study.warnings if study is not None else ()
        showText(self.ui.cohortWarningsLabel, "\n".join(f"⚠ {warning.message}" for warning in warnings))

    def _chartNames(self):
        selector = self.ui.chartSelector
        return [selector.itemText(index) for index in range(valueOf(selector.count))]

    def _report(self):
        return self.parameters.reportFolder / REPORT_FOLDER / "report.html"

    def _showProgress(self):
        showText(self.ui.cohortLabel, self._run.stage.capitalize())
        self.ui.progressBar.setRange(0, self._run.total)  # 0 to 0 shows a bar that is just busy
        self.ui.progressBar.setValue(self._run.done)

    def _end(self, status):
        self._timer.stop()
        self._run = None
        showText(self.ui.cohortLabel, status)
        if self.parameters is not None:
            self.show()


def _list(text):
    """Values separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _aucRows(study):
    """Parameter, area under the curve, and Youden's cut-off with sensitivity and specificity."""
    if study is None or "auc" not in study.tableNodes:
        return []
    cutoffs = {}
    for row in tableRows(study.tableNodes["cutoffs"]) if "cutoffs" in study.tableNodes else []:
        cutoffs.setdefault(row["parameter"], row)
    shown = []
    for row in tableRows(study.tableNodes["auc"]):
        area = "{:.3f} ({:.3f}–{:.3f})".format(*(numberOf(row[name]) for name in ("auc", "auc_low", "auc_high")))
        cutoff = cutoffs.get(row["parameter"])
        cells = ("–", "–", "–")
        if cutoff is not None:
            unit = row["unit"].strip("-")
            shares = (f"{numberOf(cutoff[name]):.0%}" for name in ("sensitivity", "specificity"))
            cells = (f"{numberText(cutoff['cutoff'], unit)} {unit}".rstrip(), *shares)
        shown.append((row["parameter"], area, *cells))
    return shown
