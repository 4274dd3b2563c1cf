"""Which images of the scene are one exam, and which is its prior."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .mammogramloading import IDENTITY, distinctNames, loadedAs, sideAndView

if TYPE_CHECKING:
    from MicrocalcAILib.exam.grouping import ExamGroup
    from MicrocalcAILib.exam.identity import ImageIdentity


@dataclass(frozen=True)
class SceneExam:
    """The images of one exam and of its prior.

    Parameters
    ----------
    group : ExamGroup
    nodes : dict
        Name of an image to its volume node.
    """

    group: ExamGroup
    nodes: dict[str, object]

    @property
    def volumeNodes(self) -> list:
        """The images of now."""
        return [self.nodes[image.name] for image in self.group.images]

    @property
    def priorNodes(self) -> list:
        """The images of the prior."""
        return [self.nodes[image.name] for image in self.group.priors]


def examsOf(volumeNodes: Sequence) -> list[SceneExam]:
    """The exams that images make up by patient and day, the latest of each patient first.

    Images that say nothing about their patient are taken as one woman's, which the exam's warnings say.
    """
    from MicrocalcAILib.exam.grouping import group_images

    names = distinctNames([node.GetName() or "" for node in volumeNodes])
    nodes = dict(zip(names, volumeNodes, strict=True))
    groups = group_images([_identityOf(node, name) for name, node in nodes.items()])
    exams = []
    for group in groups:
        members = [image.name for image in (*group.images, *group.priors)]
        exams.append(SceneExam(group, {name: nodes[name] for name in members}))
    return exams[::-1]


def _identityOf(volumeNode, name: str) -> ImageIdentity:
    """What the image was loaded with; of an image from elsewhere, what its name tells."""
    from MicrocalcAILib.exam.identity import ImageIdentity

    known = volumeNode.GetAttribute(IDENTITY)
    if known:
        return replace(ImageIdentity.from_dict(json.loads(known)), name=name)
    laterality, view = sideAndView(volumeNode)
    return ImageIdentity(
        name,
        evidence=("scene",),
        laterality=laterality or None,
        view=view or None,
        modifiers=loadedAs(volumeNode).viewModifiers,
    )
