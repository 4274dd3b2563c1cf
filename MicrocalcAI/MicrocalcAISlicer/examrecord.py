"""An exam in the scene: a text node that holds it, knows its images, and remembers what a reader moved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import slicer

from MicrocalcSlicerShared.nodes import addNode, nothingLeftBehind

if TYPE_CHECKING:
    from MicrocalcAILib.exam.correspondences import Correspondences
    from MicrocalcAILib.exam.exam import Exam

_KEY = "Microcalc.Exam"  # attributes of the text node
_NAMES = "Microcalc.ExamImages"
_READER = "Microcalc.ExamReader"
_IMAGE = "Microcalc.ExamImage"  # node references from the text node, in the order of the names


@dataclass(frozen=True)
class ReaderMoves:
    """What a reader moved.

    Parameters
    ----------
    nipples : dict
        Name of an image to where the reader put its nipple (y, x) in mm.
    said : Correspondences
        Which clusters of two images are one lesion, and which are not.
    """

    said: Correspondences
    nipples: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class ExamRecord:
    """An exam of the scene.

    Parameters
    ----------
    textNode : vtkMRMLTextNode
    exam : Exam
    nodes : dict
        Name of an image to its volume node; images that were removed are missing.
    moves : ReaderMoves
    """

    textNode: object
    exam: Exam
    nodes: dict[str, object]
    moves: ReaderMoves


def recordExam(exam: Exam, nodes: Mapping[str, object], moves: ReaderMoves) -> ExamRecord:
    """Keep an exam in the scene, in place of an earlier one of the same images' key."""
    from MicrocalcAILib.exam.exam import exam_text

    textNode = _textNode(exam.key)
    with nothingLeftBehind() as created:
        if textNode is None:
            textNode = addNode("vtkMRMLTextNode", f"Exam {exam.date}".strip(), created)
        textNode.SetText(exam_text(exam))
        textNode.SetAttribute(_KEY, exam.key)
        textNode.SetAttribute(_NAMES, json.dumps(list(nodes)))
        nipples = {name: list(position) for name, position in moves.nipples.items()}
        textNode.SetAttribute(_READER, json.dumps({"nipples": nipples, "said": moves.said.to_dict()}))
        textNode.RemoveNodeReferenceIDs(_IMAGE)
        for index, volumeNode in enumerate(nodes.values()):
            textNode.SetNthNodeReferenceID(_IMAGE, index, volumeNode.GetID())
    return ExamRecord(textNode, exam, dict(nodes), moves)


def findExam(key: str) -> ExamRecord | None:
    """The exam of a key, also after the scene was saved and opened again; None when it was not analyzed.

    Raises
    ------
    ResultError
        When it was written by another version.
    """
    textNode = _textNode(key)
    if textNode is None:
        return None
    from MicrocalcAILib.exam.exam import exam_of

    names = json.loads(textNode.GetAttribute(_NAMES))
    found = {name: textNode.GetNthNodeReference(_IMAGE, index) for index, name in enumerate(names)}
    nodes = {name: volumeNode for name, volumeNode in found.items() if volumeNode is not None}
    return ExamRecord(textNode, exam_of(textNode.GetText(), textNode.GetName()), nodes, movesOf(textNode))


def movesOf(textNode) -> ReaderMoves:
    """What a reader moved in an exam; nothing without one."""
    from MicrocalcAILib.exam.correspondences import NOTHING_SAID, Correspondences

    if textNode is None:
        return ReaderMoves(NOTHING_SAID)
    record = json.loads(textNode.GetAttribute(_READER))
    nipples = {name: (float(y), float(x)) for name, (y, x) in record["nipples"].items()}
    return ReaderMoves(Correspondences.from_dict(record["said"]), nipples)


def movesOfExam(key: str) -> ReaderMoves:
    """What a reader moved in the exam of a key."""
    return movesOf(_textNode(key))


def _textNode(key: str):
    nodes = slicer.util.getNodesByClass("vtkMRMLTextNode")
    return next((node for node in nodes if node.GetAttribute(_KEY) == key), None)
