"""The bases of DICOM plugins, without the DICOM module's window and database."""

import slicer


class DICOMLoadable:
    def __init__(self):
        self.files = []
        self.name = "Unknown"
        self.tooltip = ""
        self.warning = ""
        self.selected = False
        self.confidence = 0.5


class DICOMPlugin:
    def __init__(self):
        self.loadType = "Generic DICOM"
        self.cache = {}

    def getCachedLoadables(self, files):
        return self.cache.get(tuple(sorted(files)))

    def cacheLoadables(self, files, loadables):
        self.cache[tuple(sorted(files))] = loadables

    def addSeriesInSubjectHierarchy(self, loadable, node):
        """As Slicer does it: the series is looked for by its UID, so of several images of one only the first moves."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        constants = slicer.vtkMRMLSubjectHierarchyConstants
        item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        series, study, patient = (
            slicer.dicomDatabase.fileValue(loadable.files[0], tag) for tag in ("0020,000E", "0020,000D", "0010,0020")
        )
        hierarchy.SetItemUID(item, constants.GetDICOMUIDName(), series)
        slicer.vtkSlicerSubjectHierarchyModuleLogic.InsertDicomSeriesInHierarchy(hierarchy, patient, study, series)
