"""MicrocalcAI: find, outline and group breast microcalcifications in a mammogram."""

import enum

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
from MicrocalcAISlicer import dependencies, sampledata
from MicrocalcAISlicer.inputvolume import hasPlausibleSpacing
from MicrocalcAISlicer.logic import MicrocalcAILogic
from MicrocalcAISlicer.parameternode import MicrocalcAIParameterNode
from MicrocalcAISlicer.results import centerViews, clusterRows
from MicrocalcAISlicer.selftest import MicrocalcAITest  # noqa: F401, Slicer looks for it here

_POLLING_INTERVAL_MS = 100
_SMALLEST_FIELD_OF_VIEW_MM = 20.0  # around a selected cluster


class MicrocalcAI(ScriptedLoadableModule):
    """The module as Slicer's module list shows it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Microcalc AI")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        parent.dependencies = ["Segmentations"]
        parent.contributors = ["Microcalc contributors"]
        parent.helpText = _(
            "Finds the microcalcifications of a mammogram, outlines every single one, groups them into clusters and "
            "measures them. Research software, not for diagnosis. See the "
            '<a href="https://github.com/microcalc/Microcalc">documentation</a>.'
        )
        parent.acknowledgementText = _(
            "Method and sources are named in the documentation. The sample mammogram is part of MONAI's model zoo "
            "(Apache License 2.0)."
        )
        parent.icon = qt.QIcon(self.resourcePath("MicrocalcAI/Icons/MicrocalcAI.png"))
        slicer.app.connect("startupCompleted()", sampledata.registerSampleData)


class PanelState(enum.Enum):
    """What the panel is doing; the one button is Analyze or Cancel accordingly."""

    IDLE = enum.auto()
    RUNNING = enum.auto()


class MicrocalcAIWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: shows parameters, progress and results; all work is the Logic's."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._missingPackages = []
        self._run = None
        self._timer = None

    def setup(self):
        """Build the panel; called when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("MicrocalcAI/UI/MicrocalcAI.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = MicrocalcAILogic()
        self._timer = qt.QTimer()
        self._timer.setInterval(_POLLING_INTERVAL_MS)
        self._timer.timeout.connect(self.onTimer)

        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.applyButton.clicked.connect(self.onApplyButton)
        self.ui.installButton.clicked.connect(self.onInstallButton)
        self.ui.clusterTable.cellClicked.connect(self.onClusterClicked)
        self._showText(self.ui.statusLabel, "")
        self.enter()

    def cleanup(self):
        """Called when the application closes or the module is reloaded."""
        self.cancel()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """Called each time the module is opened."""
        self._showDependencies()
        self.initializeParameterNode()

    def exit(self):
        """Called each time another module is opened; an analysis goes on."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        self.cancel()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Make sure that the parameter node exists and is observed; select an image if there is one."""
        self.setParameterNode(MicrocalcAIParameterNode(self.logic.getParameterNode()))
        if self._parameterNode.inputVolume is None:
            for volumeNode in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
                if volumeNode.GetClassName() == "vtkMRMLScalarVolumeNode":  # not a label map or a color image
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

    @property
    def state(self) -> PanelState:
        return PanelState.IDLE if self._run is None else PanelState.RUNNING

    def onParametersChanged(self, caller=None, event=None):
        self._checkCanApply()
        self._showResults()

    def onApplyButton(self):
        if self.state is PanelState.RUNNING:
            self.cancel()
            self._showText(self.ui.statusLabel, _("Canceled; nothing was changed."))
            return
        parameters = self._parameterNode
        with slicer.util.tryWithErrorDisplay(_("The analysis did not start."), waitCursor=True):
            self._run = self.logic.process(
                parameters.inputVolume,
                spacingMm=self._spacingMm(),
                roiNode=parameters.regionOfInterest,
                falseMarksPerCm2=parameters.falseMarksPerCm2,
                outputSegmentationNode=parameters.outputSegmentation,
                waitForCompletion=False,
            )
        self._timer.start()
        self._showState()
        self._showProgress()

    def onTimer(self):
        """Look how far the analysis is."""
        try:
            isFinished = self._run.update()
        except Exception as error:  # whatever went wrong, the panel has to become usable again
            self._end(_("The analysis failed: {reason}").format(reason=error))
            if not isinstance(error, MicrocalcError):
                raise
            return
        if isFinished:
            self._end(_("Finished."))
        else:
            self._showProgress()

    def cancel(self):
        """End a running analysis, if there is one; the scene stays as it was."""
        if self._run is not None:
            self._run.cancel()
            self._end("")

    def onInstallButton(self):
        with slicer.util.tryWithErrorDisplay(_("The packages were not installed."), waitCursor=True):
            dependencies.installPackages()
        self._showDependencies()
        self._checkCanApply()

    def onClusterClicked(self, row, column):
        volumeNode = self._parameterNode.inputVolume
        results = self.logic.findResults(volumeNode)
        if results is None:  # deleted in the meantime
            self._showResults()
            return
        cluster = clusterRows(results.clustersTableNode)[row]
        slicer.util.setSliceViewerLayers(background=volumeNode)
        fieldOfViewMm = max(_SMALLEST_FIELD_OF_VIEW_MM, 3 * cluster["extent_mm"])
        centerViews(volumeNode, cluster["row"], cluster["column"], fieldOfViewMm)

    def _spacingMm(self):
        """The spacing to hand over: the user's, for images that do not know their own."""
        parameters = self._parameterNode
        isNeeded = parameters.inputVolume is not None and not hasPlausibleSpacing(parameters.inputVolume)
        return parameters.spacingMm if isNeeded and parameters.spacingMm > 0 else None

    def _checkCanApply(self):
        """Enable what can be used now; the button's tooltip says what is missing."""
        volumeNode = self._parameterNode.inputVolume
        self.ui.spacingSpinBox.setEnabled(volumeNode is not None and not hasPlausibleSpacing(volumeNode))
        if self.state is PanelState.RUNNING:
            self.ui.applyButton.setEnabled(True)
            self.ui.applyButton.setToolTip(_("End the analysis; the scene stays as it was."))
            return
        missing = ""
        if self._missingPackages:
            missing = _("Install the missing packages first, with the button above.")
        else:
            try:
                self.logic.checkInput(volumeNode, self._spacingMm(), self._parameterNode.outputSegmentation)
            except MicrocalcError as error:
                missing = str(error)
        self.ui.applyButton.setEnabled(not missing)
        self.ui.applyButton.setToolTip(missing or _("Find, outline and group the calcifications of this image."))

    def _end(self, status):
        self._timer.stop()
        self._run = None
        self._showText(self.ui.statusLabel, status)
        self._showState()
        if self._parameterNode is not None:
            self.onParametersChanged()

    def _showState(self):
        isRunning = self.state is PanelState.RUNNING
        self.ui.applyButton.setText(_("Cancel") if isRunning else _("Analyze"))
        self.ui.progressBar.setVisible(isRunning)
        self.ui.inputCollapsibleButton.setEnabled(not isRunning)
        for widget in (self.ui.falseMarksSlider, self.ui.outputSelector, self.ui.installButton):
            widget.setEnabled(not isRunning)
        if self._parameterNode is not None:
            self._checkCanApply()

    def _showProgress(self):
        self._showText(self.ui.statusLabel, self._run.stage.capitalize())
        self.ui.progressBar.setRange(0, self._run.total)  # 0 to 0 shows a bar that is just busy
        self.ui.progressBar.setValue(self._run.done)

    def _showDependencies(self):
        self._missingPackages = dependencies.missingPackages()
        if self._missingPackages:
            packages = ", ".join(self._missingPackages)
            self.ui.dependencyLabel.setText(_("Python packages to install: {packages}").format(packages=packages))
        self.ui.dependencyFrame.setVisible(bool(self._missingPackages))

    def _showResults(self):
        volumeNode = self._parameterNode.inputVolume
        results = self.logic.findResults(volumeNode) if volumeNode is not None else None
        clusters = clusterRows(results.clustersTableNode) if results else []
        self.ui.clusterTable.setRowCount(len(clusters))
        for row, cluster in enumerate(clusters):
            texts = (
                cluster["name"],
                f"{cluster['count']:.0f}",
                f"{cluster['extent_mm']:.1f}",
                f"{cluster['mean_probability']:.2f}",
            )
            for column, text in enumerate(texts):
                self.ui.clusterTable.setItem(row, column, qt.QTableWidgetItem(text))
        self.ui.summaryLabel.setText(self._summary(results, len(clusters)))
        warnings = results.warnings if results else ()
        self._showText(self.ui.warningsLabel, "\n".join(f"⚠ {warning.message}" for warning in warnings))

    @staticmethod
    def _showText(label, text):
        label.setText(text)
        label.setVisible(bool(text))

    def _summary(self, results, clusterCount):
        if results is None:
            return _("This image has not been analyzed.")
        calcificationCount = results.calcificationsTableNode.GetNumberOfRows()
        if calcificationCount == 0:
            return _("No calcification was found.")
        return _("{calcifications} calcifications, {clusters} clusters.").format(
            calcifications=calcificationCount, clusters=clusterCount
        )
