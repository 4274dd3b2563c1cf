"""The two MRML widgets that panels use, on the real scene."""

import qt
import slicer


class qMRMLWidget(qt.QWidget):
    """Hands the scene to the selectors in it, as the connections in the .ui file do in Slicer."""

    def setMRMLScene(self, scene):
        for selector in self.findChildren(qMRMLNodeComboBox):
            selector.setMRMLScene(scene)


class qMRMLNodeComboBox(qt.QComboBox):
    currentNodeChanged = qt.Signal()

    def __init__(self, parent=None):
        super().__init__(parent)
        self.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self._nodes = []
        self._observations = []
        self.activated.connect(lambda index: self.currentNodeChanged.emit())

    def setMRMLScene(self, scene):
        for observed, tag in self._observations:
            observed.RemoveObserver(tag)
        self._observations = []
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent):
                tag = scene.AddObserver(event, lambda caller, event: self._fill())
                self._observations.append((scene, tag))
            self._fill()

    def setNodeTypes(self, classNames):
        self.setProperty("nodeTypes", classNames)
        if self._observations:
            self._fill()

    def currentNode(self):
        return self._nodes[self.currentIndex()] if self.currentIndex() >= 0 else None

    def setCurrentNode(self, node):
        changes = node is not self.currentNode()
        self.setCurrentIndex(self._nodes.index(node) if node in self._nodes else -1)
        if changes:
            self.currentNodeChanged.emit()

    def _fill(self):
        selected = self.currentNode()
        self._nodes = [None] if self.property("noneEnabled") else []
        for className in self.property("nodeTypes"):
            nodes = slicer.util.getNodesByClass(className)
            if self.property("showChildNodeTypes") is False:
                nodes = [node for node in nodes if node.GetClassName() == className]
            self._nodes += nodes
        self.clear()
        self.addItems([node.GetName() if node else self.property("noneDisplay") or "None" for node in self._nodes])
        none = 0 if self._nodes else -1  # the entry for no node, or a node that selects itself: the first one
        self.setCurrentIndex(self._nodes.index(selected) if selected in self._nodes else none)
        if self.currentNode() is not selected:
            self.currentNodeChanged.emit()
