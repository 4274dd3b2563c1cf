"""The panel's export section."""

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.panel import enable, showText

from .results import findResults


class ExportSection:
    """Writes what the scene shows of the chosen images into a folder.

    Parameters
    ----------
    ui : namespace
        The panel's widgets.
    chosen : callable
        Gives the images to export.
    folder : callable
        Gives the folder.
    """

    def __init__(self, ui, chosen, folder):
        self.ui = ui
        self._chosen = chosen
        self._folder = folder
        showText(ui.exportLabel, "")
        ui.exportButton.clicked.connect(self._onExport)

    def show(self, missingPackages):
        """Enable what can be used now."""
        missing = ""
        if missingPackages:
            missing = _("Install the missing packages first, with the button above.")
        elif not self._results():
            missing = _("Analyze the image first.")
        elif self._folder() == Path():
            missing = _("Choose a folder.")
        purpose = _("Write tables, segmentation and picture, with the reader's words and decisions.")
        enable(self.ui.exportButton, missing, purpose)

    def _results(self):
        return list(filter(None, (findResults(node) for node in self._chosen())))

    def _onExport(self):
        from .sceneexport import exportResults

        slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            written = [exportResults(results, self._folder()).name for results in self._results()]
            text = _("Written: {names}.").format(names=", ".join(written))
        except (MicrocalcError, OSError) as error:
            text = _("The export failed: {reason}").format(reason=error)
        finally:
            slicer.app.restoreOverrideCursor()
        showText(self.ui.exportLabel, text)
