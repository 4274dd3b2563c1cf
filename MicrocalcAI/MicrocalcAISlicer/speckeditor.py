"""What the segment-editor effect does: finds specks, marks and removes them, and shows what would happen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared import dependencies

from . import editing, kernelpreparation
from .effectoptions import SELECTED
from .effectviews import Drag, EffectViews, isClick, snapMm


class SpeckEditor:
    """Edits the segmentation and the image that are selected in a segment editor.

    Parameters
    ----------
    scriptedEffect : qSlicerSegmentEditorScriptedEffect
        Knows the selection and the parameters, and modifies segments with the editor's masks.
    views : EffectViews
    say : callable
        Shows a sentence to the user.
    """

    def __init__(self, scriptedEffect, views: EffectViews, say: Callable[[str], None]):
        self._effect = scriptedEffect
        self._views = views
        self._say = say
        self._shown: tuple = ()  # what the outlines of unmarked specks were drawn for

    @contextmanager
    def sayingErrors(self, isLong: bool = False):
        """Refusals become sentences; long work shows the waiting cursor."""
        try:
            with _waiting(isLong):
                yield
        except MicrocalcError as error:
            self._say(str(error))
        except ImportError:
            self._say(_("Open the module Microcalc AI once and install the missing packages there."))

    def prepare(self) -> None:
        """Compile calculations in the background, unless that is done: the panel may never have been opened."""
        if not dependencies.missingPackages():
            kernelpreparation.preparation.begin()

    def session(self, isWanted: bool = True) -> editing.EditingSession | None:
        """The session of the selected segmentation and image; without them None, and a sentence if it is wanted.

        None, too, while calculations are being compiled: a click would wait for them here.
        """
        kernelpreparation.preparation.update()
        if kernelpreparation.preparation.isRunning:
            self._say(kernelpreparation.preparation.sentence)
            return None
        parameterNode = self._effect.parameterSetNode()
        segmentationNode = None if parameterNode is None else parameterNode.GetSegmentationNode()
        volumeNode = None if parameterNode is None else parameterNode.GetSourceVolumeNode()
        if segmentationNode is not None and volumeNode is not None:
            return editing.sessionFor(volumeNode, segmentationNode)
        if isWanted:
            self._say(_("Choose a segmentation and a mammogram above."))
        return None

    def canMark(self) -> bool:
        """Whether marking may begin: a hidden segment is asked about, and the click that answers is not a mark."""
        if not self._targetId():
            return True
        answer = self._effect.confirmCurrentSegmentVisible()
        return answer == slicer.qSlicerSegmentEditorAbstractEffect.ConfirmedWithoutDialog

    def hover(self, session, place: tuple[float, float], viewWidget, removes: bool) -> None:
        """Show what a click at a place would mark or remove."""
        self._showChoice(session, self._under(session, place, viewWidget, removes)[0], removes)

    def hideChoice(self, session) -> None:
        """Show nothing that would be marked or removed: the mouse is elsewhere."""
        self._showChoice(session, [], removes=False)

    def showDrag(self, session, drag: Drag) -> None:
        """Show what is being drawn, and what it would mark or remove."""
        self._views.showPath(drag, session)
        if not isClick(drag, session.spacingMm):
            self._showChoice(session, self._inside(session, drag), drag.removes)

    def forgetDrag(self, session, drag: Drag) -> None:
        """Take the drawing away."""
        self._views.showPath(Drag(drag.viewWidget, [], drag.removes), session)
        self.hideChoice(session)

    def finish(self, session, drag: Drag) -> None:
        """Mark or remove what was clicked or drawn around."""
        self.forgetDrag(session, drag)
        if isClick(drag, session.spacingMm):
            found, reason = self._under(session, drag.path[0], drag.viewWidget, drag.removes)
        else:
            found = self._inside(session, drag)
            reason = _("Nothing is marked here.") if drag.removes else _("No unmarked speck passes both thresholds.")
        if not found:
            self._say(reason)
            return
        self._effect.saveStateForUndo()
        reference = self._effect.defaultModifierLabelmap()
        if drag.removes:
            session.removeCalcifications(found, reference, self._modifier(session))
            self._say(_("Removed: {count}.").format(count=len(found)))
        else:
            before = len(session.marks.pixels)
            targets = session.addSpecks(found, reference, self._modifier(session), self._targetId())
            self._say(_sentence(session, found, targets, len(session.marks.pixels) - before))

    def newCluster(self, session) -> None:
        """Add a segment for a new cluster and select it."""
        self._effect.saveStateForUndo()
        segmentId = session.newCluster()
        self._effect.parameterSetNode().SetSelectedSegmentID(segmentId)
        name = session.segmentationNode.GetSegmentation().GetSegment(segmentId).GetName()
        self._say(_("What you mark now goes into {name}.").format(name=name))

    def groupAgain(self, session) -> None:
        """Group all marks by distance."""
        self._effect.saveStateForUndo()
        count = session.groupAgain(self._effect.defaultModifierLabelmap(), self._modifier(session))
        self._say(_("{count} calcifications changed their cluster.").format(count=count))

    def showUnmarked(self, session) -> None:
        """Outline the specks that drawing around everything would mark, unless the user does not want to see them.

        The first time the image is judged here, under the waiting cursor and not under a moving mouse.
        """
        with _waiting(not session.isReady):
            _ = session.finder
        isOn = self._effect.integerParameter("ShowUnmarked") != 0
        state = (session, session.marks, isOn, *self._thresholds(), self._views.count)
        if state == self._shown:
            return
        self._shown = state
        specks = self._specks(session) if isOn else []
        self._views.show("unmarked", _bordersOf(specks), session)

    def _thresholds(self) -> tuple[float, float]:
        return self._effect.doubleParameter("LowestProbability"), self._effect.doubleParameter("LowestContrast")

    def _specks(self, session, area=None):
        return session.finder.specks_in(area, session.marks.labels, *self._thresholds())

    def _under(self, session, place, viewWidget, removes: bool) -> tuple[list, str]:
        """What a click at a place is about: a speck or the id of a calcification; or why there is none."""
        reach = snapMm(viewWidget)
        if removes:
            found = session.marks.at(*place, reach, session.spacingMm)
            return ([], _("Nothing is marked here.")) if found is None else ([found], "")
        speck, reason = session.finder.speck_at(*place, session.marks.labels, self._thresholds()[1], reach)
        return ([], reason) if speck is None else ([speck], "")

    def _inside(self, session, drag: Drag) -> list:
        """What was drawn around: specks, or ids of calcifications."""
        from MicrocalcAILib.editing.areas import Area

        area = Area(np.array(drag.path), session.spacingMm, snapMm(drag.viewWidget))
        return session.marks.within(area) if drag.removes else self._specks(session, area)

    def _showChoice(self, session, found: list, removes: bool) -> None:
        from MicrocalcAILib.editing.borders import border_lines

        pixels = session.marks.pixels
        pieces = border_lines([pixels[each] for each in found]) if removes else _bordersOf(found)
        self._views.show("removed" if removes else "chosen", pieces, session)
        self._views.show("chosen" if removes else "removed", _bordersOf([]), session)

    def _modifier(self, session) -> editing.Modify:
        """Modifies one segment through the segment editor, so that its masks are respected; shows it."""
        effect = slicer.qSlicerSegmentEditorAbstractEffect
        segmentationNode = session.segmentationNode

        def modify(segmentId, image, adds):
            mode = effect.ModificationModeAdd if adds else effect.ModificationModeRemove
            self._effect.modifySegmentByLabelmap(segmentationNode, segmentId, image, mode)
            if adds and segmentationNode.GetDisplayNode() is not None:
                segmentationNode.GetDisplayNode().SetSegmentVisibility(segmentId, True)

        return modify

    def _targetId(self) -> str:
        """ID of the segment to mark into; empty when the distance decides."""
        if self._effect.parameter("Target") != SELECTED:
            return ""
        return self._effect.parameterSetNode().GetSelectedSegmentID() or ""


@contextmanager
def _waiting(isLong: bool):
    if isLong:
        slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
    try:
        yield
    finally:
        if isLong:
            slicer.app.restoreOverrideCursor()


def _bordersOf(specks: list) -> np.ndarray:
    return np.concatenate([np.empty((0, 2, 2)), *(speck.border for speck in specks)])


def _sentence(session, specks: list, targets: list[str], added: int) -> str:
    if added < 1:
        return _("Nothing was marked: the editor's mask does not allow it here.")
    segmentation = session.segmentationNode.GetSegmentation()
    names = ", ".join(segmentation.GetSegment(target).GetName() for target in targets)
    if len(specks) > 1:
        return _("Marked: {count}, in {names}.").format(count=added, names=names)
    return _("Marked in {names}: contrast {contrast:.1f}, probability {probability:.2f}.").format(
        names=names, contrast=specks[0].response, probability=specks[0].probability
    )
