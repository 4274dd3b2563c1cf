"""The tab “Readings”: store measurements as repeats of readers, see how they agree, write them to files."""

from pathlib import Path

from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.panel import enable, showText
from MicrocalcSlicerShared.reach import fitColumns

from . import readernames, readingsnodes
from .section import Section, fillCells, numberText

_LONGEST_HISTORY = 50
_SYMBOLS = {"pass": "✓", "warn": "⚠", "cannot tell": "?"}


class ReadingsSection(Section):
    """The readings of the scene."""

    def __init__(self, panel):
        super().__init__(panel)
        self._earlier = []  # readings before each change, for Undo
        self._shown = None  # readings and lesion whose agreement is shown
        self._readerName = ""

    def connect(self):
        self.ui.readerNameEdit.textChanged.connect(self.onReaderNameChanged)
        self.ui.readerNameEdit.editingFinished.connect(self.onReaderName)
        self.ui.storeButton.clicked.connect(self.onStore)
        self.ui.deleteButton.clicked.connect(self.onDelete)
        self.ui.undoButton.clicked.connect(self.onUndo)
        self.ui.exportButton.clicked.connect(self.onExport)
        self.ui.pictureButton.clicked.connect(self.onExportPicture)
        self.ui.toCohortButton.clicked.connect(self.onUseAsStudy)
        self.ui.readingsTable.itemSelectionChanged.connect(self.onSelectionChanged)
        fitColumns(self.ui.readingsTable, fitted=(1, 2, 3, 4, 5, 6), stretched=(0,))
        showText(self.ui.readingsStatusLabel, "")
        showText(self.ui.exportLabel, "")

    def clear(self):
        self._earlier, self._shown = [], None
        for label in (self.ui.readingsStatusLabel, self.ui.exportLabel):
            showText(label, "")

    def onReaderNameChanged(self, name):
        self._readerName = name.strip()

    def onReaderName(self):
        """Fill in the label that stands for this reader on this computer."""
        if self._readerName and self.parameters is not None:
            self.parameters.readerLabel = readernames.labelOf(self._readerName)

    def onStore(self):
        parameters = self.parameters

        def store():
            if self._readerName and not parameters.isConsensus:
                readernames.setLabel(self._readerName, parameters.readerLabel.strip())
            before = self.logic.readings()
            reading = self.logic.store(
                self.panel.measureSection.assess(),
                lesion=parameters.readingLesion.strip(),
                reader=self._reader(),
                patient=parameters.readingPatient.strip(),
                outcome=parameters.readingOutcome.value or "",
            )
            self._remember(before)
            return reading

        reading = self.work(self.ui.readingsStatusLabel, store)
        if reading is not None:
            showText(
                self.ui.readingsStatusLabel,
                _("Stored repeat {repeat} of reader {reader}.").format(repeat=reading.repeat, reader=reading.reader),
            )
        self.show()

    def onDelete(self):
        chosen = self._selectedRows()
        readings = self.logic.readings()
        self._remember(readings)
        self.logic.setReadings([reading for row, reading in enumerate(readings) if row not in chosen])
        showText(self.ui.readingsStatusLabel, _("Deleted {count}; Undo brings back.").format(count=len(chosen)))
        self.show()

    def onUndo(self):
        self.logic.setReadings(self._earlier.pop())
        showText(self.ui.readingsStatusLabel, _("Undone."))
        self.show()

    def onSelectionChanged(self):
        chosen = "" if self._selectedRows() else _("Select readings in the table first.")
        enable(self.ui.deleteButton, chosen, _("Delete the selected readings."))

    def onExport(self):
        self._write(lambda: self.logic.exportReadings(self.parameters.exportFolder))

    def onExportPicture(self):
        """Write the picture of what is measured now; nobody's name is in it."""
        parameters = self.parameters
        self._write(
            lambda: self.logic.exportPicture(
                self.panel.measureSection.assess(),
                parameters.exportFolder,
                parameters.readingLesion.strip(),
                self._reader(),
            )
        )

    def _write(self, work):
        try:
            paths = self.work(self.ui.exportLabel, work)
        except OSError as error:
            paths = None
            showText(self.ui.exportLabel, _("The files were not written: {reason}.").format(reason=error.strerror))
        if paths is not None:
            names = ", ".join(path.name for path in paths)
            showText(self.ui.exportLabel, _("Written: {names}.").format(names=names))

    def onUseAsStudy(self):
        """Select the readings as the table of the study, in the next tab."""
        self.parameters.cohortTable = readingsnodes.findReadings()
        self.ui.tabs.setCurrentIndex(3)

    def show(self):
        if self.panel.whatToInstall():
            ui = self.ui
            for button in (ui.storeButton, ui.deleteButton, ui.exportButton, ui.pictureButton, ui.toCohortButton):
                enable(button, self.panel.whatToInstall(), "")
            return
        parameters, readings = self.parameters, self.logic.readings()
        self.ui.readerLabelEdit.setEnabled(not parameters.isConsensus)
        self.ui.readerNameEdit.setEnabled(not parameters.isConsensus)
        self.showStore(readings)
        shown = (readings, parameters.readingLesion.strip())
        if shown != self._shown:
            self._shown = shown
            fillCells(self.ui.readingsTable, [_cells(reading) for reading in readings])
            self._showAgreement(*shown)
        self.onSelectionChanged()
        nothing = "" if readings else _("Store a measurement first.")
        folder = self._whyNoFolder()
        enable(self.ui.undoButton, "" if self._earlier else _("Nothing to undo."), _("Undo the last change."))
        enable(self.ui.exportButton, nothing or folder, _("Write readings.csv, lesions.csv and readings.json."))
        enable(self.ui.toCohortButton, nothing, _("Analyze these readings as a study; the outcomes have to be known."))

    def showStore(self, readings=None):
        """Whether, and as what, the measurement can be stored; called after every measurement."""
        from MicrocalcElastographyLib.readings import next_repeat

        readings = self.logic.readings() if readings is None else readings
        reader, lesion = self._reader(), self.parameters.readingLesion.strip()
        enable(self.ui.storeButton, self._whyNotStore(reader, lesion), _("Store the measurement of the tab “Measure”."))
        measured = "" if self.panel.measureSection.assessment is not None else _("Measure the lesion first.")
        enable(self.ui.pictureButton, measured or self._whyNoFolder(), _("Write the annotated picture and the values."))
        repeat = next_repeat(readings, lesion, reader) if lesion and reader else 1
        self.ui.storeButton.setText(
            _("Store as repeat {repeat} of reader {reader}").format(repeat=repeat, reader=reader or "…")
        )

    def _showAgreement(self, readings, lesion):
        from MicrocalcElastographyLib.readings import lesion_summary, reader_summary

        try:
            own, all_ = lesion_summary(readings, lesion), reader_summary(readings)
        except MicrocalcError as error:
            own, all_ = (), (str(error),)
        lines = [f"{_SYMBOLS[str(status)]} {sentence}" for status, sentence in own]
        if lines:
            lines.insert(0, f"<b>{lesion}</b>")
        if all_:
            lines += [_("<b>All lesions</b>"), *all_]
        nothing = _("Three repeats of each reader are wanted; two readers can be compared.")
        self.ui.agreementLabel.setText("<br>".join(lines) or nothing)

    def _whyNotStore(self, reader, lesion):
        if self.panel.elastogram() is None or self.panel.measureSection.assessment is None:
            return _("Measure the lesion first, in the tab “Measure”.")
        if not lesion:
            return _("Name the lesion.")
        return "" if reader else _("Enter your name or a label for the reader.")

    def _whyNoFolder(self):
        return "" if self.parameters.exportFolder != Path() else _("Choose a folder.")

    def _reader(self):
        parameters = self.parameters
        return readernames.CONSENSUS if parameters.isConsensus else parameters.readerLabel.strip()

    def _remember(self, readings):
        self._earlier = [*self._earlier, readings][-_LONGEST_HISTORY:]

    def _selectedRows(self):
        return {index.row() for index in self.ui.readingsTable.selectionModel().selectedRows()}


def _cells(reading):
    ratio = reading.strain_ratio if reading.stiffness_ratio is None else reading.stiffness_ratio
    score = "–" if reading.elasticity_score is None else f"{reading.elasticity_score:g}"
    return (
        reading.lesion,
        reading.reader,
        str(reading.repeat),
        numberText(reading.elasticity_mean_kpa, "kPa"),
        numberText(reading.elasticity_max_kpa, "kPa"),
        numberText(ratio),
        (score, reading.protocol_warnings),
    )
