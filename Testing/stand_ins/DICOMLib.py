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
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        seriesItem = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        hierarchy.SetItemName(seriesItem, loadable.name)
