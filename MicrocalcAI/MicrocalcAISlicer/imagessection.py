"""The panel's first section: which images."""

import qt
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.panel import enable, showText

from .inputvolume import hasPlausibleSpacing, mammogramNodes
from .results import findResults


class ImagesSection:
    """The selected image, the list of all mammograms of the scene with check marks, and the four views.

    Parameters
    ----------
    ui : namespace
        The panel's widgets.
    onPicked : callable
        Gets the volume node of a list entry that was clicked.
    onChecked : callable
        Called when other entries are checked.
    """

    def __init__(self, ui, onPicked, onChecked):
        self.ui = ui
        self._onPicked = onPicked
        self._onChecked = onChecked
        self._nodes = []
        self._listed = []
        self._unchecked = set()  # IDs; new images are checked
        ui.imageList.itemClicked.connect(self._onItemClicked)
        ui.imageList.itemChanged.connect(self._onItemChanged)
        ui.fourViewsButton.clicked.connect(self._onFourViews)

    def show(self, parameters):
        """Show the images of the scene and what the selected one needs."""
        ui, volumeNode = self.ui, parameters.inputVolume
        self._nodes = mammogramNodes()
        self._unchecked &= {node.GetID() for node in self._nodes}
        isNeeded = any(not hasPlausibleSpacing(node) for node in self.chosen(parameters))
        for widget in (ui.spacingLabel, ui.spacingSpinBox):
            widget.setVisible(isNeeded)
        ui.severalCheckBox.setEnabled(len(self._nodes) > 1 or parameters.severalImages)
        ui.imageList.setVisible(parameters.severalImages)
        self._showList(volumeNode)
        hint = _(
            "No mammogram in the scene. Load images with the module DICOM, drag files into the window, or take the "
            "sample: module Sample Data, Microcalc."
        )
        showText(ui.hintLabel, "" if self._nodes else hint)
        enable(
            ui.fourViewsButton,
            "" if self._nodes else _("Load mammograms first."),
            _("Show the images side by side as radiologists hang them: right and left, CC above MLO."),
        )

    def chosen(self, parameters):
        """The images to analyze: the checked ones, or the selected one."""
        if parameters.severalImages:
            return [node for node in mammogramNodes() if node.GetID() not in self._unchecked]
        return [] if parameters.inputVolume is None else [parameters.inputVolume]

    def _showList(self, volumeNode):
        imageList = self.ui.imageList
        listed = [(node.GetID(), f"{node.GetName()}   {_stateOf(node)}".rstrip()) for node in self._nodes]
        imageList.blockSignals(True)
        if listed != self._listed:  # an entry that is being clicked must not go away
            self._listed = listed
            imageList.clear()
            for identifier, text in listed:
                item = qt.QListWidgetItem(text)
                item.setCheckState(qt.Qt.Unchecked if identifier in self._unchecked else qt.Qt.Checked)
                imageList.addItem(item)
        if volumeNode in self._nodes:
            imageList.setCurrentRow(self._nodes.index(volumeNode))
        imageList.blockSignals(False)

    def _onItemClicked(self, item):
        self._onPicked(self._nodes[self._rowOf(item)])

    def _onItemChanged(self, item):
        identifier = self._nodes[self._rowOf(item)].GetID()
        (self._unchecked.discard if item.checkState() == qt.Qt.Checked else self._unchecked.add)(identifier)
        self._onChecked()

    def _rowOf(self, item):
        return self.ui.imageList.row(item)

    def _onFourViews(self):
        from .hanging import showFourViews

        try:
            notes = showFourViews(mammogramNodes())
        except MicrocalcError as error:
            notes = [str(error)]
        showText(self.ui.statusLabel, "\n".join(notes))


def _stateOf(volumeNode):
    """Whether an image has results, in words for the list."""
    results = findResults(volumeNode)
    if results is None:
        return ""
    count = results.clustersTableNode.GetNumberOfRows()
    return _("✓ 1 cluster") if count == 1 else _("✓ {count} clusters").format(count=count)
