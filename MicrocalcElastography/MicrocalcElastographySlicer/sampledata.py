"""Elastograms in Slicer's Sample Data module, simulated when they are asked for: a screen capture and a DICOM file."""

from pathlib import Path

import slicer
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcElastographyLib.resources import resource_path
from MicrocalcSlicerShared import dependencies

from . import screens

SCREEN_NAME = "ElastogramScreen"
PHANTOM_NAME = "ElastogramPhantom"


def registerSampleData() -> None:
    """Add both to the Sample Data module; called when Slicer has started."""
    import SampleData

    for name, thumbnail, load in (
        (SCREEN_NAME, "Icons/ElastogramScreen.png", loadScreen),
        (PHANTOM_NAME, "Icons/ElastogramPhantom.png", loadPhantom),
    ):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="Microcalc",
            sampleName=name,
            thumbnailFileName=str(resource_path(thumbnail)),
            uris="local",  # has to be given although nothing is downloaded
            fileNames=f"{name}.png",
            nodeNames=name,
            customDownloader=lambda source, load=load: _shown(load),
        )


def loadScreen():
    """Simulate a screen capture (side by side, 0 to 300 kPa, opacity 100 %, no DICOM) and add it to the scene."""
    import tempfile

    from PIL import Image

    from MicrocalcElastographyLib.phantom import Layout, PhantomParameters, simulate_screen

    parameters = PhantomParameters(
        seed=1, layout=Layout.SIDE_BY_SIDE, scale=(0.0, 300.0), opacity=1.0, lesion_kpa=160.0
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "screen.png"
        Image.fromarray(simulate_screen(parameters).frame).save(path)
        return screens.loadScreens(path, name=SCREEN_NAME)


def loadPhantom():
    """Simulate a DICOM screen (a stiff lesion of 110 kPa, 0 to 180 kPa, opacity 50 %) and add it to the scene."""
    import tempfile

    from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_screen, write_dicom

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phantom.dcm"
        write_dicom([simulate_screen(PhantomParameters())], path)
        return screens.loadScreens(path, name=PHANTOM_NAME)


def _shown(load):
    """Load and show in all views; what goes wrong is said in a message, and raised."""
    with slicer.util.tryWithErrorDisplay(_("The sample was not loaded."), waitCursor=True):
        if dependencies.missingPackages():
            raise MicrocalcError(
                "Reading ultrasound screens needs packages that are not installed yet; install them with the button of "
                "Microcalc Elastography first."
            )
        volumeNode = load()
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)
        return volumeNode
