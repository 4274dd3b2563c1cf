"""A mammogram in the scene with its results, and a segment editor with the effect on it."""

from types import SimpleNamespace

import numpy as np

from editing_scene import editing_scene
from MicrocalcAISlicer import editing, results
from MicrocalcSlicerShared.nodes import tableFrame
from stand_ins import application

slicer = application.startWithWidgets()

import SegmentEditorEffects  # noqa: E402, a stand-in, known since the application was started
import vtk  # noqa: E402

from SegmentEditorMicrocalcLib.SegmentEditorMicrocalcEffect import SegmentEditorMicrocalcEffect  # noqa: E402

UPRIGHT = np.diag([-0.07, -0.07, 1.0, 1.0])


def add_volume(ijk_to_ras=UPRIGHT, name="Left CC"):
    return slicer.util.addVolumeFromArray(editing_scene().mammogram.pixels[np.newaxis], ijk_to_ras, name)


def analyzed_session(ijk_to_ras=UPRIGHT):
    """A session on the results of an analysis, whose image is judged already (the same in all tests)."""
    volumeNode = add_volume(ijk_to_ras)
    shown = results.showResults(editing_scene().analysis, volumeNode)
    return ready(editing.sessionFor(volumeNode, shown.segmentationNode))


def ready(session):
    session._finder = editing_scene().finder
    return session


def calcifications(session):
    return tableFrame(results.resultsOf(session.segmentationNode).calcificationsTableNode)


def clusters(session):
    return tableFrame(results.resultsOf(session.segmentationNode).clustersTableNode)


def marked_pixels(session):
    """How many pixels each segment has, as Slicer reads it."""
    segmentation = session.segmentationNode.GetSegmentation()
    counts = {}
    for index in range(segmentation.GetNumberOfSegments()):
        identifier = segmentation.GetNthSegmentID(index)
        counts[identifier] = int(
            (slicer.util.arrayFromSegmentBinaryLabelmap(session.segmentationNode, identifier, session.volumeNode)).sum()
        )
    return counts


class Editor:
    """A segment editor with the active effect, two slice views and a mouse."""

    def __init__(self, session, center=(250, 160)):
        self.session = session
        self.scripted = SegmentEditorEffects.ScriptedEffect(session.segmentationNode, session.volumeNode)
        self.effect = SegmentEditorMicrocalcEffect(self.scripted)
        self.effect.setMRMLDefaults()
        self.effect.setupOptionsFrame()
        world = session.worldOf(np.array([center], float)).GetPoint(0)
        ijk_to_ras = slicer.util.arrayFromVTKMatrix(vtk_matrix(session.volumeNode))
        directions = ijk_to_ras[:3, :3] / np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
        upright = np.eye(4)
        upright[:3, :3] = directions @ np.diag([1.0, -1.0, 1.0])
        matrix = slicer.util.vtkMatrixFromArray(upright)
        self.views = [SegmentEditorEffects.SliceWidget(world, 0.07, matrix) for _ in range(2)]
        self.mouse = [SegmentEditorEffects.Interactor(view) for view in self.views]
        self.effect.updateGUIFromMRML()
        self.effect.activate()

    def event(self, name, place=None, view=0, shift=False, control=False):
        mouse = self.mouse[view]
        mouse.isShift, mouse.isControl = shift, control
        if place is not None:
            mouse.pointAt(self.session.worldOf(np.array([place], float)).GetPoint(0))
        return self.effect.processInteractionEvents(
            mouse, vtk.vtkCommand.GetEventIdFromString(f"{name}Event"), self.views[view]
        )

    def click(self, place, **how):
        self.event("LeftButtonPress", place, **how)
        self.event("LeftButtonRelease", place, **how)

    def draw(self, path, **how):
        self.event("LeftButtonPress", path[0], **how)
        for place in path[1:]:
            self.event("MouseMove", place, **how)
        self.event("LeftButtonRelease", path[-1], **how)

    def press_key(self, key):
        self.mouse[0].key = key
        return self.event("KeyPress")

    @property
    def said(self):
        return self.effect._options[-1]._status.text()

    def lines(self, kind, view=0):
        """Number of line pieces of one kind over a view."""
        names = ("unmarked", "chosen", "removed", "path")
        actors = self.scripted.actors.get(self.views[view], [])
        return actors[names.index(kind)].GetMapper().GetInput().GetNumberOfLines() if actors else 0

    def update_tables(self):
        """What the timer does a moment after an edit."""
        assert self.effect._timer.isActive()
        self.effect._timer.stop()
        self.effect.onUpdateTables()

    def undo(self):
        self.scripted.logic.Undo()

    def redo(self):
        self.scripted.logic.Redo()


def vtk_matrix(volumeNode):
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return matrix


def unmarked_specks(session, **thresholds):
    """Compact specks that are not marked yet, most probable first."""
    found = session.finder.specks_in(marked=session.marks.labels, **thresholds)
    compact = [speck for speck in found if speck.peak in set(zip(speck.rows, speck.columns, strict=True))]
    return sorted(compact, key=lambda speck: -speck.probability)


def no_editor(session):
    """Reference image and modifier without an effect, straight on Slicer's logic."""
    scripted = SegmentEditorEffects.ScriptedEffect(session.segmentationNode, session.volumeNode)
    modes = SegmentEditorEffects.qSlicerSegmentEditorAbstractEffect

    def modify(segment_id, image, adds):
        mode = modes.ModificationModeAdd if adds else modes.ModificationModeRemove
        scripted.modifySegmentByLabelmap(session.segmentationNode, segment_id, image, mode)

    return SimpleNamespace(reference=scripted.defaultModifierLabelmap(), modify=modify, logic=scripted.logic)
