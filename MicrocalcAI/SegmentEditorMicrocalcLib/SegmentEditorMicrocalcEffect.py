"""Segment-editor effect: mark or remove single calcifications with a click, or many by drawing around them."""

import qt
import slicer
import vtk
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from MicrocalcAILib.base.resources import resource_path
from MicrocalcAISlicer.editing import EFFECT_NAME
from MicrocalcAISlicer.effectoptions import ADD, BY_DISTANCE, REMOVE, SELECTED, EffectOptions
from MicrocalcAISlicer.effectviews import Drag, EffectViews
from MicrocalcAISlicer.speckeditor import SpeckEditor

_DEFAULTS = {"Mode": ADD, "Target": BY_DISTANCE, "LowestContrast": 3.0, "LowestProbability": 0.2, "ShowUnmarked": 1}
_PROBABILITY_STEP = 0.05
_SEGMENT_EVENTS = (
    slicer.vtkSegmentation.SourceRepresentationModified,
    slicer.vtkSegmentation.SegmentModified,  # undo and redo say nothing else
    slicer.vtkSegmentation.SegmentAdded,
    slicer.vtkSegmentation.SegmentRemoved,
)
_REFRESH_DELAY_MS = 150  # the outline appears at once, the tables follow
_WORDS_DELAY_MS = 1500  # words and estimates take longer: they come when the hand rests


class SegmentEditorMicrocalcEffect(AbstractScriptedSegmentEditorEffect, VTKObservationMixin):
    """The effect "Microcalcification": Slicer's calls, mouse and keyboard; the work is SpeckEditor's.

    Slicer may use this one object in every segment editor: what belongs to a view or to an image is kept by view and
    by image, parameters are in the scene.
    """

    def __init__(self, scriptedEffect):
        scriptedEffect.name = EFFECT_NAME  # not translated: modules find effects by name
        scriptedEffect.title = _("Microcalcification")
        scriptedEffect.perSegment = False  # a mark goes into the segment of its cluster, which need not be selected
        scriptedEffect.requireSegments = False
        AbstractScriptedSegmentEditorEffect.__init__(self, scriptedEffect)
        VTKObservationMixin.__init__(self)
        self._options = []
        self._views = EffectViews(scriptedEffect)
        self._editor = SpeckEditor(scriptedEffect, self._views, self._say)
        self._drag = None
        self._observed = None
        self._timer = self._wordsTimer = None  # there while the effect is active

    def clone(self):
        """A new effect for another segment editor."""
        import qSlicerSegmentationsEditorEffectsPythonQt as effects

        clonedEffect = effects.qSlicerSegmentEditorScriptedEffect(None)
        clonedEffect.setPythonSource(__file__.replace("\\", "/"))
        return clonedEffect

    def icon(self):
        """The effect's picture in the toolbar."""
        return qt.QIcon(str(resource_path("Icons/SegmentEditorMicrocalc.png")))

    def helpText(self):
        """What the effect does, for its help box."""
        lines = (
            _("<b>Click</b> a speck to mark it. <b>Shift-click</b> a mark to remove it."),
            _("<b>Draw</b> around specks to mark those that pass both thresholds."),
            _("Draw with <b>Shift</b>, or in mode Remove, to remove all marks inside."),
            _("Yellow outlines show what drawing would mark, green what is marked, red what is removed."),
            _("Keys: <b>x</b> add or remove, <b>+</b> <b>−</b> probability, <b>u</b> yellow outlines, <b>Esc</b>."),
        )
        return "<html>{intro}<ul>{items}</ul>{end}</html>".format(
            intro=_("Mark or remove calcifications of a mammogram, outlined as in an analysis."),
            items="".join(f"<li>{line}</li>" for line in lines),
            end=_("Tables and descriptions follow every change, also Undo and Redo."),
        )

    def setupOptionsFrame(self):
        """Make the options; once for each segment editor."""
        options = EffectOptions(self._onChoice, self.onNewCluster, self.onGroupAgain, self.onUpdateTables)
        for label, row in options.rows:
            if label:
                self.scriptedEffect.addLabeledOptionsWidget(label + ":", row)
            else:
                self.scriptedEffect.addOptionsWidget(row)
        self._options.append(options)

    def setMRMLDefaults(self):
        """Parameters of a new scene."""
        for name, value in _DEFAULTS.items():
            self.scriptedEffect.setParameterDefault(name, str(value))

    def updateGUIFromMRML(self):
        """Show the parameters, and follow what is edited now."""
        if not self.scriptedEffect.parameterDefined("Mode"):
            return  # before the defaults are there
        for options in self._options:
            options.show(
                self.scriptedEffect.parameter("Mode"),
                self.scriptedEffect.parameter("Target"),
                self.scriptedEffect.doubleParameter("LowestContrast"),
                self.scriptedEffect.doubleParameter("LowestProbability"),
                self.scriptedEffect.integerParameter("ShowUnmarked") != 0,
            )
        self._follow()

    def updateMRMLFromGUI(self):
        """Nothing to do: every widget writes its parameter by itself."""

    def activate(self):
        """The effect was selected."""
        self._timer = _singleShot(_REFRESH_DELAY_MS, self.onMarksChanged)
        self._wordsTimer = _singleShot(_WORDS_DELAY_MS, self.onHandRests)
        self._say("")
        self._editor.prepare()
        self._follow()

    def deactivate(self):
        """Another effect was selected: finish, and leave nothing in the views."""
        if self._timer is not None:
            isWaiting = self._timer.isActive() or self._wordsTimer.isActive()
            self._timer.stop()
            self._wordsTimer.stop()
            self._timer = self._wordsTimer = None
            if isWaiting:
                self.onUpdateTables()
        self.removeObservers()
        self._observed = None
        self._drag = None
        self._views.leave()

    def sourceVolumeNodeChanged(self):
        """Another image is edited."""
        self._drag = None
        self._follow()

    def processInteractionEvents(self, callerInteractor, eventId, viewWidget):
        """Mouse and keyboard in a view; True when nobody else shall get the event."""
        if viewWidget.className() != "qMRMLSliceWidget":
            return False
        if eventId == vtk.vtkCommand.LeftButtonDoubleClickEvent:  # comes in place of the second press
            eventId = vtk.vtkCommand.LeftButtonPressEvent  # two quick clicks mark two specks, the view stays as it is
        with self._editor.sayingErrors(isLong=eventId == vtk.vtkCommand.LeftButtonReleaseEvent):
            if eventId == vtk.vtkCommand.KeyPressEvent:
                return self._onKey(callerInteractor.GetKeySym())
            session = self._editor.session(isWanted=eventId == vtk.vtkCommand.LeftButtonPressEvent)
            if session is None:
                return False
            place = session.pixelAt(self.xyToRas(callerInteractor.GetEventPosition(), viewWidget))
            removes = bool(callerInteractor.GetShiftKey()) or self.scriptedEffect.parameter("Mode") == REMOVE
            if eventId == vtk.vtkCommand.LeftButtonPressEvent:
                if callerInteractor.GetControlKey() or callerInteractor.GetAltKey():
                    return False
                return self._onPress(session, Drag(viewWidget, [place], removes))
            if eventId == vtk.vtkCommand.LeaveEvent and self._drag is None:
                self._editor.hideChoice(session)
            if eventId == vtk.vtkCommand.MouseMoveEvent:
                return self._onMove(session, place, viewWidget, removes)
            if eventId == vtk.vtkCommand.LeftButtonReleaseEvent and self._drag is not None:
                drag, self._drag = self._drag, None
                self._editor.finish(session, drag)
                return True
        return False

    def processViewNodeEvents(self, callerViewNode, eventId, viewWidget):
        """A view was panned, zoomed or resized."""
        if callerViewNode is not None and callerViewNode.IsA("vtkMRMLSliceNode"):
            self._views.place(viewWidget)

    def onNewCluster(self, *_unused):
        """Add a segment for a new cluster, and mark into it from now on."""
        self._onButton(self._editor.newCluster)
        self._onChoice("Target", SELECTED)

    def onGroupAgain(self, *_unused):
        """Group all marks by distance."""
        self._onButton(self._editor.groupAgain)

    def onUpdateTables(self, *_unused):
        """Bring the tables in step with the segments now."""
        self._onButton(lambda session: session.refresh())
        if self._timer is not None:
            self._timer.stop()  # new segments' names are no edit
            self._wordsTimer.stop()
        self._follow()

    def onMarksChanged(self):
        """A moment after an edit: rows and outlines follow, words wait until the hand rests."""
        with self._editor.sayingErrors():
            session = self._editor.session()
            if session is not None:
                session.refresh(describes=False)
                self._timer.stop()
                if session.lacksWords:
                    self._wordsTimer.start()
        self._follow()

    def onHandRests(self):
        """The words and estimates of clusters that changed, unless something is being drawn."""
        if self._drag is None:
            self.onUpdateTables()
        else:
            self._wordsTimer.start()

    def _onPress(self, session, drag):
        if not session.isInside(*drag.path[0]):
            self._say(_("This place lies outside the image."))
            return False
        if self._drag is not None:  # its release went elsewhere
            self._editor.forgetDrag(session, self._drag)
            self._drag = None
        if drag.removes or self._editor.canMark():
            self._views.join(drag.viewWidget)
            self._drag = drag
        return True

    def _onMove(self, session, place, viewWidget, removes):
        if self._drag is None:
            self._views.join(viewWidget)
            self._editor.showUnmarked(session)
            self._editor.hover(session, place, viewWidget, removes)
            return False
        if viewWidget != self._drag.viewWidget:
            return False
        self._drag.path.append(place)
        self._editor.showDrag(session, self._drag)
        return True

    def _onKey(self, key):
        if key == "Escape" and self._drag is not None:
            drag, self._drag = self._drag, None
            self._editor.forgetDrag(self._editor.session(), drag)
        elif key == "x":
            self._onChoice("Mode", REMOVE if self.scriptedEffect.parameter("Mode") == ADD else ADD)
        elif key == "u":
            self._onChoice("ShowUnmarked", 1 - self.scriptedEffect.integerParameter("ShowUnmarked"))
        elif key in ("plus", "equal", "minus"):  # equal: plus without Shift
            step = -_PROBABILITY_STEP if key == "minus" else _PROBABILITY_STEP
            value = self.scriptedEffect.doubleParameter("LowestProbability") + step
            self._onChoice("LowestProbability", round(min(max(value, 0.0), 1.0), 2))
        else:
            return False
        return True

    def _onButton(self, work):
        with self._editor.sayingErrors(isLong=True):
            session = self._editor.session()
            if session is not None:
                work(session)

    def _onChoice(self, name, value):
        self.scriptedEffect.setParameter(name, str(value))
        self.updateGUIFromMRML()

    def _follow(self):
        """Observe the segmentation that is selected now, and show the specks that are left in its image."""
        if self._timer is None:
            return
        parameterNode = self.scriptedEffect.parameterSetNode()
        segmentationNode = None if parameterNode is None else parameterNode.GetSegmentationNode()
        segmentation = None if segmentationNode is None else segmentationNode.GetSegmentation()
        if segmentation is not self._observed:
            self.removeObservers()
            self._observed = segmentation
            for event in _SEGMENT_EVENTS:
                if segmentation is not None:
                    self.addObserver(segmentation, event, self._onSegmentsChanged)
        with self._editor.sayingErrors():
            session = self._editor.session(isWanted=False)
            if session is not None:
                self._editor.showUnmarked(session)

    def _onSegmentsChanged(self, caller, event):
        with self._editor.sayingErrors():
            session = self._editor.session(isWanted=False)
            if session is not None:
                session.segmentsChanged()
                if self._timer is not None:  # the last update may name segments when the effect is left
                    self._timer.start()
                    self._wordsTimer.stop()

    def _say(self, text):
        for options in self._options:
            options.say(text)


def _singleShot(milliseconds, slot):
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(slot)
    return timer
