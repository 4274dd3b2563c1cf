"""What the panels of this extension have in common: set-up, the parameter node, closing scenes, missing packages."""

from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from MicrocalcAILib.base.errors import MicrocalcError

from . import dependencies
from .pathfields import PathFieldConnector
from .reach import followFont, makeShortcuts, nameControls, withKey

_REST_MS = 0  # image data arrive in several steps; the panel looks when they are through


class ModulePanel(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Base of a module's panel; a panel fills in the hooks below.

    ``uiFile`` is the ``.ui`` file below ``Resources``; it has a ``dependencyFrame`` with a ``dependencyLabel``, an
    ``installButton`` and a ``folderButton``. ``self.ui`` holds the widgets by name, ``self.logic`` the logic and
    ``self.parameters`` the wrapped parameter node, which is None while the module is not shown.
    """

    uiFile = ""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.parameters = None
        self.missingPackages = []
        self._connection = None
        self._timers = []
        self._shortcuts = []
        self._imageTimer = None
        self._followedImage = None

    # Hooks

    def makeLogic(self):
        """The module's logic."""
        raise NotImplementedError

    def makeParameterNode(self, node):
        """The module's MRML parameter node, wrapped."""
        raise NotImplementedError

    def connectWidgets(self):
        """Connect the widgets; called once, before the first parameter node."""

    def setShortcutsEnabled(self, isEnabled):
        for shortcut in self._shortcuts:
            shortcut.setProperty("enabled", isEnabled)

    def shortcuts(self):
        """The keys of the panel: a sequence of :class:`.reach.Shortcut`."""
        return ()

    def selectInput(self):
        """Select an input if none is selected; called whenever the module is entered or a scene was closed."""

    def onParametersChanged(self, caller=None, event=None):
        """Show what depends on the parameters."""

    def stopWork(self):
        """End what runs; called before a scene closes and when the panel goes away."""

    # Slicer's calls

    def setup(self):
        """Build the panel; called when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath(self.uiFile))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = self.makeLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        for event in (slicer.mrmlScene.EndImportEvent, slicer.mrmlScene.EndRestoreEvent):
            self.addObserver(slicer.mrmlScene, event, self.onSceneRead)
        self._imageTimer = self.makeTimer(_REST_MS, self.onImageTimer)
        self._imageTimer.setSingleShot(True)
        self.ui.installButton.clicked.connect(self.onInstallButton)
        self.ui.folderButton.clicked.connect(self.onFolderButton)
        followFont(uiWidget)
        self.connectWidgets()
        self._shortcuts = makeShortcuts(self.parent, self.shortcuts())
        self.enter()
        nameControls(self.parent)

    def cleanup(self):
        """Called when the application closes or the module is reloaded."""
        self.stopWork()
        self.setParameterNode(None)
        for timer in self._timers:
            timer.stop()
        self.removeObservers()

    def enter(self):
        """Called each time the module is opened."""
        self.showDependencies()
        self.initializeParameterNode()

    def exit(self):
        """Called each time another module is opened; what runs goes on."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        self.stopWork()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneRead(self, caller, event):
        """A scene was read or restored; the old wrapper keeps None for nodes that came after the parameter node."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    # Parameter node

    def initializeParameterNode(self):
        """Make sure that the parameter node exists and is observed."""
        self.setParameterNode(self.makeParameterNode(self.logic.getParameterNode()))
        self.selectInput()

    def setParameterNode(self, parameters):
        """Bind the panel to a wrapped parameter node, or to none."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._connection)
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self.onModified)
            self.parameters = None
        self.followImage(None)
        if parameters is not None:
            self._connection = parameters.connectParametersToGui(self._boundWidgets(parameters))
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.onModified)
            self.parameters = parameters  # last: what was not bound must not be taken away again
            self.onParametersChanged()

    def onModified(self, caller, event):
        """A parameter changed; while a scene is being read nothing is shown, its nodes come one by one."""
        if not slicer.mrmlScene.IsBatchProcessing():
            self.onParametersChanged()

    def _boundWidgets(self, parameters):
        """Widget, or what ties it, by the parameter that the ``.ui`` file names."""
        bound = {}
        for widget in vars(self.ui).values():
            name = widget.property("SlicerParameterName")
            if name:
                isPath = PathFieldConnector.canRepresent(widget, parameters.dataType(name))
                bound[name] = PathFieldConnector(widget, parameters.dataType(name)) if isPath else widget
        return bound

    # Image data

    def followImage(self, volumeNode):
        """Show the parameters again whenever the image data of a volume arrive or change; None for no volume."""
        if volumeNode is self._followedImage:
            return
        event = slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent
        if self._followedImage is not None:
            self.removeObserver(self._followedImage, event, self.onImageModified)
        self._followedImage = volumeNode
        if volumeNode is not None:
            self.addObserver(volumeNode, event, self.onImageModified)

    def onImageModified(self, caller, event):
        self._imageTimer.start()

    def onImageTimer(self):
        if self.parameters is not None and not slicer.mrmlScene.IsBatchProcessing():
            self.onParametersChanged()

    # Missing packages

    def onInstallButton(self):
        """Install what is missing; why it was not installed is said in the panel."""
        self._install(self.installPackages)

    def onFolderButton(self):
        """Install what is missing from a folder of packages that the user chooses."""
        folder = qt.QFileDialog.getExistingDirectory(self.parent, _("Folder with the packages"))
        if folder:
            self._install(lambda: dependencies.installFromFolder(Path(folder)))

    def _install(self, install):
        slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            install()
            problem = ""
        except MicrocalcError as error:
            problem = str(error)
        finally:
            slicer.app.restoreOverrideCursor()
        self.showDependencies()
        if problem:
            self.ui.dependencyLabel.setText(problem)
        if self.parameters is not None:
            self.onParametersChanged()

    def installPackages(self):
        """Ask the user and install what is missing; raises InstallationError."""
        dependencies.installPackages()

    def showDependencies(self):
        """Say in one line which packages are missing; nothing is shown when none is."""
        self.missingPackages = dependencies.missingPackages()
        packages = ", ".join(self.missingPackages)
        missing = _("Python packages to install: {packages}").format(packages=packages) if packages else ""
        notices = [notice for notice in (dependencies.foreignLibrary(), missing) if notice]
        self.ui.dependencyLabel.setText("\n".join(notices))
        self.ui.dependencyFrame.setVisible(bool(notices))
        self.ui.installButton.setVisible(bool(self.missingPackages))
        self.ui.folderButton.setVisible(bool(self.missingPackages))

    # Helpers

    def makeTimer(self, intervalMs, slot):
        """A stopped timer that calls ``slot`` again and again once it is started; it lives as long as the panel."""
        timer = qt.QTimer()
        timer.setInterval(intervalMs)
        timer.timeout.connect(slot)
        self._timers.append(timer)
        return timer


def showText(label, text):
    """Show a text; a label without one takes no room."""
    label.setText(text)
    label.setVisible(bool(text))


def enable(widget, missing, purpose):
    """Enable a widget unless something is missing; its tooltip says what that is, otherwise what it is for."""
    widget.setEnabled(not missing)
    widget.setToolTip(withKey(widget, missing or purpose))


def valueOf(qtProperty):
    """The value of a widget's property, which is a property in PythonQt and a method in Qt for Python."""
    return qtProperty() if callable(qtProperty) else qtProperty
