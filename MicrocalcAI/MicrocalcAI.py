"""MicrocalcAI: find, outline, group and describe breast microcalcifications in mammograms."""

from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

from MicrocalcAISlicer import hanging, kernelpreparation, ownviews, sampledata
from MicrocalcAISlicer.analyzesection import AnalyzeSection, PanelState
from MicrocalcAISlicer.clusterssection import ClustersSection
from MicrocalcAISlicer.displaysection import DisplaySection
from MicrocalcAISlicer.exampanel import UI_FILE as EXAM_UI_FILE
from MicrocalcAISlicer.exampanel import ExamPanel
from MicrocalcAISlicer.exportsection import ExportSection
from MicrocalcAISlicer.imagessection import ImagesSection
from MicrocalcAISlicer.inputvolume import hasPixels, mammogramNodes
from MicrocalcAISlicer.learningpanel import LearningPanel
from MicrocalcAISlicer.logic import MicrocalcAILogic
from MicrocalcAISlicer.parameternode import Heatmap, MicrocalcAIParameterNode
from MicrocalcAISlicer.probabilitymaps import findMap
from MicrocalcAISlicer.selftest import MicrocalcAITest  # noqa: F401, Slicer looks for it here
from MicrocalcAISlicer.showing import showVolume, useOneView
from MicrocalcAISlicer.studypanel import StudyPanel
from MicrocalcAISlicer.views import sliceViews
from MicrocalcSlicerShared import dependencies
from MicrocalcSlicerShared.panel import ModulePanel, showText
from MicrocalcSlicerShared.reach import Shortcut

_POLLING_INTERVAL_MS = 100
_CLOCK_INTERVAL_MS = 1000
_SCENE_INTERVAL_MS = 300  # nodes come and go in bursts


class MicrocalcAI(ScriptedLoadableModule):
    """The module as Slicer's module list shows it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Microcalc AI")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        parent.dependencies = ["Segmentations", "Colors", "Markups"]
        parent.contributors = ["Microcalc contributors"]
        parent.helpText = _(
            "Finds the microcalcifications of a mammogram, outlines every single one, groups them into clusters and "
            "describes each cluster in the words of BI-RADS with evidence and estimates. Research software, not for "
            'diagnosis. See the <a href="https://github.com/microcalc/Microcalc">documentation</a>.'
        )
        parent.acknowledgementText = _(
            "Method and sources are named in the documentation. The sample films are part of CBIS-DDSM (Lee et al. "
            "2017, CC BY 3.0)."
        )
        parent.icon = qt.QIcon(self.resourcePath("MicrocalcAI/Icons/MicrocalcAI.png"))
        slicer.app.connect("startupCompleted()", hanging.registerLayout)
        slicer.app.connect("startupCompleted()", ownviews.startFollowing)
        slicer.app.connect("startupCompleted()", sampledata.registerSampleData)


class MicrocalcAIWidget(ModulePanel):
    """The panel, top to bottom in the order of work: images, analyze, clusters, display, export."""

    uiFile = "MicrocalcAI/UI/MicrocalcAI.ui"

    def __init__(self, parent=None):
        super().__init__(parent)
        self._sceneTimer = self._preparationTimer = None
        self._missingNetworkPackages = []
        self._shown = None  # image, cluster table and its state, as the table in the panel shows them
        self._followedVolume = None  # the selected image; its data may come later
        self._isToBeShown = False  # it was selected, and no view was made to show it yet
        self._cameLate = False  # its data did
        self._isLayoutSettled = False  # chosen by a scene, or by this panel, once a session

    # Hooks of the base

    def makeLogic(self):
        return MicrocalcAILogic()

    def makeParameterNode(self, node):
        return MicrocalcAIParameterNode(node)

    def connectWidgets(self):
        self._sceneTimer = self.makeTimer(_SCENE_INTERVAL_MS, self.onSceneTimer)
        self._preparationTimer = self.makeTimer(_POLLING_INTERVAL_MS, self.onPreparationTimer)
        timer = self.makeTimer(_POLLING_INTERVAL_MS, lambda: self.analyze.onTimer())
        self.images = ImagesSection(self.ui, self.onImagePicked, self.onImagesChecked)
        self.learning = LearningPanel(self.layout)
        self.analyze = AnalyzeSection(self.ui, self.logic, timer, self.onOutcome, self.onEnded, self.learning.chosen)
        self.clusters = ClustersSection(self.ui, self.onClusterSelected)
        self.display = DisplaySection(self.ui)
        self.export = ExportSection(
            self.ui,
            self._chosen,
            lambda: self.parameters.exportFolder,
            lambda: (self.parameters.exportDicom, self.parameters.exportToDatabase),
        )
        self.exam = self._makeExamPanel()
        clock = self.makeTimer(_CLOCK_INTERVAL_MS, lambda: None)
        self.study = StudyPanel(self.layout, self.logic, clock, self.onStudyReading)
        self.ui.applyButton.clicked.connect(self.onApplyButton)
        for event in (slicer.mrmlScene.NodeAddedEvent, slicer.mrmlScene.NodeRemovedEvent):
            self.addObserver(slicer.mrmlScene, event, self.onNodesChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)

    def shortcuts(self):
        ui = self.ui
        return (
            Shortcut("N", (), self.clusters.selectNext),
            Shortcut("P", (), self.clusters.selectPrevious),
            Shortcut("A", (ui.acceptButton,), ui.acceptButton.click),
            Shortcut("R", (ui.rejectButton,), ui.rejectButton.click),
            Shortcut("U", (ui.undoButton,), ui.undoButton.click),
            Shortcut("H", (ui.heatmapComboBox,), self.onHeatmapKey),
            Shortcut("O", (ui.outlinesCheckBox,), self.onOutlinesKey),
        )

    def selectInput(self):
        found = mammogramNodes()
        if found and self.parameters.inputVolume not in found:  # the selector takes whatever volume came first
            self.parameters.inputVolume = found[0]

    def stopWork(self):
        """End a running analysis, if there is one; the scene stays as it was."""
        self._sceneTimer.stop()
        self.exam.stop()
        self.analyze.stop()
        self.clusters.forgetEdits()
        self.study.close()

    def enter(self):
        """The module is opened."""
        super().enter()
        self.study.resume()

    def exit(self):
        """Another module is opened; what runs goes on, but the clock of a study's case stops."""
        super().exit()
        self.display.removeGraphs()
        self.study.leave()

    def onSceneStartClose(self, caller, event):
        super().onSceneStartClose(caller, event)
        self._shown = None
        self._follow(None)
        self.clusters.show(None)
        for label in (self.ui.statusLabel, self.ui.exportLabel):
            showText(label, "")

    def onParametersChanged(self, caller=None, event=None):
        self._follow(self.parameters.inputVolume)
        self.images.show(self.parameters)
        self.showWhatCanBeDone()
        self.showResults()

    def installPackages(self):
        if self.missingPackages:
            super().installPackages()
        else:
            dependencies.installNetworkPackages()

    def showDependencies(self):
        super().showDependencies()
        self._missingNetworkPackages = dependencies.missingNetworkPackages()
        if self._missingNetworkPackages and not self.missingPackages and not dependencies.foreignLibrary():
            self.ui.installButton.setVisible(True)
            self.ui.dependencyLabel.setText(_("PyTorch is not installed. Only heatmaps and lesion boxes need it."))
            self.ui.dependencyFrame.setVisible(True)
        if not self.missingPackages and not dependencies.foreignLibrary():
            kernelpreparation.preparation.begin()
            if kernelpreparation.preparation.isRunning:
                self._preparationTimer.start()

    def cleanup(self):
        """The application closes or the module is reloaded."""
        kernelpreparation.preparation.stop()
        super().cleanup()

    # What the user does

    @property
    def state(self) -> PanelState:
        return self.analyze.state

    def onApplyButton(self):
        if self.state is PanelState.RUNNING:
            self.exam.onImagesCanceled()
            self.analyze.cancel()
        else:
            self.analyze.start(self.parameters, self._chosen(), not self._missingNetworkPackages)

    def onImagePicked(self, volumeNode):
        self.parameters.inputVolume = volumeNode

    def onImagesChecked(self):
        self.showWhatCanBeDone()

    def onClusterSelected(self):
        self.onViewChanged()

    def onStudyReading(self, isReading):
        """While a case of a study is read, nothing is offered that shows more than the study allows, nor by keys."""
        for section in (
            self.ui.imagesCollapsibleButton,
            self._examSection,
            self.ui.analyzeCollapsibleButton,
            self.ui.clustersCollapsibleButton,
            self.ui.exportCollapsibleButton,
            self.learning.section,
        ):
            section.setVisible(not isReading)
        self.setShortcutsEnabled(not isReading)

    def onHeatmapKey(self):
        """Show the heatmap of the image, or hide it; of two the one that was shown last."""
        if self.parameters is not None:
            self.display.toggleHeatmap(self.parameters)

    def onOutlinesKey(self):
        if self.parameters is not None:
            self.parameters.showOutlines = not self.parameters.showOutlines

    # What happens in the scene

    def onOutcome(self, outcome):
        """An image has finished: show what was asked for."""
        if outcome.results is None:
            return
        self.clusters.forgetEdits(outcome.results.clustersTableNode)
        parameters = self.parameters
        if parameters is None:  # another module is shown
            return
        if parameters.heatmap is Heatmap.NONE:
            wanted = {Heatmap.MALIGNANCY: parameters.malignancyHeatmap, Heatmap.DETECTION: parameters.detectionHeatmap}
            for heatmap, isWanted in wanted.items():
                if isWanted and findMap(outcome.results.segmentationNode, heatmap.value) is not None:
                    parameters.heatmap = heatmap
                    break
        if outcome.volumeNode is parameters.inputVolume:
            showVolume(outcome.volumeNode)
        self.onParametersChanged()

    def onEnded(self):
        self.exam.onImagesEnded()
        if self.parameters is not None:
            self.onParametersChanged()

    def onNodesChanged(self, caller, event):
        self._sceneTimer.start()

    def onImageModified(self, caller, event):
        self._sceneTimer.start()

    def onSceneEndImport(self, caller, event):
        self._isLayoutSettled = True  # the scene brought its own
        self._sceneTimer.start()

    def onSceneTimer(self):
        """The scene has come to rest: nodes were added or removed, or got their data, a moment ago."""
        self._sceneTimer.stop()
        if self.parameters is not None and not slicer.mrmlScene.IsBatchProcessing():
            self.selectInput()
            self.onParametersChanged()
            self._showImage()

    def onPreparationTimer(self):
        """Calculations are being compiled in the background: say how far they are, unless an analysis says more."""
        told = kernelpreparation.preparation.update()
        if not kernelpreparation.preparation.isRunning:
            self._preparationTimer.stop()
        if self.state is not PanelState.RUNNING:
            showText(self.ui.statusLabel, told)

    def onViewChanged(self, caller=None, event=None):
        """A view shows another image: its outlines, heatmap and boxes follow."""
        if self.parameters is not None:
            self.display.apply(self.parameters, self.clusters.selectedId)

    def onTableChanged(self, caller=None, event=None):
        if self.parameters is not None:
            self.showResults()

    # What is shown

    def _follow(self, volumeNode):
        """Another image was selected: it is shown as soon as it has its data."""
        self.followImage(volumeNode)
        earlier = self._followedVolume
        if volumeNode is earlier:
            return
        self._followedVolume = volumeNode
        self._isToBeShown = volumeNode is not None
        self._cameLate = volumeNode is not None and not hasPixels(volumeNode)
        if volumeNode is not None:
            self._sceneTimer.start()
        if earlier is not None:
            self._showImage()  # the reader chose it, and sees it at once

    def _showImage(self):
        volumeNode = self._followedVolume
        if not self._isToBeShown or not hasPixels(volumeNode):
            return
        self._isToBeShown = False
        if not self._isLayoutSettled:
            self._isLayoutSettled = useOneView()
        showVolume(volumeNode, isFitted=not self._cameLate)

    def showWhatCanBeDone(self):
        """Enable what can be used now; tooltips say what is missing."""
        self.analyze.show(self.parameters, self._chosen(), self.missingPackages, self._missingNetworkPackages)
        self.export.show(self.missingPackages)
        missing = _("Install the missing packages first, with the button above.") if self.missingPackages else ""
        self.exam.show(missing, self.state is PanelState.RUNNING)

    def showResults(self):
        """Show the results of the selected image; the table is filled only when they are others than before."""
        volumeNode = self.parameters.inputVolume
        results = self.logic.findResults(volumeNode) if volumeNode is not None else None
        table = results.clustersTableNode if results else None
        shown = (volumeNode, table, table.GetMTime() if table else 0, results.warnings if results else ())
        self.clusters.setReader(self.parameters.reader)
        if shown != self._shown:
            self._observeTable(table)
            self._shown = shown
            self.clusters.show(results)
        self._observeViews()
        self.display.apply(self.parameters, self.clusters.selectedId)

    def _makeExamPanel(self):
        """The section of exams, below that of the images."""
        widget = self._examSection = slicer.util.loadUI(self.resourcePath(EXAM_UI_FILE))
        layout = self.ui.imagesCollapsibleButton.parentWidget().layout()
        layout.insertWidget(layout.indexOf(self.ui.imagesCollapsibleButton) + 1, widget)
        workTimer = self.makeTimer(_POLLING_INTERVAL_MS, lambda: self.exam.onWorkTimer())
        moveTimer = self.makeTimer(_SCENE_INTERVAL_MS, lambda: self.exam.onMoveTimer())
        ui = slicer.util.childWidgetVariables(widget)
        return ExamPanel(ui, workTimer, moveTimer, self.onExamImages, self._exportFolder, self.onExamEnded)

    def onExamImages(self, volumeNodes):
        """Images of an exam that have no results yet; gives whether they are being analyzed now."""
        if self.state is PanelState.RUNNING:
            return False
        return self.analyze.start(self.parameters, volumeNodes, not self._missingNetworkPackages, isExam=True)

    def onExamEnded(self):
        if self.parameters is not None:
            self.showWhatCanBeDone()

    def _exportFolder(self):
        folder = self.parameters.exportFolder
        return None if folder == Path() else folder

    def _chosen(self):
        return self.images.chosen(self.parameters)

    def _observeTable(self, tableNode):
        earlier = self._shown[1] if self._shown else None
        if earlier is not tableNode:
            if earlier is not None:
                self.removeObserver(earlier, vtk.vtkCommand.ModifiedEvent, self.onTableChanged)
            if tableNode is not None:
                self.addObserver(tableNode, vtk.vtkCommand.ModifiedEvent, self.onTableChanged)

    def _observeViews(self):
        for _sliceNode, composite in sliceViews():
            if not self.hasObserver(composite, vtk.vtkCommand.ModifiedEvent, self.onViewChanged):
                self.addObserver(composite, vtk.vtkCommand.ModifiedEvent, self.onViewChanged)
