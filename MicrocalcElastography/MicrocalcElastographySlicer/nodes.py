"""What every result of this module has in common: nodes made or updated together, what they remember and refer to."""

from __future__ import annotations

import json
from contextlib import contextmanager

import slicer

from MicrocalcSlicerShared.nodes import addNode as addNode
from MicrocalcSlicerShared.nodes import fillTable as fillTable
from MicrocalcSlicerShared.nodes import groupUnder as groupUnder
from MicrocalcSlicerShared.nodes import nothingLeftBehind as nothingLeftBehind
from MicrocalcSlicerShared.nodes import removeNode as removeNode
from MicrocalcSlicerShared.nodes import tableRows as tableRows

PREFIX = "MicrocalcElastography"


def numberOf(cell) -> float:
    """The number of a table cell; NaN where there is none. Tables of a saved scene come back as text."""
    try:
        return float(cell)
    except ValueError:
        return float("nan")


@contextmanager
def noOrphanedDisplays():
    """Remove the display nodes that ``slicer.util`` forgets when it reads or writes a segment."""
    before = set(slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeDisplayNode"))
    try:
        yield
    finally:
        for node in set(slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeDisplayNode")) - before:
            slicer.mrmlScene.RemoveNode(node)


def ownedNode(owner, role: str, className: str, name: str, created: list):
    """The node that ``owner`` refers to in this role; added when there is none."""
    node = owner.GetNodeReference(f"{PREFIX}.{role}")
    if node is None:
        node = addNode(className, name, created)
        refer(owner, role, node)
    return node


def refer(owner, role: str, node) -> None:
    """Let ``owner`` refer to a node, or to none, in this role; such references are saved with the scene."""
    if referred(owner, role) is not node:  # nobody is told of a change when there is none
        owner.SetNodeReferenceID(f"{PREFIX}.{role}", node.GetID() if node is not None else None)


def referred(owner, role: str):
    """The node that ``owner`` refers to in this role, or None."""
    return owner.GetNodeReference(f"{PREFIX}.{role}")


def remember(node, name: str, content) -> None:
    """Keep JSON-ready content in the node; it is saved with the scene."""
    node.SetAttribute(f"{PREFIX}.{name}", json.dumps(content, ensure_ascii=False, allow_nan=False))


def recall(node, name: str):
    """What :func:`remember` kept, or None."""
    text = node.GetAttribute(f"{PREFIX}.{name}")
    return None if text is None else json.loads(text)
