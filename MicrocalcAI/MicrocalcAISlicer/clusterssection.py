"""The panel's table of clusters, and what a reader says about the selected one."""

import qt
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.panel import enable, showText
from MicrocalcSlicerShared.reach import fitColumns

from . import cloudoutlines, clustertext
from .inputvolume import ijkToRas
from .readercolumns import ACCEPTED, KINDS, REJECTED, UNDECIDED, ReaderEdits, currentWord, decision
from .readerplaces import placeInWords
from .results import clusterRows, imageRecord, volumeOf, wordsOf
from .showing import showVolume
from .views import centerViews, fitViews

_SMALLEST_FIELD_OF_VIEW_MM = 20.0  # around a selected cluster
_MARGIN = 3.0  # field of view by the extent of the cluster
_WORDS_COLUMN = 2


class ClustersSection:
    """The clusters of one image: select to go there, hover for the evidence, choose words, accept or reject.

    Parameters
    ----------
    ui : namespace
        The panel's widgets.
    onSelected : callable
        Called when another cluster was selected.
    """

    def __init__(self, ui, onSelected):
        self.ui = ui
        self.edits = ReaderEdits()
        self._onSelected = onSelected
        self._reader = ""
        self._results = None
        self._rows = []  # as the table shows them
        self._sorting = (0, False)  # column, whether the largest comes first
        self._records = {}
        self._combos = {"morphology": ui.morphologyComboBox, "distribution": ui.distributionComboBox}
        self._names = {kind: [] for kind in KINDS}
        self._hidden = set()  # (display node's ID, segment) of rejected clusters
        ui.clusterTable.itemSelectionChanged.connect(self._onSelectionChanged)
        ui.clusterTable.cellClicked.connect(self._onCellClicked)
        ui.morphologyComboBox.activated.connect(self._onMorphology)
        ui.distributionComboBox.activated.connect(self._onDistribution)
        ui.acceptButton.clicked.connect(self._onAccept)
        ui.rejectButton.clicked.connect(self._onReject)
        ui.undoButton.clicked.connect(self._onUndo)
        ui.wholeImageButton.clicked.connect(self._onWholeImage)
        ui.editButton.clicked.connect(self._onEdit)
        ui.clusterTable.horizontalHeader().sectionClicked.connect(self._onHeading)
        self._layOut()

    @property
    def selectedId(self):
        """Id of the selected cluster, or None."""
        row = self._selectedRow()
        return None if row is None else int(row["id"])

    def show(self, results):
        """List the clusters of these results, of None when the image was not analyzed; the selection is kept."""
        selected = self.selectedId if self._isOf(results) else None
        self._results = results
        rows = clusterRows(results.clustersTableNode) if results else []
        self._rows = clustertext.sortedRows(rows, *self._sorting)
        self._records = (
            {record["cluster_id"]: record for record in wordsOf(results.segmentationNode)} if results else {}
        )
        self._fillTable(selected)
        self._hideRejected()
        self.ui.clusterTable.setVisible(bool(self._rows))
        for button in (self.ui.wholeImageButton, self.ui.editButton):
            button.setVisible(results is not None)
        self.ui.summaryLabel.setText(self._summary())
        notices = dict.fromkeys(filter(None, (clustertext.notice(row) for row in self._rows)))
        showText(self.ui.noticeLabel, "\n".join(f"* {notice}" for notice in notices))
        shown = [warning.message for warning in results.warnings if warning.message not in notices] if results else []
        showText(self.ui.warningsLabel, "\n".join(f"⚠ {message}" for message in shown))
        self._showSelected()

    def selectNext(self):
        """Go to the next cluster of the list; from the last one nowhere."""
        self._selectBy(1)

    def selectPrevious(self):
        """Go to the previous cluster of the list."""
        self._selectBy(-1)

    def _selectBy(self, step):
        selected = self.selectedId
        numbers = [int(row["id"]) for row in self._rows]
        index = numbers.index(selected) + step if selected in numbers else 0
        if 0 <= index < len(numbers):
            self.ui.clusterTable.selectRow(index)

    def forgetEdits(self, tableNode=None):
        """Forget the undo steps of a table whose rows were replaced, or all of them."""
        self.edits.forget(tableNode)
        self._showSelected()

    # What the user does

    def _onSelectionChanged(self, *_):
        self._showSelected()
        self._goThere()
        self._onSelected()

    def _onCellClicked(self, *_):
        self._goThere()  # also when it was selected before

    def _onMorphology(self, chosen):
        self._chooseWord("morphology", chosen)

    def _onDistribution(self, chosen):
        self._chooseWord("distribution", chosen)

    def _onAccept(self, *_):
        self._decide(ACCEPTED)

    def _onReject(self, *_):
        self._decide(REJECTED)

    def _onHeading(self, column):
        """Sort by a column; again: the other way round. Numbers begin with the largest."""
        earlier, isDescending = self._sorting
        self._sorting = (column, not isDescending if column == earlier else column not in (0, _WORDS_COLUMN))
        if self._results is not None:
            self.show(self._results)

    def _onWholeImage(self, *_):
        volumeNode = volumeOf(self._results)
        if volumeNode is not None:
            showVolume(volumeNode)
            fitViews(volumeNode)

    def _onEdit(self, *_):
        from .editing import openSegmentEditor

        openSegmentEditor(volumeOf(self._results), self.selectedId)

    def _onUndo(self, *_):
        self.edits.undo()
        self._refresh()

    def _chooseWord(self, kind, chosen):
        row = self._selectedRow()
        if row is None:
            return
        index = self._combos[kind].findText(chosen) if isinstance(chosen, str) else chosen  # Qt 5 may give the text
        name = self._names[kind][index]
        if name == currentWord(row, kind):
            return
        words = list(self._records.values())
        self._edit(self.edits.chooseWord, self.selectedId, kind, name, words)

    def _decide(self, decided):
        row = self._selectedRow()
        if row is not None:  # the same again takes it back
            self._edit(self.edits.decide, self.selectedId, UNDECIDED if decision(row) == decided else decided)

    def _edit(self, change, *arguments):
        try:
            change(self._results.clustersTableNode, *arguments, reader=self._reader)
        except MicrocalcError as error:
            showText(self.ui.statusLabel, str(error))
        self._refresh()

    def setReader(self, initials):
        """Who edits."""
        self._reader = initials.strip()

    def _goThere(self):
        row = self._selectedRow()
        volumeNode = volumeOf(self._results) if row is not None else None
        if volumeNode is None:
            return
        showVolume(volumeNode)
        own = abs(ijkToRas(volumeNode)[:3, :2]).max()  # mm of the scene per pixel; the analysis may have used others
        used = imageRecord(self._results.segmentationNode).get("spacing_mm", (own, own))[1]
        fieldOfViewMm = max(_SMALLEST_FIELD_OF_VIEW_MM, _MARGIN * row["extent_mm"])
        centerViews(volumeNode, row["row"], row["column"], fieldOfViewMm * own / used)

    # What is shown

    def _layOut(self):
        table = self.ui.clusterTable
        headings = clustertext.headings()
        table.setColumnCount(len(headings))
        for column, (text, toolTip) in enumerate(headings):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(toolTip)
            table.setHorizontalHeaderItem(column, item)
        fitted = [column for column in range(len(headings)) if column != _WORDS_COLUMN]
        fitColumns(table, fitted, stretched=[_WORDS_COLUMN])
        table.horizontalHeader().setMinimumSectionSize(1)  # the last heading is empty
        table.setToolTip(_("Keys: N next cluster, P previous cluster."))

    def _fillTable(self, selected):
        table = self.ui.clusterTable
        table.blockSignals(True)
        table.clearSelection()
        table.setRowCount(len(self._rows))
        clouds = cloudoutlines.areasMm2(self._results) if self._rows else {}
        for index, row in enumerate(self._rows):
            record = self._records.get(row["id"])
            toolTip = clustertext.explanation(row, record, self._placeOf(row), clouds.get(int(row["id"])))
            isRejected = decision(row) == REJECTED
            for column, text in enumerate(clustertext.cells(row)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(toolTip)
                if isRejected:
                    font = item.font()
                    font.setStrikeOut(True)
                    item.setFont(font)
                if column == 0:
                    item.setData(qt.Qt.DecorationRole, self._colorOf(row))
                table.setItem(index, column, item)
            if row["id"] == selected:
                table.selectRow(index)
        table.blockSignals(False)

    def _showSelected(self):
        ui, row = self.ui, self._selectedRow()
        ui.clusterFrame.setVisible(bool(self._rows))
        for widget in (*self._combos.values(), ui.acceptButton, ui.rejectButton):
            widget.setEnabled(row is not None)
        ui.clusterLabel.setText(
            _("Select a cluster to go there and to judge it.")
            if row is None
            else clustertext.title(row, self._placeOf(row))
        )
        decided = UNDECIDED if row is None else decision(row)
        ui.acceptButton.setChecked(decided == ACCEPTED)
        ui.rejectButton.setChecked(decided == REJECTED)
        for kind, combo in self._combos.items():
            self._fillCombo(kind, combo, row)
        record = None if row is None else self._records.get(row["id"])
        showText(ui.evidenceLabel, "\n".join((record or {}).get("evidence", ())))
        nothing = "" if self.edits.last else _("There is nothing to undo.")
        enable(ui.undoButton, nothing, _("Take back: {what}").format(what=self.edits.last))

    def _fillCombo(self, kind, combo, row):
        from MicrocalcAILib.lexicon.vocabulary import words

        combo.clear()
        self._names[kind] = []
        if row is None:
            return
        record = self._records.get(row["id"]) or {}
        probabilities = record.get(kind, {}).get("suggested", {})
        names = [*probabilities, *(name for name in words(kind) if name not in probabilities)]
        for name in names:
            share = probabilities.get(name, 0.0)
            combo.addItem(f"{name}   {share:.0%}" if share >= 0.01 else name)
        self._names[kind] = names
        word = currentWord(row, kind)
        combo.setCurrentIndex(names.index(word) if word in names else -1)

    def _selectedRow(self):
        index = self.ui.clusterTable.currentRow() if self.ui.clusterTable.selectedItems() else -1
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def _placeOf(self, row):
        return placeInWords(volumeOf(self._results), imageRecord(self._results.segmentationNode), row)

    def _colorOf(self, row):
        segment = self._results.segmentationNode.GetSegmentation().GetSegment(f"MicrocalcCluster{row['id']:.0f}")
        color = segment.GetColor() if segment is not None else (0.5, 0.5, 0.5)
        return qt.QColor(*(round(255 * part) for part in color))

    def _isOf(self, results):
        return (
            results is not None
            and self._results is not None
            and (results.clustersTableNode is self._results.clustersTableNode)
        )

    def _refresh(self):
        """After an edit."""
        if self._results is not None:
            self.show(self._results)
        self._onSelected()

    def _hideRejected(self):
        """Draw no outlines of rejected clusters; those that this hid come back when that is taken back."""
        displayNode = self._results.segmentationNode.GetDisplayNode() if self._results else None
        if displayNode is None:
            return
        for row in self._rows:
            segment = f"MicrocalcCluster{row['id']:.0f}"
            if decision(row) == REJECTED:
                displayNode.SetSegmentVisibility(segment, False)
                self._hidden.add((displayNode.GetID(), segment))
            elif (displayNode.GetID(), segment) in self._hidden:
                displayNode.SetSegmentVisibility(segment, True)
                self._hidden.discard((displayNode.GetID(), segment))

    def _summary(self):
        if self._results is None:
            return _("Not analyzed yet.")
        count = self._results.calcificationsTableNode.GetNumberOfRows()
        if count == 0:
            return _("No calcification was found.")
        clusters = _("1 cluster") if len(self._rows) == 1 else _("{count} clusters").format(count=len(self._rows))
        text = _("{calcifications} calcifications, {clusters}.").format(calcifications=count, clusters=clusters)
        decided = [decision(row) for row in self._rows]
        if set(decided) - {UNDECIDED}:
            reviewed = _("Accepted: {accepted}, rejected: {rejected}.")
            text += " " + reviewed.format(accepted=decided.count(ACCEPTED), rejected=decided.count(REJECTED))
        return text
