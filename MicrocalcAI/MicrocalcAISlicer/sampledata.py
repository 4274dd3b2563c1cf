"""The bundled mammogram in Slicer's Sample Data module."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer

from MicrocalcAILib.resources import resource_path

SAMPLE_NAME = "MammogramMLO"
_SPACING_MM = 0.07  # the file has none; that of the detector generation it comes from


def registerSampleData() -> None:
    """Add the mammogram to the Sample Data module; called when Slicer has started."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="Microcalc",
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(resource_path("Icons/MammogramMLO.png")),
        uris="local",  # has to be given although nothing is downloaded
        fileNames="mammogram_right_mlo.jpg",
        nodeNames=SAMPLE_NAME,
        customDownloader=_loadIntoViews,
    )


def loadSample():
    """Add the bundled mammogram to the scene: upright in the axial view, with its pixel spacing."""
    path: Path = resource_path("SampleData/mammogram_right_mlo.jpg")
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    if pixels.ndim == 3:  # JPEG readers may give equal red, green and blue
        pixels = pixels[..., 0]
    ijkToRas = np.diag([-_SPACING_MM, -_SPACING_MM, 1.0, 1.0])
    return slicer.util.addVolumeFromArray(pixels[np.newaxis], ijkToRas, SAMPLE_NAME)


def _loadIntoViews(source):
    volumeNode = loadSample()
    slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)
    return volumeNode
