"""What a module's nodes remember and refer to; it is saved with the scene."""

from __future__ import annotations

import json

from .nodes import addNode


class NodeMemory:
    """Content and references kept in nodes under the name of a module.

    Parameters
    ----------
    prefix : str
        Name of the module; nodes of other modules are not touched.
    """

    def __init__(self, prefix: str):
        self._prefix = prefix

    def remember(self, node, name: str, content) -> None:
        """Keep JSON-ready content in the node."""
        node.SetAttribute(f"{self._prefix}.{name}", json.dumps(content, ensure_ascii=False, allow_nan=False))

    def recall(self, node, name: str):
        """What :meth:`remember` kept, or None."""
        text = node.GetAttribute(f"{self._prefix}.{name}")
        return None if text is None else json.loads(text)

    def refer(self, owner, role: str, node) -> None:
        """Let ``owner`` refer to a node, or to none, in this role."""
        if self.referred(owner, role) is not node:  # nobody is told of a change when there is none
            owner.SetNodeReferenceID(f"{self._prefix}.{role}", node.GetID() if node is not None else None)

    def referred(self, owner, role: str):
        """The node that ``owner`` refers to in this role, or None."""
        return owner.GetNodeReference(f"{self._prefix}.{role}")

    def ownedNode(self, owner, role: str, className: str, name: str, created: list):
        """The node that ``owner`` refers to in this role; added when there is none."""
        node = self.referred(owner, role)
        if node is None:
            node = addNode(className, name, created)
            self.refer(owner, role, node)
        return node
