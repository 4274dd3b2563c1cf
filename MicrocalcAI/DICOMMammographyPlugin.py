"""DICOM plugin: mammograms one by one, with the right spacing, polarity and side."""

from pathlib import Path

import slicer
from DICOMLib import DICOMLoadable
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAISlicer import mammogramloading
from MicrocalcSlicerShared.dicomplugin import PluginModule, SingleFilePlugin

_MODALITY, _BODY_PART = "0008,0060", "0018,0015"
_STUDY_UID = "0020,000D"
# Digital radiographs and computed radiographs of the breast, as older archives hold them.
_OTHER_RADIOGRAPHS = {"DX", "CR"}
# Slicer's own plugins: scalar volume 0.5, image sequence 0.7. Slicer selects, of each series, the loadables of the
# highest confidence: all images of one kind have the same.
_FOR_PRESENTATION, _FOR_PROCESSING = 0.9, 0.8


class DICOMMammographyPluginClass(SingleFilePlugin):
    """Offers every single mammogram; leaves stacks (tomosynthesis) and whatever is damaged to Slicer's own plugins."""

    def __init__(self):
        super().__init__()
        self.loadType = _("Mammogram")

    def examineForImport(self, fileLists):
        """Loadables for the mammograms among the files, one for each image. Reads attributes, no pixels."""
        loadables = super().examineForImport(fileLists)
        names = mammogramloading.distinctNames([loadable.plainName for loadable in loadables])
        finished = {loadable.viewKey for loadable in loadables if not loadable.isForProcessing}
        for loadable, name in zip(loadables, names, strict=True):
            loadable.name = name
            loadable.selected = not (loadable.isForProcessing and loadable.viewKey in finished)
        return loadables

    def load(self, loadable):
        """The mammogram as a volume; see :func:`.mammogramloading.loadMammogram`.

        Returns
        -------
        vtkMRMLScalarVolumeNode

        Raises
        ------
        MicrocalcError
            With one sentence that says what is wrong; Slicer shows it in its log and names the image.
        """
        file = loadable.files[0]
        volumeNode = mammogramloading.loadMammogram(Path(file), loadable.name)
        self.place(loadable, volumeNode)
        _placeInStudy(volumeNode, slicer.dicomDatabase.fileValue(file, _STUDY_UID))
        return volumeNode

    def examine(self, files):
        """Mammograms of a series, one loadable for each image."""
        database = slicer.dicomDatabase
        modality = database.fileValue(files[0], _MODALITY) if files else ""  # the same in the whole series
        isOfBreast = modality in _OTHER_RADIOGRAPHS and database.fileValue(files[0], _BODY_PART).upper() == "BREAST"
        if modality != "MG" and not isOfBreast:
            return []
        return [loadable for file in files if (loadable := _loadableOf(file)) is not None]


def _loadableOf(file):
    """A loadable, or None when the file holds no single mammogram."""
    from MicrocalcAILib.base.parameters import ReadingParameters
    from MicrocalcAILib.reading.dicom import describe_dicom
    from MicrocalcAILib.reading.spacing import choose_spacing

    try:
        description = describe_dicom(Path(file))
    except (MicrocalcError, MemoryError):
        return None  # whatever this is, another plugin may know it
    view = description.view
    spacingWarnings = choose_spacing(description.spacing, None, ReadingParameters().assumed_spacing_mm)[2]
    loadable = DICOMLoadable()
    loadable.files = [file]
    loadable.plainName = mammogramloading.mammogramName(view.laterality, view.view, view.modifiers, description)
    loadable.isForProcessing = description.is_for_processing
    loadable.viewKey = (slicer.dicomDatabase.fileValue(file, _STUDY_UID), *view)
    loadable.confidence = _FOR_PROCESSING if description.is_for_processing else _FOR_PRESENTATION
    loadable.tooltip = (
        _("Raw mammogram (For Processing); results were measured on images For Presentation")
        if description.is_for_processing
        else _("Mammogram with the pixel spacing in the breast, for analysis in Microcalc AI")
    )
    loadable.warning = " ".join(warning.message for warning in (*spacingWarnings, *description.warnings))
    return loadable


def _placeInStudy(volumeNode, studyUid):
    """Put the volume below its study. Slicer looks for a series by its UID and so moves only its first image."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    studyItem = hierarchy.GetItemByUID(slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMUIDName(), studyUid)
    if studyUid and studyItem != hierarchy.GetInvalidItemID():
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volumeNode), studyItem)


class DICOMMammographyPlugin(PluginModule):
    """Hidden module that registers the plugin."""

    title = _("DICOM Mammography Plugin")
    helpText = _("Loads mammograms one by one, with the right pixel spacing, polarity and side.")
    pluginClass = DICOMMammographyPluginClass
