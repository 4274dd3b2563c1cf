"""The tab “Measure”: outline the lesion, place the box, and see the numbers while something is moved."""

from dataclasses import replace

import slicer
import vtk
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.nodes import tableRows
from MicrocalcSlicerShared.panel import enable, showText, valueOf
from MicrocalcSlicerShared.reach import fitColumns

from .drawings import Drawings
from .measurementtexts import headline, protocolRows, ratioRows, statisticsRows
from .parameternode import BoxPlace
from .section import Section, fillCells

_INTERVAL_MS = 40  # between two measurements while something is dragged
_MEASURED_CHARACTERS = 20  # width of a column


class MeasureSection(Section):
    """Regions, measurement box, results and protocol of one elastogram."""

    def __init__(self, panel):
        super().__init__(panel)
        self.assessment = None  # of what is drawn now; None when it was not or could not be measured
        self._drawings = Drawings(self)
        self._observed = {}  # node: what is observed of it
        self._timer = None
        self._isWaiting = False  # for the timer
        self._asked = None  # what the last measurement was asked for

    def connect(self):
        ui = self.ui
        self._drawButtons = (
            (ui.lesionButton, self.onDrawLesion),
            (ui.fatButton, self.onDrawFat),
            (ui.skinButton, self.onDrawSkin),
            (ui.chestWallButton, self.onDrawChestWall),
            (ui.calcificationButton, self.onDrawCalcification),
            (ui.elastogramLesionButton, self.onDrawElastogramLesion),
        )
        for button, slot in self._drawButtons:
            button.clicked.connect(slot)
        ui.takeOverButton.clicked.connect(self.onTakeOver)
        ui.boxPointButton.clicked.connect(self.onPlaceBox)
        ui.measureButton.clicked.connect(self.onMeasure)
        fitColumns(ui.statisticsTable, fitted=(0,), stretched=(1, 2, 3, 4))
        fitColumns(ui.ratiosTable, fitted=(1,), stretched=(0, 2))
        fitColumns(ui.protocolTable, fitted=(0,), stretched=(1,))
        width = _MEASURED_CHARACTERS * ui.protocolTable.fontMetrics().averageCharWidth()
        ui.protocolTable.setColumnWidth(2, width)
        # One measurement at a time, the next one not before the interval is over: this is the throttle.
        self._timer = self.panel.makeTimer(_INTERVAL_MS, self.onTimer)
        self._timer.setSingleShot(True)
        showText(ui.measureStatusLabel, "")

    def stop(self):
        self._timer.stop()
        self._isWaiting = False
        self._observe([])

    def clear(self):
        self.assessment = self._asked = None
        showText(self.ui.measureStatusLabel, "")

    def onDrawLesion(self):
        self._drawings.draw("lesion")

    def onDrawFat(self):
        self._drawings.draw("fat")

    def onDrawSkin(self):
        self._drawings.draw("skin")

    def onDrawChestWall(self):
        self._drawings.draw("chest_wall")

    def onDrawCalcification(self):
        self._drawings.draw("calcification")

    def onDrawElastogramLesion(self):
        self._drawings.draw("lesion_on_elastogram")

    def onTakeOver(self):
        self._drawings.takeOver()

    def onPlaceBox(self):
        self._drawings.placeBox(self.panel.elastogram().valueNode, self.assessment)

    def onMeasure(self):
        self.measure()

    def onChange(self, caller=None, event=None):
        """Something that is measured was moved."""
        if self.parameters is not None and self.parameters.isLive and not self._isWaiting:
            self._isWaiting = True
            self._timer.start()

    def onTimer(self):
        self._isWaiting = False
        if self.parameters is not None and not self._whyNot():
            self.measure()

    def measure(self):
        """Measure what is drawn; the tables in the scene and in the panel follow."""
        nodes = self.panel.elastogram()
        self._asked = self._request()
        try:
            self.assessment = self.assess()
            self.logic.showAssessment(self.assessment, nodes.valueNode)
        except MicrocalcError as error:
            self.assessment = None
            showText(self.ui.measureStatusLabel, str(error))
        else:
            showText(self.ui.measureStatusLabel, "")
        self._showResults(nodes)
        self.panel.onMeasured()

    def assess(self):
        """Measure without showing; raises a MicrocalcError that says what is missing."""
        parameters = self.parameters
        return self.logic.assess(
            self.panel.elastogram().valueNode,
            self._drawings.drawn(),
            self._assessmentParameters(),
            precompression=parameters.precompression if parameters.precompression > 0 else None,
            boxPointNode=self._drawings.boxPoint(),
            confirmed=self._drawings.confirmed(),
        )

    def show(self):
        self._drawings.follow()
        parameters, nodes = self.parameters, self.panel.elastogram()
        install = self.panel.whatToInstall()
        first = install or ("" if nodes is not None else _("Convert the screen first."))
        for button, _slot in self._drawButtons:
            enable(button, first, _("Draw it in one of the views."))
        takeOver = first or self._drawings.whyNotTakeOver()
        enable(self.ui.takeOverButton, takeOver, _("Copy what was drawn on the image before."))
        enable(self.ui.boxPointButton, first, _("Put the middle of the box where you want it, and drag it."))
        self.ui.boxPointSelector.setEnabled(parameters.boxPlace is BoxPlace.BY_HAND)
        why = install or self._whyNot()
        enable(self.ui.measureButton, why, _("Measure, score and check the protocol."))
        self._observe([] if why else self._drawings.movable())
        if why:
            self.assessment = self._asked = None
            showText(self.ui.measureStatusLabel, "")
        elif parameters.isLive and self._asked != self._request():
            self.onChange()
        self._showResults(nodes)

    def _whyNot(self):
        """What is missing before something can be measured; '' when nothing is."""
        if self.panel.elastogram() is None:
            return _("Convert the screen first.")
        if "lesion" not in self._drawings.drawn():
            return _("Draw the lesion, or select a segmentation with a segment “{name}”.").format(
                name=self.parameters.lesionName
            )
        if self.parameters.boxPlace is BoxPlace.BY_HAND and self.parameters.boxPoint is None:
            return _("Place the measurement box, or let it go to the stiffest place.")
        return ""

    def _request(self):
        """Everything a measurement depends on beside where things lie."""
        nodes, boxPoint = self.panel.elastogram(), self._drawings.boxPoint()
        drawn = tuple(
            (region, what[0].GetID(), what[1]) if isinstance(what, tuple) else (region, what.GetID())
            for region, what in self._drawings.drawn().items()
        )
        return (
            nodes.valueNode.GetID(),
            nodes.valueNode.GetImageData().GetMTime(),
            drawn,
            self._assessmentParameters(),
            boxPoint and boxPoint.GetID(),
            self.parameters.precompression,
            self._drawings.confirmed(),
        )

    def _assessmentParameters(self):
        from MicrocalcElastographyLib.assessment import AssessmentParameters
        from MicrocalcElastographyLib.measurement import BoxShape

        defaults, parameters = AssessmentParameters(), self.parameters
        shape = BoxShape(parameters.boxForm.value)
        return replace(defaults, measurement=replace(defaults.measurement, box_mm=parameters.boxMm, box_shape=shape))

    def _observe(self, nodes):
        """Follow what moves: markups point by point, segmentations segment by segment."""
        wanted = dict.fromkeys(nodes)
        for node in [node for node in self._observed if node not in wanted]:
            observed, events = self._observed.pop(node)
            for event in events:
                self.panel.removeObserver(observed, event, self.onChange)
        for node in wanted:
            if node in self._observed:
                continue
            if node.IsA("vtkMRMLSegmentationNode"):
                observed, events = node.GetSegmentation(), _segmentEvents()
            else:
                node.SetDisplayVisibility(True)
                observed, events = node, (vtk.vtkCommand.ModifiedEvent, node.PointModifiedEvent)
            for event in events:
                self.panel.addObserver(observed, event, self.onChange)
            self._observed[node] = (observed, events)

    def _showResults(self, nodes):
        found = None if nodes is None else self.logic.findMeasurement(nodes.valueNode)
        isCurrent = found is not None and not self._whyNot() and (self.assessment is not None or self._asked is None)
        rows = tableRows(found.measurementTableNode) if isCurrent else []
        checks = tableRows(found.protocolTableNode) if isCurrent else []
        self.ui.headlineLabel.setText(headline(rows) if rows else _("Nothing is measured."))
        fillCells(self.ui.statisticsTable, statisticsRows(rows))
        fillCells(self.ui.ratiosTable, ratioRows(rows))
        fillCells(self.ui.protocolTable, protocolRows(checks))
        for row, check in enumerate(checks):
            for column in range(valueOf(self.ui.protocolTable.columnCount)):
                item = self.ui.protocolTable.item(row, column)
                font = item.font()
                font.setBold(check["status"] == "warn")
                item.setFont(font)
        warnings = found.warnings if isCurrent else ()
        showText(self.ui.measureWarningsLabel, "\n".join(f"⚠ {warning.message}" for warning in warnings))


def _segmentEvents():
    kind = slicer.vtkSegmentation
    return (kind.SourceRepresentationModified, kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified)
