"""What DICOM plugins have in common that look at files one by one."""

import slicer
from DICOMLib import DICOMPlugin
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

_INSTANCE_UID = "0008,0018"


class SingleFilePlugin(DICOMPlugin):
    """Base of a plugin that offers files one by one; it says in :meth:`examine` which files of a series it knows."""

    def examine(self, files):
        """Loadables for the files of one series that this plugin knows."""
        raise NotImplementedError

    def examineForImport(self, fileLists):
        """Loadables for the files that this plugin knows; what was found in a series is kept until it changes."""
        loadables = []
        for files in fileLists:
            found = self.getCachedLoadables(files)
            if found is None:
                found = self.examine(files)
                self.cacheLoadables(files, found)
            loadables += found
        return loadables

    def place(self, loadable, node):
        """Let a loaded node know which file it is of, and put it below its study in the subject hierarchy."""
        uid = slicer.dicomDatabase.fileValue(loadable.files[0], _INSTANCE_UID)
        node.SetAttribute("DICOM.instanceUIDs", uid)
        self.addSeriesInSubjectHierarchy(loadable, node)


class PluginModule(ScriptedLoadableModule):
    """Base of the hidden module that registers a plugin under the name of the module's class.

    ``title``, ``helpText`` and ``pluginClass`` are the derived class's.
    """

    title = helpText = ""
    pluginClass = SingleFilePlugin

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = self.title
        parent.categories = ["Developer Tools.DICOM Plugins"]
        parent.contributors = ["Microcalc contributors"]
        parent.helpText = self.helpText
        parent.hidden = True
        plugins = getattr(slicer.modules, "dicomPlugins", None)
        if plugins is None:
            plugins = slicer.modules.dicomPlugins = {}
        plugins[type(self).__name__] = self.pluginClass
