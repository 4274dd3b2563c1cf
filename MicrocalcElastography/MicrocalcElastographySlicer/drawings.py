"""What is drawn on an image and said about its acquisition; both follow the image that is selected."""

import slicer
from slicer.i18n import tr as _

from . import regions, views
from .elastogramnodes import shownVolumes
from .nodes import recall, refer, referred, remember
from .parameternode import BoxPlace, Shape

# Region: the parameter that holds its markup, the parameter that holds the name of its segment, its color.
REGIONS = {
    "lesion": ("lesionMarkup", "lesionName", (1.0, 1.0, 1.0)),
    "fat": ("fatMarkup", "fatName", (1.0, 0.88, 0.3)),
    "skin": ("skinMarkup", "skinName", (0.35, 0.88, 1.0)),
    "chest_wall": ("chestWallMarkup", "chestWallName", (0.35, 0.88, 1.0)),
    "calcification": ("calcificationMarkup", "calcificationName", (1.0, 0.55, 0.2)),
    "lesion_on_elastogram": ("elastogramLesionMarkup", "elastogramLesionName", (0.8, 0.8, 0.8)),
}
# Rule that only the examiner can confirm: the parameter that holds the answer.
ANSWERS = {
    "position": "isPositionKept",
    "image-plane": "isPlaneKept",
    "breath-hold": "isBreathHeld",
    "stable-image": "isImageStable",
    "recovery": "isPauseKept",
}
_BOX_COLOR = (1.0, 0.31, 0.85)
_DRAWN_ON, _DRAWN_BEFORE = "DrawnOn", "DrawnBefore"  # of the parameter node: the image now, and the one before it
_EXAMINER = "Examiner"  # of the image: pressure level and confirmed rules


class Drawings:
    """Drawings and answers of the selected image.

    Parameters
    ----------
    section : MeasureSection
    """

    def __init__(self, section):
        self._section = section

    @property
    def _parameters(self):
        return self._section.parameters

    @property
    def _memory(self):
        return self._section.logic.getParameterNode()

    def drawn(self):
        """What is drawn by region: a markup, else the segment of that name."""
        parameters = self._parameters
        names = {region: getattr(parameters, name) for region, (_markup, name, _color) in REGIONS.items()}
        found = self._section.logic.segmentsNamed(parameters.segmentation, names)
        return found | {
            region: getattr(parameters, markup)
            for region, (markup, _name, _color) in REGIONS.items()
            if getattr(parameters, markup) is not None
        }

    def movable(self):
        """The nodes that are measured when they move."""
        nodes = [what[0] if isinstance(what, tuple) else what for what in self.drawn().values()]
        return nodes if self.boxPoint() is None else [*nodes, self.boxPoint()]

    def boxPoint(self):
        """The middle of a measurement box placed by hand; None for the stiffest place."""
        return self._parameters.boxPoint if self._parameters.boxPlace is BoxPlace.BY_HAND else None

    def confirmed(self):
        """Codes of the rules that the examiner confirmed."""
        return tuple(code for code, answer in ANSWERS.items() if getattr(self._parameters, answer))

    def draw(self, region):
        """Let the user draw a region in a view; an earlier drawing of it is hidden and can be selected again."""
        markup, _name, color = REGIONS[region]
        earlier = getattr(self._parameters, markup)
        if earlier is not None:
            earlier.SetDisplayVisibility(False)
        shape = self._parameters.shape
        node = _addMarkup(shape.value, region.replace("_", " ").capitalize(), color)
        node.GetDisplayNode().SetHandlesInteractive(shape is Shape.RECTANGLE)
        self._confine(node)
        setattr(self._parameters, markup, node)
        _startPlacing(node, isPersistent=shape is Shape.OUTLINE)

    def placeBox(self, valueNode, assessment):
        """Put the box where it is now under the user's hand, or let the user click where it goes."""
        node = self._parameters.boxPoint
        if node is None:
            node = _addMarkup("vtkMRMLMarkupsFiducialNode", _("Measurement box"), _BOX_COLOR)
            self._confine(node)
        place = None if assessment is None else assessment.measurement.box_center_in_image
        if node.GetNumberOfControlPoints() == 0 and place is not None:
            regions.placePoint(node, valueNode, *place)
        elif node.GetNumberOfControlPoints() == 0:
            _startPlacing(node, isPersistent=False)
        self._parameters.boxPoint = node
        self._parameters.boxPlace = BoxPlace.BY_HAND

    def takeOver(self):
        """Copy what was drawn on the image before, to be dragged into place on this one."""
        before = referred(self._memory, _DRAWN_BEFORE)
        with slicer.util.NodeModify(self._memory):
            for markup, _name, _color in REGIONS.values():
                earlier = referred(before, markup)
                if earlier is not None and getattr(self._parameters, markup) is None:
                    copy = _copyOf(earlier)
                    self._confine(copy)
                    setattr(self._parameters, markup, copy)

    def whyNotTakeOver(self):
        """Why nothing can be copied from the image before; '' when something can."""
        before = referred(self._memory, _DRAWN_BEFORE)
        found = before is not None and any(
            referred(before, markup) is not None and getattr(self._parameters, markup) is None
            for markup, _name, _color in REGIONS.values()
        )
        return "" if found else _("Nothing was drawn on another image before that is not drawn here.")

    def follow(self):
        """Keep what is drawn with its image; another image brings its own, or nothing, and the rest is hidden."""
        volumeNode, memory = self._parameters.inputVolume, self._memory
        before = referred(memory, _DRAWN_ON)
        if before is not None and before is not volumeNode:
            with slicer.util.NodeModify(memory):
                refer(memory, _DRAWN_BEFORE, before)
                refer(memory, _DRAWN_ON, volumeNode)
                self._bring(volumeNode)
        elif volumeNode is not None:
            refer(memory, _DRAWN_ON, volumeNode)
            for markup in _markups():
                refer(volumeNode, markup, getattr(self._parameters, markup))
            said = [self._parameters.precompression, *self.confirmed()]
            if said != recall(volumeNode, _EXAMINER):
                remember(volumeNode, _EXAMINER, said)

    def _confine(self, node):
        """Show a drawing only where its image is shown."""
        nodes = self._section.panel.elastogram()
        if nodes is not None:
            views.showOnlySideBySide(node, shownVolumes(nodes.valueNode))

    def _bring(self, volumeNode):
        parameters = self._parameters
        for markup in _markups():
            if getattr(parameters, markup) is not None:
                getattr(parameters, markup).SetDisplayVisibility(False)
            setattr(parameters, markup, None if volumeNode is None else referred(volumeNode, markup))
        if parameters.boxPoint is None:
            parameters.boxPlace = BoxPlace.STIFFEST
        level, *confirmed = (None if volumeNode is None else recall(volumeNode, _EXAMINER)) or [0.0]
        parameters.precompression = float(level)
        for code, answer in ANSWERS.items():
            setattr(parameters, answer, code in confirmed)


def _markups():
    """Parameters that hold what is drawn on an image."""
    return [*(markup for markup, _name, _color in REGIONS.values()), "boxPoint"]


def _addMarkup(className, name, color):
    node = slicer.mrmlScene.AddNewNodeByClass(className, slicer.mrmlScene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    displayNode = node.GetDisplayNode()
    displayNode.SetSelectedColor(*color)
    displayNode.SetFillVisibility(False)
    displayNode.SetPropertiesLabelVisibility(False)
    displayNode.SetPointLabelsVisibility(False)
    return node


def _startPlacing(markupsNode, isPersistent):
    """Let the next clicks in a view place points; a persistent mode ends with a right click."""
    logic = slicer.modules.markups.logic()
    logic.SetActiveList(markupsNode)
    logic.StartPlaceMode(isPersistent)


def _copyOf(markupsNode):
    """A markup of the same kind, place and looks."""
    name = slicer.mrmlScene.GenerateUniqueName(markupsNode.GetName())
    copy = slicer.mrmlScene.AddNewNodeByClass(markupsNode.GetClassName(), name)
    copy.CopyContent(markupsNode)
    copy.CreateDefaultDisplayNodes()
    if markupsNode.GetDisplayNode() is not None:
        copy.GetDisplayNode().CopyContent(markupsNode.GetDisplayNode())
    return copy
