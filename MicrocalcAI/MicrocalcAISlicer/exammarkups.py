"""Nipples and findings of an exam as points over its images, which a reader can move."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import slicer

from MicrocalcSlicerShared.nodes import groupUnder, nothingLeftBehind

from .examrecord import ExamRecord, ReaderMoves
from .inputvolume import pixelToWorld, worldToPixel

if TYPE_CHECKING:
    import numpy as np

    from MicrocalcAILib.exam.exam import Exam, ExamView
    from MicrocalcAILib.exam.findings import Finding
    from MicrocalcAILib.exam.marks import Mark

_VOLUME = "Microcalc.Volume"  # node references from the markups
_EXAM = "Microcalc.Exam"
_KIND = "Microcalc.ExamMarkup"  # attribute of the markups
_NIPPLE, _FINDINGS = "nipple", "findings"
_COLORS = {_NIPPLE: (0.5, 0.83, 1.0), _FINDINGS: (1.0, 0.8, 0.0)}
_MOVED_MM = 0.2
_REACH_MM = 5.0  # beyond the rim of a cluster a point still means it


def showMarkups(record: ExamRecord) -> list:
    """Put the nipple and the findings of each image where the exam has them; gives the nodes.

    A finding that one view shows has a point with a question mark in the other one, at the same distance from the
    nipple: where to look for it.
    """
    shown = []
    for name, volumeNode in record.nodes.items():
        view = record.exam.view(name)
        points = {_NIPPLE: [], _FINDINGS: list(_findingPoints(record.exam, view))}
        if view.frame is not None:
            points[_NIPPLE].append(("nipple", view.frame.nipple.position_mm))
        for kind, wanted in points.items():
            node = _node(record, volumeNode, kind)
            if node is None and wanted:
                node = _newNode(record, volumeNode, kind, name)
            if node is not None:
                _setPoints(node, [(label, _world(view, volumeNode, mm)) for label, mm in wanted])
                shown.append(node)
    return shown


def markupsWithImage() -> list[tuple]:
    """(markups node, volume node) of every exam of the scene."""
    pairs = ((node, node.GetNodeReference(_VOLUME)) for node in _markups())
    return [(node, volumeNode) for node, volumeNode in pairs if volumeNode is not None]


def movedBy(record: ExamRecord) -> ReaderMoves:
    """What the reader has moved, what was moved before included.

    A point of a finding that is moved onto another cluster joins it to the finding; moved onto nothing, it takes its
    cluster out of the finding. Points of findings that no other view shows go back.
    """
    moves = record.moves
    for name, volumeNode in record.nodes.items():
        view = record.exam.view(name)
        node = _node(record, volumeNode, _NIPPLE)
        if node is not None and view.frame is not None and node.GetNumberOfDefinedControlPoints():
            position = _millimeters(view, volumeNode, node.GetNthControlPointPositionWorld(0))
            if math.dist(position, view.frame.nipple.position_mm) > _MOVED_MM:
                moves = replace(moves, nipples={**moves.nipples, name: position})
        node = _node(record, volumeNode, _FINDINGS)
        if node is not None:
            moves = _withFindings(moves, record.exam, view, volumeNode, node)
    return moves


def _withFindings(moves: ReaderMoves, exam: Exam, view: ExamView, volumeNode, node) -> ReaderMoves:
    home = dict(_findingPoints(exam, view))
    for index in range(node.GetNumberOfControlPoints()):
        label = node.GetNthControlPointLabel(index)
        position = _millimeters(view, volumeNode, node.GetNthControlPointPositionWorld(index))
        if label in home and math.dist(position, home[label]) > _MOVED_MM:
            finding = next(one for one in exam.findings if str(one.number) == label.rstrip("?"))
            moves = replace(moves, said=_judged(moves.said, exam, finding, view.identity.name, position))
    return moves


def _judged(said, exam: Exam, finding: Finding, name: str, position: tuple[float, float]):
    """What is said by moving a finding's point in an image to a position."""
    inImage = [mark for one in exam.findings for mark in one.marks if mark.image == name]
    meant = min(inImage, key=lambda mark: _away(mark, position), default=None)
    if meant is not None and _away(meant, position) > _REACH_MM:
        meant = None
    own = next((mark for mark in finding.marks if mark.image == name), None)
    if own is not None and meant is own:
        return said
    for partner in finding.marks:
        if partner.image == name:
            continue
        if own is not None:
            said = said.parted(partner.key, own.key)
        if meant is not None:
            said = said.joined(partner.key, meant.key)
    return said


def _away(mark: Mark, position: tuple[float, float]) -> float:
    """How far a position lies outside a cluster."""
    return math.dist(position, (mark.y_mm, mark.x_mm)) - mark.extent_mm / 2


def _findingPoints(exam: Exam, view: ExamView) -> Iterator[tuple[str, np.ndarray | tuple[float, float]]]:
    """Label and position (y, x) in mm of the findings in one image."""
    identity = view.identity
    for finding in exam.findings:
        own = next((mark for mark in finding.marks if mark.image == identity.name), None)
        if own is not None:
            yield str(finding.number), (own.y_mm, own.x_mm)
        elif _isMissedIn(finding, exam, view):
            yield f"{finding.number}?", view.frame.position_mm(finding.marks[0].place.nipple_mm, 0.0)


def _isMissedIn(finding: Finding, exam: Exam, view: ExamView) -> bool:
    """Whether a view of the other kind shows the breast of a finding of one view, and could show it."""
    identity = view.identity
    if len(finding.marks) > 1 or finding.laterality != identity.laterality or view not in exam.views:
        return False
    place, shownIn = finding.marks[0].place, exam.view(finding.marks[0].image).identity
    isOther = identity.is_craniocaudal if shownIn.is_oblique else identity.is_oblique
    if place is None or view.frame is None or not (identity.is_whole and isOther):
        return False
    return place.nipple_mm < view.frame.length_mm


def _node(record: ExamRecord, volumeNode, kind: str):
    for node in _markups():
        isOf = node.GetNodeReference(_EXAM) is record.textNode and node.GetNodeReference(_VOLUME) is volumeNode
        if isOf and node.GetAttribute(_KIND) == kind:
            return node
    return None


def _markups() -> list:
    nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    return [node for node in nodes if node.GetAttribute(_KIND) is not None]


def _newNode(record: ExamRecord, volumeNode, kind: str, name: str):
    with nothingLeftBehind() as created:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"{name} {kind}")
        created.append(node)
        node.SetAttribute(_KIND, kind)
        node.SetNodeReferenceID(_VOLUME, volumeNode.GetID())
        node.SetNodeReferenceID(_EXAM, record.textNode.GetID())
        node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        node.CreateDefaultDisplayNodes()
        displayNode = node.GetDisplayNode()
        displayNode.SetColor(*_COLORS[kind])
        displayNode.SetSelectedColor(*_COLORS[kind])
        displayNode.SetGlyphTypeFromString("Cross2D" if kind == _NIPPLE else "ThickCross2D")
        displayNode.SetGlyphScale(2.0)
        displayNode.SetTextScale(4.0)
        displayNode.SetPropertiesLabelVisibility(False)
        displayNode.SetPointLabelsVisibility(True)
    groupUnder(volumeNode, [node])
    return node


def _setPoints(node, points: list[tuple[str, np.ndarray]]) -> None:
    """Control points with these labels and positions; those that are right already stay untouched."""
    with slicer.util.NodeModify(node):
        while node.GetNumberOfControlPoints() > len(points):
            node.RemoveNthControlPoint(node.GetNumberOfControlPoints() - 1)
        for index, (label, world) in enumerate(points):
            if index == node.GetNumberOfControlPoints():
                node.AddControlPointWorld(*world, label)
            elif math.dist(node.GetNthControlPointPositionWorld(index), world) > 1e-3:
                node.SetNthControlPointPositionWorld(index, *world)
            if node.GetNthControlPointLabel(index) != label:
                node.SetNthControlPointLabel(index, label)


def _world(view: ExamView, volumeNode, mm) -> np.ndarray:
    return pixelToWorld(volumeNode, mm[0] / view.spacing_mm[0], mm[1] / view.spacing_mm[1])


def _millimeters(view: ExamView, volumeNode, world) -> tuple[float, float]:
    """(y, x) in mm from the center of pixel (0, 0), by the pixel spacing of the exam."""
    row, column = worldToPixel(volumeNode, world)
    return row * view.spacing_mm[0], column * view.spacing_mm[1]
