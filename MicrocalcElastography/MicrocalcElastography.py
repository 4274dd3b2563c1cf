"""MicrocalcElastography: from an ultrasound elastogram to kPa, measurements by protocol, and the study's statistics."""

from dataclasses import replace
from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from MicrocalcAILib.errors import MicrocalcError
from MicrocalcAISlicer import dependencies
from MicrocalcElastographySlicer import sampledata
from MicrocalcElastographySlicer.elastogramnodes import foundOf, isOwn, warningsOf
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcElastographySlicer.nodes import tableRows
from MicrocalcElastographySlicer.parameternode import MicrocalcElastographyParameterNode, ScaleUnit
from MicrocalcElastographySlicer.selftest import MicrocalcElastographyTest  # noqa: F401, Slicer looks for it here


class MicrocalcElastography(ScriptedLoadableModule):
    """The module as Slicer's module list shows it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Microcalc Elastography")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        parent.dependencies = ["Segmentations", "Colors", "Plots", "MicrocalcAI"]
        parent.contributors = ["Microcalc contributors"]
        parent.helpText = _(
            "Turns ultrasound elastograms into kPa, measures stiffness and strain ratio by a written protocol, and "
            "analyzes the cohort of a study. Research software, not for diagnosis. See the "
            '<a href="https://github.com/microcalc/Microcalc">documentation</a>.'
        )
        parent.acknowledgementText = _(
            "Method and sources are named in the documentation. The sample screen is part of swepy by Olivier Seynnes "
            "(MIT license)."
        )
        parent.icon = qt.QIcon(self.resourcePath("MicrocalcElastography/Icons/MicrocalcElastography.png"))
        slicer.app.connect("startupCompleted()", sampledata.registerSampleData)


class MicrocalcElastographyWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: shows parameters and results; all work is the Logic's."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._missingPackages = []

    def setup(self):
        """Build the panel; called when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("MicrocalcElastography/UI/MicrocalcElastography.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = MicrocalcElastographyLogic()

        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.installButton.clicked.connect(self.onInstallButton)
        self.ui.loadButton.clicked.connect(self.onLoadButton)
        self.ui.convertButton.clicked.connect(self.onConvertButton)
        self.ui.measureButton.clicked.connect(self.onMeasureButton)
        self.ui.analyzeButton.clicked.connect(self.onAnalyzeButton)
        for label in (self.ui.statusLabel, self.ui.cohortLabel):
            self._showText(label, "")
        self.enter()

    def cleanup(self):
        """Called when the application closes or the module is reloaded."""
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """Called each time the module is opened."""
        self._showDependencies()
        self.initializeParameterNode()

    def exit(self):
        """Called each time another module is opened."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        for label in (self.ui.statusLabel, self.ui.cohortLabel):
            self._showText(label, "")
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Make sure that the parameter node exists and is observed; select a screen if there is one."""
        self.setParameterNode(MicrocalcElastographyParameterNode(self.logic.getParameterNode()))
        if self._parameterNode.inputVolume is None:
            for volumeNode in slicer.util.getNodesByClass("vtkMRMLVectorVolumeNode"):
                if not isOwn(volumeNode):
                    self._parameterNode.inputVolume = volumeNode
                    break

    def setParameterNode(self, parameterNode):
        """Bind the panel to a parameter node, or to none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
            self.onParametersChanged()

    def onParametersChanged(self, caller=None, event=None):
        self._checkCanApply()
        self._showResults()

    def onInstallButton(self):
        with slicer.util.tryWithErrorDisplay(_("The packages were not installed."), waitCursor=True):
            dependencies.installPackages()
        self._showDependencies()
        self._checkCanApply()

    def onLoadButton(self):
        node = self._run(self.ui.statusLabel, lambda: self.logic.load(self._parameterNode.filePath))
        if node is not None:
            self._parameterNode.inputVolume = node
            self._parameterNode.frame = 0
            slicer.util.setSliceViewerLayers(background=node, fit=True)
            self._showText(self.ui.statusLabel, _("Loaded."))

    def onConvertButton(self):
        parameters = self._parameterNode
        isGiven = not parameters.isRangeFromPicture
        nodes = self._run(
            self.ui.statusLabel,
            lambda: self.logic.process(
                parameters.inputVolume,
                frame=parameters.frame,
                unit=parameters.unit.value,
                valuesAtEnds=(parameters.upperEnd, parameters.lowerEnd) if isGiven else None,
                opacity=parameters.opacityPercent / 100.0 if parameters.opacityPercent > 0 else None,
                spacingMm=parameters.spacingMm if parameters.spacingMm > 0 else None,
            ),
        )
        if nodes is None:
            return
        found = foundOf(nodes.valueNode).get("values_at_ends")
        if found is not None and parameters.isRangeFromPicture:
            parameters.upperEnd, parameters.lowerEnd = (float(value) for value in found["value"])
        background = nodes.screenNode or nodes.valueNode
        foreground = nodes.valueNode if nodes.screenNode is not None else None
        slicer.util.setSliceViewerLayers(background=background, foreground=foreground, foregroundOpacity=1.0, fit=True)
        self._showText(self.ui.statusLabel, _("Converted."))
        self.onParametersChanged()

    def onMeasureButton(self):
        parameters = self._parameterNode

        def measure():
            from MicrocalcElastographyLib.assessment import AssessmentParameters

            defaults = AssessmentParameters()
            return self.logic.measure(
                self._elastogram().valueNode,
                self.logic.segmentsNamed(parameters.segmentation, self._segmentNames()),
                replace(defaults, measurement=replace(defaults.measurement, box_mm=parameters.boxMm)),
                precompression=parameters.precompression if parameters.precompression > 0 else None,
            )

        if self._run(self.ui.statusLabel, measure) is not None:
            self._showText(self.ui.statusLabel, _("Measured."))
            self.onParametersChanged()

    def onAnalyzeButton(self):
        parameters = self._parameterNode
        report = parameters.reportFolder if parameters.reportFolder != Path() else None
        nodes = self._run(
            self.ui.cohortLabel,
            lambda: self.logic.analyzeCohort(
                parameters.cohortPath, parameters.outcomeColumn.strip() or None, reportFolder=report
            ),
        )
        if nodes is None:
            return
        lines = [_("Tables and plots are in the scene.")] + [f"⚠ {warning.message}" for warning in nodes.warnings]
        self._showText(self.ui.cohortLabel, "\n".join(lines))
        if nodes.rocChartNode is not None and slicer.app.layoutManager() is not None:
            slicer.modules.plots.logic().ShowChartInLayout(nodes.rocChartNode)

    def _run(self, label, work):
        """The result of ``work``; None, and the reason in the panel, when it was refused."""
        slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            return work()
        except MicrocalcError as error:
            self._showText(label, str(error))
            return None
        finally:
            slicer.app.restoreOverrideCursor()

    def _elastogram(self):
        volumeNode = self._parameterNode.inputVolume
        return None if volumeNode is None else self.logic.findElastogram(volumeNode, self._parameterNode.frame)

    def _segmentNames(self):
        parameters = self._parameterNode
        return {
            "lesion": parameters.lesionName,
            "fat": parameters.fatName,
            "skin": parameters.skinName,
            "chest_wall": parameters.chestWallName,
            "calcification": parameters.calcificationName,
        }

    def _checkCanApply(self):
        """Enable what can be used now; each button's tooltip says what is missing."""
        parameters = self._parameterNode
        isRangeGiven = not parameters.isRangeFromPicture
        self.ui.upperEndSpinBox.setEnabled(isRangeGiven)
        self.ui.lowerEndSpinBox.setEnabled(isRangeGiven)
        install = _("Install the missing packages first, with the button above.") if self._missingPackages else ""
        file = "" if parameters.filePath.is_file() else _("Choose the file of a screen capture.")
        cohort = "" if parameters.cohortPath.is_file() else _("Choose the table of the study (CSV, TSV or XLSX).")
        self._enable(self.ui.loadButton, install or file, _("Load the screen with the right pixel spacing."))
        self._enable(self.ui.convertButton, install or self._whyNotConvert(), _("Compute the value of every pixel."))
        self._enable(
            self.ui.measureButton, install or self._whyNotMeasure(), _("Measure, score and check the protocol.")
        )
        self._enable(self.ui.analyzeButton, install or cohort, _("Compute the statistics of the study."))

    def _whyNotConvert(self):
        parameters = self._parameterNode
        try:
            self.logic.checkInput(
                parameters.inputVolume, parameters.frame, parameters.unit is not ScaleUnit.FROM_PICTURE
            )
        except MicrocalcError as error:
            return str(error)
        return ""

    def _whyNotMeasure(self):
        parameters = self._parameterNode
        if self._elastogram() is None:
            return _("Convert the screen first.")
        if "lesion" not in self.logic.segmentsNamed(parameters.segmentation, self._segmentNames()):
            return _("Select a segmentation with a segment “{name}”.").format(name=parameters.lesionName)
        return ""

    @staticmethod
    def _enable(button, missing, purpose):
        button.setEnabled(not missing)
        button.setToolTip(missing or purpose)

    def _showDependencies(self):
        self._missingPackages = dependencies.missingPackages()
        if self._missingPackages:
            packages = ", ".join(self._missingPackages)
            self.ui.dependencyLabel.setText(_("Python packages to install: {packages}").format(packages=packages))
        self.ui.dependencyFrame.setVisible(bool(self._missingPackages))

    def _showResults(self):
        nodes = self._elastogram()
        measurement = None if nodes is None else self.logic.findMeasurement(nodes.valueNode)
        values = tableRows(measurement.measurementTableNode) if measurement else []
        checks = tableRows(measurement.protocolTableNode) if measurement else []
        self._fill(
            self.ui.measurementTable,
            [
                (row["region"], row["quantity"], self._number(row["value"]), row["unit"], row["remark"])
                for row in values
            ],
        )
        self._fill(
            self.ui.protocolTable, [(row["status"], row["rule"], row["measured"], row["message"]) for row in checks]
        )
        warnings = measurement.warnings if measurement else warningsOf(nodes.valueNode) if nodes else ()
        self._showText(self.ui.warningsLabel, "\n".join(f"⚠ {warning.message}" for warning in warnings))
        self.ui.summaryLabel.setText(self._summary(nodes))

    @staticmethod
    def _number(value):
        return "–" if value != value else f"{value:.4g}"  # NaN where there is none

    @staticmethod
    def _fill(table, rows):
        table.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                table.setItem(row, column, qt.QTableWidgetItem("" if text == "-" else text))

    @staticmethod
    def _showText(label, text):
        label.setText(text)
        label.setVisible(bool(text))

    def _summary(self, nodes):
        if nodes is None:
            return _("This image has not been converted.")
        lines = []
        for name, title in (
            ("values_at_ends", _("Ends of the color bar")),
            ("unit", _("Unit")),
            ("opacity", _("Opacity")),
            ("spacing_mm", _("Pixel size (mm)")),
        ):
            part = foundOf(nodes.valueNode).get(name)
            if part is not None and part["value"] is not None:
                value = part["value"]
                text = " / ".join(f"{item:.4g}" for item in value) if isinstance(value, list) else f"{value}"
                lines.append(f"{title}: {text} ({part['source']})")
        return "\n".join(lines) or _("Map of values.")
