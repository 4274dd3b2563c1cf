"""The real analysis in its real child process, on a simulated mammogram."""

import numpy as np
import pytest

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.pipeline import analyze
from MicrocalcAILib.reading import read_mammogram
from MicrocalcAISlicer import inputvolume, sampledata
from MicrocalcAISlicer.logic import MicrocalcAILogic

pytestmark = pytest.mark.slow


def test_sample_mammogram_gives_in_slicer_what_the_library_gives(slicer, tmp_path):
    volume = sampledata.loadPhantom()
    shown = MicrocalcAILogic().process(volume)

    image = tmp_path / "mammogram.nrrd"
    inputvolume.writeVolume(volume, image)
    expected = analyze(read_mammogram(image, assumed_spacing_mm=0.07))
    assert shown.calcificationsTableNode.GetNumberOfRows() == len(expected.calcifications) > 0
    assert shown.clustersTableNode.GetNumberOfRows() == len(expected.clusters)
    union = np.zeros(expected.labels.shape, bool)
    segmentation = shown.segmentationNode.GetSegmentation()
    for index in range(segmentation.GetNumberOfSegments()):
        identifier = segmentation.GetNthSegmentID(index)
        union |= slicer.util.arrayFromSegmentBinaryLabelmap(shown.segmentationNode, identifier, volume)[0] > 0
    np.testing.assert_array_equal(union, expected.labels > 0)


def test_refusal_of_the_library_reaches_the_caller_as_its_sentence(slicer, make_volume):
    with pytest.raises(MicrocalcError, match="false_marks_per_cm2"):
        MicrocalcAILogic().process(make_volume(), falseMarksPerCm2=-1.0)
