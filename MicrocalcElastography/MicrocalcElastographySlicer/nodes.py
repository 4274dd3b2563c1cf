"""What this module's nodes remember and refer to, by the functions of :class:`MicrocalcSlicerShared.nodememory`."""

from MicrocalcSlicerShared.nodememory import NodeMemory

_memory = NodeMemory("MicrocalcElastography")
remember, recall = _memory.remember, _memory.recall
refer, referred = _memory.refer, _memory.referred
ownedNode = _memory.ownedNode
