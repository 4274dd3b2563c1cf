"""MicrocalcElastography: from an ultrasound elastogram to kPa, measurements by protocol, and the study's statistics."""

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

from MicrocalcElastographySlicer import sampledata, views
from MicrocalcElastographySlicer.cohortsection import CohortSection
from MicrocalcElastographySlicer.elastogramnodes import isComplete
from MicrocalcElastographySlicer.imagesection import ImageSection
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcElastographySlicer.measuresection import MeasureSection
from MicrocalcElastographySlicer.parameternode import MicrocalcElastographyParameterNode
from MicrocalcElastographySlicer.readingssection import ReadingsSection
from MicrocalcElastographySlicer.selftest import MicrocalcElastographyTest  # noqa: F401, Slicer looks for it here
from MicrocalcSlicerShared.panel import ModulePanel


class MicrocalcElastography(ScriptedLoadableModule):
    """The module as Slicer's module list shows it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Microcalc Elastography")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        parent.dependencies = ["Segmentations", "Markups", "Colors", "Plots", "MicrocalcAI"]
        parent.contributors = ["Microcalc contributors"]
        parent.helpText = _(
            "Turns ultrasound elastograms into kPa, measures stiffness and strain ratio by a written protocol, and "
            "analyzes the cohort of a study. Research software, not for diagnosis. See the "
            '<a href="https://github.com/microcalc/Microcalc">documentation</a>.'
        )
        parent.acknowledgementText = _(
            "Method and sources are named in the documentation. The color table of SuperSonic Imagine is part of swepy "
            "by Olivier Seynnes (MIT license)."
        )
        parent.icon = qt.QIcon(self.resourcePath("MicrocalcElastography/Icons/MicrocalcElastography.png"))
        slicer.app.connect("startupCompleted()", views.registerLayout)
        slicer.app.connect("startupCompleted()", sampledata.registerSampleData)


class MicrocalcElastographyWidget(ModulePanel):
    """The panel: one section per tab, in the order of work."""

    uiFile = "MicrocalcElastography/UI/MicrocalcElastography.ui"

    def makeLogic(self):
        return MicrocalcElastographyLogic()

    def makeParameterNode(self, node):
        return MicrocalcElastographyParameterNode(node)

    def connectWidgets(self):
        self.imageSection = ImageSection(self)
        self.measureSection = MeasureSection(self)
        self.readingsSection = ReadingsSection(self)
        self.cohortSection = CohortSection(self)
        self._sections = (self.imageSection, self.measureSection, self.readingsSection, self.cohortSection)
        for section in self._sections:
            section.connect()

    def selectInput(self):
        self.imageSection.selectInput()

    def onParametersChanged(self, caller=None, event=None):
        if self.parameters is not None:
            self.followImage(self.parameters.inputVolume)
            for section in self._sections:
                section.show()

    def onSceneEndClose(self, caller, event):
        for section in self._sections:
            section.clear()
        super().onSceneEndClose(caller, event)

    def exit(self):
        """Called each time another module is opened; the statistics of a study go on, nothing is measured."""
        self.measureSection.stop()
        super().exit()

    def stopWork(self):
        for section in self._sections:
            section.stop()

    # What the sections share

    def elastogram(self):
        """The nodes of the selected frame's elastogram; None when there is none or a part of it was lost."""
        volumeNode = self.parameters.inputVolume
        nodes = None if volumeNode is None else self.logic.findElastogram(volumeNode, self.parameters.frame)
        return nodes if nodes is not None and isComplete(nodes) else None

    def whatToInstall(self):
        """Why nothing can be computed yet; '' when all packages are there."""
        return _("Install the missing packages first, with the button above.") if self.missingPackages else ""

    def onMeasured(self):
        """A measurement changed: it can be stored now, or no longer."""
        self.readingsSection.showStore()
