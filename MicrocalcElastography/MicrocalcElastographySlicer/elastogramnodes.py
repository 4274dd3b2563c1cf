"""An Elastogram as MRML nodes, and back: values with their colors and legend, where they are valid, B-mode, screen."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcAILib.base.errors import ResultError, WarningRecord
from MicrocalcElastographyLib.elastogram import (
    Direction,
    Elastogram,
    Quality,
    Unit,
)
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.uncertainty import Uncertainty
from MicrocalcSlicerShared.nodes import addNode, groupUnder, nothingLeftBehind, removeNode

from . import screens
from .elastogramcolors import displayValues, fillColors
from .nodes import ownedNode, recall, refer, referred, remember

if TYPE_CHECKING:  # scipy need not be installed yet
    from MicrocalcElastographyLib.calibration import Calibration
    from MicrocalcElastographyLib.color_scale import ColorScale

VOID_VALUE = -1000.0
"""Stored where there is no value: so far below every scale that a mean over void is absurd, never soft."""

_SOURCE, _SCREEN, _VALID, _B_MODE, _COLORS = "Source", "ScreenNode", "ValidNode", "BModeNode", "ColorNode"
_UNCERTAINTY = "UncertaintyNode"
_FACTS, _KEY, _FRAME, _B_MODE_PLACE = "Elastogram", "Key", "Frame", "BModePlace"


@dataclasses.dataclass(frozen=True)
class ElastogramNodes:
    """The nodes that show one elastogram.

    ``screenNode`` is None for maps of values. ``bModeNode`` is the whole paired B-mode panel, laid over the panel with
    color; None without one. ``validNode`` is a label map, 1 where there is a value. ``uncertaintyNode`` holds the
    standard deviations of the values, what differs from pixel to pixel in its first slice, what is common to all in its
    second; None for maps that do not tell them.
    """

    valueNode: object
    validNode: object
    colorNode: object
    screenNode: object | None
    bModeNode: object | None
    uncertaintyNode: object | None = None


def findElastogram(sourceNode=None, frame: int = 0, key: str | None = None) -> ElastogramNodes | None:
    """The elastogram made of a frame of a volume, or of the file with this key; None when there is none."""
    for valueNode in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if recall(valueNode, _FACTS) is None:
            continue
        if sourceNode is not None:
            isWanted = referred(valueNode, _SOURCE) is sourceNode and recall(valueNode, _FRAME) == frame
        else:
            isWanted = recall(valueNode, _KEY) == key
        if isWanted:
            return _nodesOf(valueNode)
    return None


def isComplete(nodes: ElastogramNodes) -> bool:
    """Whether everything a measurement needs is there; a part may be deleted, or its file lost."""
    isOfScreen = recall(nodes.valueNode, _FACTS)["box"] is not None
    needed = [nodes.valueNode, nodes.validNode, *([nodes.screenNode] if isOfScreen else [])]
    return all(node is not None and node.GetImageData() is not None for node in needed)


def isElastogram(volumeNode) -> bool:
    """Whether a volume holds values that this module wrote."""
    return recall(volumeNode, _FACTS) is not None


def isOwn(volumeNode) -> bool:
    """Whether this module made the volume: values, valid pixels, B-mode, or a screen it calibrated."""
    for valueNode in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if volumeNode is valueNode and isElastogram(valueNode):
            return True
        if any(referred(valueNode, role) is volumeNode for role in (_VALID, _B_MODE, _UNCERTAINTY)):
            return True
        if referred(valueNode, _SCREEN) is volumeNode and referred(valueNode, _SOURCE) is not volumeNode:
            return True
    return False


def warningsOf(valueNode) -> tuple[WarningRecord, ...]:
    """What has to be known about the values."""
    return tuple(WarningRecord(**record) for record in recall(valueNode, _FACTS)["warnings"])


def qualityOf(valueNode) -> Quality:
    """Shares of the box without a value, at the ends of the scale …"""
    return Quality(**{name: _tupled(value) for name, value in recall(valueNode, _FACTS)["quality"].items()})


def meaningOf(valueNode) -> tuple[Unit, Direction]:
    """Unit the values were measured in, and for strain what a higher value means."""
    facts = recall(valueNode, _FACTS)
    return Unit(facts["unit"]), Direction(facts["direction"])


def foundOf(valueNode) -> dict:
    """What was found out about the screen: ``value`` and ``source`` by name; empty for a map of values."""
    return recall(valueNode, _FACTS)["source"].get("calibration", {})


def showElastogram(
    elastogram: Elastogram, scale: ColorScale, name: str, sourceNode=None, frame: int = 0, key: str | None = None
) -> ElastogramNodes:
    """Show an elastogram in the scene; what an earlier conversion of the same frame showed is replaced in place.

    Parameters
    ----------
    elastogram : Elastogram
        Speeds (m/s) are shown as kPa.
    scale : ColorScale
        Colors, in the unit of ``elastogram``.
    name : str
        For new nodes.
    sourceNode : volume node, optional
        The screen or map of values it was made of.
    frame : int
    key : str, optional
        What tells one file from another, when there is no source node.
    """
    earlier = findElastogram(sourceNode, frame, key)
    shown = elastogram.in_unit(Unit.KILOPASCAL) if elastogram.unit == Unit.METERS_PER_SECOND else elastogram
    with nothingLeftBehind() as created:
        valueNode = (
            earlier.valueNode if earlier else addNode("vtkMRMLScalarVolumeNode", f"{name} {shown.unit}", created)
        )
        place, screenNode = _placeAndScreen(valueNode, elastogram, name, sourceNode, frame, created)
        imagePlace = place
        if elastogram.box is not None:
            place = imagePlace @ _moved(elastogram.box.left, elastogram.box.top)
        validNode = ownedNode(valueNode, _VALID, "vtkMRMLLabelMapVolumeNode", f"{name} valid pixels", created)
        colorNode = _colorNodeOf(valueNode, name, created)
        fillColors(colorNode, shown, elastogram.unit, scale)
        _fillVolume(valueNode, np.where(shown.valid, shown.values, VOID_VALUE).astype(np.float32)[np.newaxis], place)
        _fillVolume(validNode, shown.valid.astype(np.uint8)[np.newaxis], place)
        bModeNode = _showBMode(valueNode, elastogram, imagePlace, name, created)
        uncertaintyNode = _keepUncertainty(valueNode, shown, place, name, created)
        displayValues(valueNode, colorNode, scale, shown, VOID_VALUE / 2)
        refer(valueNode, _SOURCE, sourceNode)
        for content, value in ((_FACTS, _factsOf(elastogram)), (_KEY, key), (_FRAME, frame)):
            remember(valueNode, content, value)
        result = ElastogramNodes(valueNode, validNode, colorNode, screenNode, bModeNode, uncertaintyNode)
        transformId = None if sourceNode is None else sourceNode.GetTransformNodeID()
        volumes = (screenNode, valueNode, validNode, bModeNode, uncertaintyNode)
        shownNodes = [node for node in volumes if node is not None]
        for node in shownNodes:
            node.SetAndObserveTransformNodeID(transformId)
    if earlier is not None:
        _removeOutdated(earlier, result, sourceNode)
    groupUnder(shownNodes[0], shownNodes[1:])
    return result


def elastogramOf(valueNode) -> Elastogram:
    """The elastogram that a node shows, in the unit it was measured in. Works after a scene was saved and loaded.

    Raises
    ------
    ResultError
        When the node was not made by this module or a part of it was deleted.
    """
    facts = None if valueNode is None else recall(valueNode, _FACTS)
    if facts is None:
        raise ResultError("Convert the ultrasound screen first; this volume holds no converted elastogram.")
    nodes = _nodesOf(valueNode)
    if not isComplete(nodes):
        raise ResultError("A part of this elastogram was deleted from the scene; convert the screen again.")
    values = slicer.util.arrayFromVolume(valueNode)[0]
    valid = slicer.util.arrayFromVolume(nodes.validNode)[0] == 1
    unit = Unit(facts["unit"])
    rgb = None
    if facts["box"] is not None:
        slices = slicer.util.arrayFromVolume(nodes.screenNode)
        rgb = np.ascontiguousarray(slices[frameOf(valueNode, nodes.screenNode)][..., :3])
    bMode = None
    if nodes.bModeNode is not None:
        inPanel = _rectangle(recall(valueNode, _B_MODE_PLACE))
        bMode = slicer.util.arrayFromVolume(nodes.bModeNode)[0][inPanel.slices].copy()
    uncertainty = None
    if nodes.uncertaintyNode is not None and nodes.uncertaintyNode.GetImageData() is not None:
        uncertainty = Uncertainty(*slicer.util.arrayFromVolume(nodes.uncertaintyNode))
    shown = Elastogram(
        values=np.where(valid, values, np.nan).astype(np.float32),
        valid=valid,
        unit=Unit.KILOPASCAL if unit == Unit.METERS_PER_SECOND else unit,
        quality=qualityOf(valueNode),
        direction=Direction(facts["direction"]),
        uncertainty=uncertainty,
        b_mode=bMode,
        spacing_mm=_tupled(facts["spacing_mm"]),
        spacing_source=facts["spacing_source"],
        box=_rectangle(facts["box"]),
        panel=_rectangle(facts["panel"]),
        b_mode_offset=_tupled(facts["b_mode_offset"]),
        frame=rgb,
        warnings=warningsOf(valueNode),
        source=facts["source"],
    )
    return dataclasses.replace(shown.in_unit(unit), value_range=_tupled(facts["value_range"]), source=facts["source"])


def calibrationOf(valueNode) -> Calibration | None:
    """What the conversion used; None for a map of values."""
    from MicrocalcElastographyLib.calibration import Calibration

    found = foundOf(valueNode)
    if not found:
        return None
    known = {name: _tupled(part["value"]) for name, part in found.items()}
    for name in ("box", "bar", "panel"):
        known[name] = _rectangle(known[name])
    known["unit"] = None if known["unit"] is None else Unit(known["unit"])
    sources = {name: part["source"] for name, part in found.items() if part["value"] is not None}
    return Calibration(**known, sources=sources)


def referenceOf(valueNode):
    """The volume on whose pixels regions are drawn (screen, or the map of values itself), and its slice."""
    screenNode = referred(valueNode, _SCREEN)
    return (valueNode, 0) if screenNode is None else (screenNode, frameOf(valueNode, screenNode))


def shownVolumes(valueNode) -> list:
    """The volumes that show an elastogram: values, screen and B-mode, as far as there are."""
    nodes = _nodesOf(valueNode)
    return [node for node in (valueNode, nodes.screenNode, nodes.bModeNode) if node is not None]


def sourceOf(valueNode):
    """The screen or map of values in the scene that was converted, None for a file, and its frame."""
    return referred(valueNode, _SOURCE), recall(valueNode, _FRAME)


def frameOf(valueNode, screenNode) -> int:
    """Slice of the screen that the values belong to; a screen of this module's own has one."""
    return recall(valueNode, _FRAME) if screenNode is referred(valueNode, _SOURCE) else 0


def _nodesOf(valueNode) -> ElastogramNodes:
    roles = (_VALID, _COLORS, _SCREEN, _B_MODE, _UNCERTAINTY)
    return ElastogramNodes(valueNode, *(referred(valueNode, role) for role in roles))


def _showBMode(valueNode, elastogram: Elastogram, imagePlace: np.ndarray, name: str, created: list):
    """The paired B-mode panel where the panel with color lies, so that both are one picture; None without a pair."""
    from MicrocalcElastographyLib.conversion import b_mode_panel

    if elastogram.b_mode is None:
        return None
    panel = b_mode_panel(elastogram)
    if panel is None:  # a map of values that came with its B-mode image
        image, panelPlace = elastogram.b_mode, Rectangle(0, 0, *elastogram.b_mode.shape)
    else:
        image, panelPlace = panel
    box = elastogram.box or panelPlace
    node = ownedNode(valueNode, _B_MODE, "vtkMRMLScalarVolumeNode", f"{name} B-mode", created)
    _fillVolume(node, image[np.newaxis], imagePlace @ _moved(panelPlace.left, panelPlace.top))
    remember(valueNode, _B_MODE_PLACE, box.shifted(-panelPlace.top, -panelPlace.left))
    return node


def _keepUncertainty(valueNode, elastogram: Elastogram, place: np.ndarray, name: str, created: list):
    """The standard deviations of the values, so that a measurement in the scene has its intervals."""
    if elastogram.uncertainty is None:
        return None
    node = ownedNode(valueNode, _UNCERTAINTY, "vtkMRMLScalarVolumeNode", f"{name} uncertainty", created)
    _fillVolume(node, np.stack(elastogram.uncertainty), place)
    return node


def _placeAndScreen(valueNode, elastogram: Elastogram, name: str, sourceNode, frame: int, created: list):
    """IJK to RAS of the whole image, and the node that shows it: the source, or a copy with the right spacing."""
    place = None if sourceNode is None else screens.placeOf(sourceNode, frame, elastogram)
    if elastogram.frame is None:
        return screens.geometry(elastogram.spacing_mm) if place is None else place, None
    if place is not None:
        refer(valueNode, _SCREEN, sourceNode)
        return place, sourceNode
    if referred(valueNode, _SCREEN) is sourceNode:
        refer(valueNode, _SCREEN, None)
    screenNode = ownedNode(valueNode, _SCREEN, "vtkMRMLVectorVolumeNode", f"{name} calibrated screen", created)
    place = screens.geometry(elastogram.spacing_mm)
    _fillVolume(screenNode, elastogram.frame[np.newaxis], place)
    return place, screenNode


def _removeOutdated(earlier: ElastogramNodes, result: ElastogramNodes, sourceNode) -> None:
    if earlier.screenNode not in (None, result.screenNode, sourceNode):
        removeNode(earlier.screenNode)
    for role in ("bModeNode", "uncertaintyNode"):
        if getattr(earlier, role) is not None and getattr(result, role) is None:
            removeNode(getattr(earlier, role))


def _moved(columns: float, rows: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:2, 3] = columns, rows
    return matrix


def _fillVolume(node, slices: np.ndarray, place: np.ndarray) -> None:
    with slicer.util.NodeModify(node):
        slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(slices))
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(place))
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()


def _colorNodeOf(valueNode, name: str, created: list):
    """The color table of the values; made when there is none, because ``AddNewNodeByClass`` gives it no type."""
    colorNode = referred(valueNode, _COLORS)
    if colorNode is None:
        colorNode = slicer.mrmlScene.CreateNodeByClass("vtkMRMLColorTableNode")
        colorNode.UnRegister(None)
        colorNode.SetTypeToUser()
        colorNode.SetName(slicer.mrmlScene.GenerateUniqueName(f"{name} colors"))
        colorNode = slicer.mrmlScene.AddNode(colorNode)
        created.append(colorNode)
        refer(valueNode, _COLORS, colorNode)
    return colorNode


def _factsOf(elastogram: Elastogram) -> dict:
    return {
        "unit": str(elastogram.unit),
        "direction": str(elastogram.direction),
        "value_range": elastogram.value_range,
        "spacing_mm": elastogram.spacing_mm,
        "spacing_source": elastogram.spacing_source,
        "box": elastogram.box,
        "panel": elastogram.panel,
        "b_mode_offset": elastogram.b_mode_offset,
        "quality": dataclasses.asdict(elastogram.quality),
        "warnings": [dataclasses.asdict(warning) for warning in elastogram.warnings],
        "source": elastogram.source,
    }


def _rectangle(numbers: list[int] | None) -> Rectangle | None:
    return None if numbers is None else Rectangle(*numbers)


def _tupled(value):
    return tuple(value) if isinstance(value, list) else value
