"""DICOM mammograms for the tests here, a database that knows them, and what a viewer would see of a volume."""

import numpy as np
import pydicom
from pydicom.sequence import Sequence

from library.dicom_samples import breast_picture, code, mammogram_dataset, saved
from MicrocalcSlicerShared.geometry import ijkToRas

VIEW_CODES = {"CC": "399162004", "MLO": "399368009", "ML": "399260004"}
# Where columns and rows grow to when an image is stored as it is hung.
HUNG = {("R", "CC"): ["P", "L"], ("L", "CC"): ["A", "R"], ("R", "MLO"): ["P", "FL"], ("L", "MLO"): ["A", "FR"]}
SPACING_MM = 0.085


class Database:
    """Values of files, as Slicer's DICOM database gives them: '' when missing."""

    def fileValue(self, file, tag):
        dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        found = dataset.get(tuple(int(part, 16) for part in tag.split(",")))
        return "" if found is None else str(found.value)


def picture(laterality):
    """A breast as it is hung, with a bright bar above that tells top from bottom and a mark at its left end."""
    pixels = breast_picture("right" if laterality == "R" else "left", rows=480, columns=400)
    pixels[10:20, 40:360] = 3500
    pixels[10:40, 40:60] = 3500
    return pixels


def mammogram(laterality="R", view="MLO", pixels=None, **attributes):
    """A data set of one view, stored as it is hung unless pixels and Patient Orientation say otherwise."""
    described = {
        "ImageLaterality": laterality,
        "ViewCodeSequence": Sequence([code(VIEW_CODES[view], "SCT", view)]),
        "PatientOrientation": HUNG.get((laterality, view)),
        "ImagerPixelSpacing": [SPACING_MM, SPACING_MM],
        "StudyDate": "20240321",
    }
    return mammogram_dataset(picture(laterality) if pixels is None else pixels, 12, **{**described, **attributes})


def file(folder, name="image.dcm", **attributes):
    """Path of a written :func:`mammogram`."""
    return str(saved(mammogram(**attributes), folder, name))


def as_seen(volume):
    """The pixels as an axial slice view shows them: the viewer's right is the patient's left, front is above."""
    import slicer

    pixels = slicer.util.arrayFromVolume(volume)[0]
    right_and_down = -ijkToRas(volume)[:2, :2]
    if right_and_down[0, 0] == 0:
        pixels, right_and_down = pixels.T, right_and_down[:, ::-1]
    np.testing.assert_array_equal(right_and_down != 0, np.eye(2, dtype=bool))
    return pixels[:: int(np.sign(right_and_down[1, 1])), :: int(np.sign(right_and_down[0, 0]))]
