"""Exported results as DICOM objects beside them, and into Slicer's DICOM database."""

from __future__ import annotations

from pathlib import Path

import slicer

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.files import folder_replaced_on_success

FOLDER = "dicom"
_KINDS = ("sr", "seg", "gsps", "sc")
_MARKER = "cad_report.dcm"  # what every such folder holds


def exportObjects(volumeNode, folder: Path) -> Path:
    """Write CAD report, segmentation, marks and picture of exported results.

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode
        The image; it was loaded from Slicer's DICOM database.
    folder : Path
        Of the results, as :func:`.sceneexport.exportResults` wrote it; gets a folder ``dicom``, in place of an earlier.

    Returns
    -------
    Path
        The folder of the objects.

    Raises
    ------
    MicrocalcError
        When the image is no DICOM image of the database, or another one than was analyzed; nothing is written then.
    """
    from MicrocalcAILib.dicom.objects import write_objects

    uid = volumeNode.GetAttribute("DICOM.instanceUIDs")
    file = slicer.dicomDatabase.fileForInstance(uid) if uid else ""
    if not file:
        raise ParameterError("DICOM objects need the DICOM image; load it from Slicer's DICOM database and analyze it.")
    target = Path(folder) / FOLDER
    with folder_replaced_on_success(target, _MARKER) as temporary:
        write_objects(folder, Path(file), temporary, _KINDS)
    return target


def addToDatabase(folder: Path) -> None:
    """Let Slicer's DICOM database know the objects in a folder, so that they are found below their study."""
    from DICOMLib import DICOMUtils

    DICOMUtils.importDicom(str(folder))
