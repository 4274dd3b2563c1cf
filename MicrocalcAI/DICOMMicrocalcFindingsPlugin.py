"""DICOM plugin: CAD marks of any maker over their mammogram, and our segmentations in their place."""

from pathlib import Path

import slicer
from DICOMLib import DICOMLoadable
from slicer.i18n import tr as _

from MicrocalcAISlicer import dicomfindings
from MicrocalcSlicerShared.dicomplugin import PluginModule, SingleFilePlugin

_SOP_CLASS, _MODALITY, _MODEL, _TYPE = "0008,0016", "0008,0060", "0008,1090", "0062,0001"
# Above Slicer's own plugins, which know no segmentation of an image without a place in space.
_CONFIDENCE = 0.9


class DICOMMicrocalcFindingsPluginClass(SingleFilePlugin):
    """Offers mammography CAD documents, and segmentations that this extension wrote."""

    def __init__(self):
        super().__init__()
        self.loadType = _("Calcifications")

    def load(self, loadable):
        """Marks or outlines over their mammogram, which is loaded from the database when it is not in the scene.

        Returns
        -------
        bool
            True; Slicer asks for no node.

        Raises
        ------
        MicrocalcError
            With one sentence that says what is wrong; Slicer shows it in its log and names the file.
        """
        show = dicomfindings.showMarks if loadable.isReport else dicomfindings.showSegments
        for node in show(Path(loadable.files[0]), loadable.name):
            self.place(loadable, node)
        return True

    def examine(self, files):
        """A loadable for each file of a series that this plugin knows, by its attributes alone."""
        return [loadable for file in files if (loadable := _loadableOf(file)) is not None]


def _loadableOf(file):
    from MicrocalcAILib.dicom.codes import CAD_SR, SEGMENTATION

    def value(tag):
        return slicer.dicomDatabase.fileValue(file, tag)

    modality = value(_MODALITY)
    isReport = modality == "SR" and value(_SOP_CLASS) == CAD_SR
    isOurs = (
        modality == "SEG"
        and value(_SOP_CLASS) == SEGMENTATION
        and value(_MODEL) == dicomfindings.OUR_MODEL
        and value(_TYPE) == "BINARY"
    )
    if not (isReport or isOurs):
        return None
    loadable = DICOMLoadable()
    loadable.files = [file]
    loadable.isReport = isReport
    loadable.selected = True
    loadable.confidence = _CONFIDENCE
    loadable.name = _("CAD marks") if isReport else _("Calcifications")
    loadable.tooltip = (
        _("Marks of a CAD program over its mammograms, with their words")
        if isReport
        else _("Outlines of calcifications over their mammogram")
    )
    return loadable


class DICOMMicrocalcFindingsPlugin(PluginModule):
    """Hidden module that registers the plugin."""

    title = _("DICOM Microcalc Findings Plugin")
    helpText = _("Loads CAD marks of any maker and segmentations of Microcalc AI over their mammograms.")
    pluginClass = DICOMMicrocalcFindingsPluginClass
