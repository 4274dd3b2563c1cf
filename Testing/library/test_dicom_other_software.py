"""What programs of others read in our objects: dcmqi, DCMTK, and the libraries of web viewers."""

import numpy as np
import pytest

from dicom_results import CALCIFICATIONS, COLUMNS, ROWS, SPACING_MM, results
from MicrocalcAILib.dicom.objects import write_objects
from other_software import clusters_by_dcmtk, masks_by_dcmqi, read_by_web_viewers, xml_by_dcmtk


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


def test_dcmqi_draws_the_same_outlines(written, tmp_path):
    drawn = masks_by_dcmqi(written[0]["segmentation"], SPACING_MM, tmp_path)
    assert list(drawn) == ["Cluster 1", "Singles"]
    assert np.array_equal(drawn["Cluster 1"], pixels_of(1))
    assert np.array_equal(drawn["Singles"], pixels_of(0))


@pytest.mark.parametrize(
    # the CAD report names both kinds once more, as detections that were performed
    ("name", "clusters", "calcifications"),
    [("cad_report", 1 + 1, 4 + 1), ("measurements", 1, 0), ("segmentation", 1, 1)],
)
def test_dcmtk_turns_objects_into_xml_with_every_finding(written, name, clusters, calcifications):
    values = [element.text for element in xml_by_dcmtk(written[0][name]).iter("element")]
    assert values.count("Calcification Cluster") == clusters
    assert values.count("Individual Calcification") == calcifications
    assert "Doe^Jane" in values


def test_dcmtk_reads_count_place_and_words_of_a_cluster(written):
    (cluster,) = clusters_by_dcmtk(written[0]["cad_report"])
    assert (cluster.name, cluster.count) == ("Cluster 1", 3)
    assert cluster.words == {"129760005", "129766004"}


def test_web_viewers_read_outlines_measurements_and_words(written, tmp_path):
    files, image = written
    read = read_by_web_viewers(image, files["segmentation"], files["measurements"], SPACING_MM, tmp_path)
    assert read["labels"] == ["Cluster 1", "Singles"]
    for segment, cluster in (("1", 1), ("2", 0)):
        assert read["pixels"][segment] == np.flatnonzero(pixels_of(cluster)).tolist()
    (group,) = read["groups"]
    assert group["values"]["111038"] == 3
    assert {"129769006", "129760005", "129766004"} <= set(group["codes"])
    outline = np.reshape(group["outline"], (-1, 2))
    assert outline.min(axis=0) == pytest.approx((10, 20), abs=1e-3)
    assert outline.max(axis=0) == pytest.approx((23, 32), abs=1e-3)
