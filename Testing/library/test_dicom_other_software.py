"""What programs of others read in our objects: dcmqi, DCMTK, and the libraries of web viewers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_results import CALCIFICATIONS, COLUMNS, ROWS, SPACING_MM, results
from MicrocalcAILib.dicom.objects import write_objects

DCMQI = Path(sys.executable).parent / "segimage2itkimage"
NODE = Path(__file__).parents[1] / "node"


@pytest.fixture
def written(tmp_path):
    made, image = results(tmp_path)
    return write_objects(made, image, tmp_path / "dicom"), image


def pixels_of(cluster: int) -> np.ndarray:
    """Where the calcifications of a cluster were drawn (0: the singles)."""
    truth = np.zeros((ROWS, COLUMNS), bool)
    for _, own, top, bottom, left, right in CALCIFICATIONS:
        if own == cluster:
            truth[top:bottom, left:right] = True
    return truth


def placed_in_space(segmentation: Path, copy: Path) -> Path:
    """A copy with a plane in space, which mammograms do not have and these programs do not do without."""
    made = dcmread(segmentation)
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = "1.2.3", ""
    orientation, spacing, position = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    spacing.PixelSpacing, spacing.SliceThickness = [SPACING_MM, SPACING_MM], 1
    position.ImagePositionPatient = [0, 0, 0]
    shared = made.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [spacing]
    for frame in made.PerFrameFunctionalGroupsSequence:
        frame.PlanePositionSequence = [position]
    made.save_as(copy)
    return copy


def test_dcmqi_draws_the_same_outlines(written, tmp_path):
    if not DCMQI.exists():
        pytest.skip("dcmqi is not installed (pip install dcmqi)")
    placed = placed_in_space(written[0]["segmentation"], tmp_path / "placed.dcm")
    asked = ["--inputDICOM", placed, "--outputDirectory", tmp_path, "--prefix", "dcmqi", "--outputType", "nrrd"]
    subprocess.run([DCMQI, *asked], check=True, capture_output=True)
    described = json.loads((tmp_path / "dcmqi-meta.json").read_text())["segmentAttributes"]
    labels = [segment["SegmentLabel"] for segments in described for segment in segments]
    assert labels == ["Cluster 1", "Singles"]
    drawn = {}
    for file in tmp_path.glob("dcmqi-*.nrrd"):
        for value in np.unique(found := sitk.GetArrayFromImage(sitk.ReadImage(str(file))).squeeze()):
            drawn[int(value)] = found == value
    assert np.array_equal(drawn[1], pixels_of(1))
    assert np.array_equal(drawn[2], pixels_of(0))


@pytest.mark.parametrize(
    # the CAD report names both kinds once more, as detections that were performed
    ("name", "clusters", "calcifications"),
    [("cad_report", 1 + 1, 4 + 1), ("measurements", 1, 0), ("segmentation", 1, 1)],
)
def test_dcmtk_turns_objects_into_xml_with_every_finding(written, name, clusters, calcifications):
    program = shutil.which("dcm2xml")
    if program is None:
        pytest.skip("dcm2xml of DCMTK is not installed")
    done = subprocess.run([program, written[0][name]], check=True, capture_output=True, text=True)
    values = [element.text for element in ElementTree.fromstring(done.stdout).iter("element")]
    assert values.count("Calcification Cluster") == clusters
    assert values.count("Individual Calcification") == calcifications
    assert "Doe^Jane" in values


def test_web_viewers_read_outlines_measurements_and_words(written, tmp_path):
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules").is_dir():
        pytest.skip("dcmjs and @cornerstonejs/adapters are not installed (npm install --prefix Testing/node)")
    files, image = written
    placed = placed_in_space(files["segmentation"], tmp_path / "placed.dcm")
    asked = [node, NODE / "read_objects.mjs", image, placed, files["measurements"]]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    read = json.loads(done.stdout.splitlines()[-1])
    assert read["labels"] == ["Cluster 1", "Singles"]
    for segment, cluster in (("1", 1), ("2", 0)):
        assert read["pixels"][segment] == np.flatnonzero(pixels_of(cluster)).tolist()
    (group,) = read["groups"]
    assert group["values"]["111038"] == 3
    assert {"129769006", "129760005", "129766004"} <= set(group["codes"])
    outline = np.reshape(group["outline"], (-1, 2))
    assert outline.min(axis=0) == pytest.approx((10, 20), abs=1e-3)
    assert outline.max(axis=0) == pytest.approx((23, 32), abs=1e-3)
