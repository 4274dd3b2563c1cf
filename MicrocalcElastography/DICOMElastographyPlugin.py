"""DICOM plugin: ultrasound elastograms with the right pixel spacing, also on screens with several panels."""

import logging
from pathlib import Path

import slicer
from DICOMLib import DICOMLoadable
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.dicomplugin import PluginModule, SingleFilePlugin

_SOP_CLASS_UID = "0008,0016"
_SERIES_DESCRIPTION, _PHOTOMETRIC_INTERPRETATION = "0008,103E", "0028,0004"
_ULTRASOUND = {
    "1.2.840.10008.5.1.4.1.1.6.1",  # US Image
    "1.2.840.10008.5.1.4.1.1.3.1",  # US Multi-frame Image
    "1.2.840.10008.5.1.4.1.1.6",  # US Image, retired
    "1.2.840.10008.5.1.4.1.1.3",  # US Multi-frame Image, retired
}
# Slicer's own plugins: scalar volume 0.5, image sequence 0.7.
_SURE, _DOUBTFUL = 0.8, 0.6


class DICOMElastographyPluginClass(SingleFilePlugin):
    """Offers ultrasound screens that show an elastogram; leaves every other image to Slicer's own plugins."""

    def __init__(self):
        super().__init__()
        self.loadType = _("Ultrasound elastogram")

    def examine(self, files):
        """Elastograms among the files of a series, one loadable for each file."""
        return [loadable for file in files if (loadable := self._examined(file)) is not None]

    def load(self, loadable):
        """The screen as a color volume, a slice for each different elastogram of a cine.

        Returns
        -------
        vtkMRMLVectorVolumeNode
        """
        from MicrocalcElastographyLib.reading import elastography_frames
        from MicrocalcElastographySlicer.screens import loadScreens

        path = Path(loadable.files[0])
        node = loadScreens(path, elastography_frames(path) or [0], loadable.name)
        self.place(loadable, node)
        return node

    def _examined(self, file):
        database = slicer.dicomDatabase
        if database.fileValue(file, _SOP_CLASS_UID) not in _ULTRASOUND:
            return None
        if database.fileValue(file, _PHOTOMETRIC_INTERPRETATION).startswith("MONOCHROME"):
            return None  # no colors, no need to decode it
        try:
            found = _elastogramOf(Path(file))
        except MicrocalcError:
            return None  # whatever this is, another plugin may know it
        except ImportError:
            logging.info("Elastograms are recognized once the packages of Microcalc Elastography are installed.")
            return None
        if found is None:
            return None
        calibration, screen, isSure = found
        loadable = DICOMLoadable()
        loadable.files = [file]
        description = database.fileValue(file, _SERIES_DESCRIPTION)
        loadable.name = f"{description or _('Ultrasound')} {_('elastogram')}"
        loadable.tooltip = _("Ultrasound screen with an elastogram, for conversion in Microcalc Elastography")
        loadable.confidence = _SURE if isSure else _DOUBTFUL
        loadable.selected = isSure
        warnings = [warning.message for warning in (*screen.warnings, *calibration.warnings)]
        if calibration.missing:
            warnings.append(_("To be entered for conversion: {what}.").format(what=", ".join(calibration.missing)))
        loadable.warning = " ".join(warnings)
        return loadable


def _elastogramOf(path):
    """Calibration, screen, and whether it surely shows elasticity; None when it does not.

    A cine may begin before the elastogram appears, so its middle is looked at, too. Color Doppler has a box and a bar
    as well: its bar has a negative end, or no unit of elasticity.
    """
    from MicrocalcElastographyLib.reading import read_screen
    from MicrocalcElastographyLib.screen_calibration import find_calibration

    screen = read_screen(path)
    for number in dict.fromkeys((0, screen.source["frames"] // 2)):
        screen = read_screen(path, number) if number else screen
        calibration = find_calibration(screen)
        if calibration.box is None or calibration.bar is None:
            continue
        ends = calibration.values_at_ends
        if ends is not None and min(ends) < 0:
            return None
        return calibration, screen, calibration.unit is not None and ends is not None
    return None


class DICOMElastographyPlugin(PluginModule):
    """Hidden module that registers the plugin."""

    title = _("DICOM Elastography Plugin")
    helpText = _("Loads ultrasound elastograms with the right pixel spacing.")
    pluginClass = DICOMElastographyPluginClass
