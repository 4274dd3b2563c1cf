"""The panel's export section."""

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.panel import enable, showText

from .results import findResults, volumeOf


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
    dicom : callable
        Tells whether DICOM objects are written, and whether they go into Slicer's database.
    """

    def __init__(self, ui, chosen, folder, dicom):
        self.ui = ui
        self._chosen = chosen
        self._folder = folder
        self._dicom = dicom
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
        slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            written = [self._export(results) for results in self._results()]
            text = _("Written: {names}.").format(names=", ".join(written))
        except (MicrocalcError, OSError) as error:
            text = _("The export failed: {reason}").format(reason=error)
        finally:
            slicer.app.restoreOverrideCursor()
        showText(self.ui.exportLabel, text)

    def _export(self, results):
        """Write one image's results; gives their folder's name."""
        from .dicomexport import addToDatabase, exportObjects
        from .sceneexport import exportResults

        folder = exportResults(results, self._folder())
        writesObjects, goIntoDatabase = self._dicom()
        if writesObjects:
            objects = exportObjects(volumeOf(results), folder)
            if goIntoDatabase:
                addToDatabase(objects)
        return folder.name
