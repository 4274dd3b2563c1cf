"""What a reader corrected becomes annotated images: what stands, what was rejected, and what nobody decided."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from library.study_examples import SHAPE, SPACING_MM, analysis_of, cluster_labels
from MicrocalcAILib.analysis import save_analysis
from MicrocalcAILib.base.errors import ResultError, WarningRecord
from MicrocalcAILib.base.provenance import sha256_of_file
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.cli import main
from MicrocalcAILib.dataset.dataset import read_dataset
from MicrocalcAILib.dataset.from_results import annotation_of, dataset_from_results, is_corrected

_IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.fixture
def analysis():
    """A cluster of six specks, a second one of two, and a single calcification."""
    labels = cluster_labels(True).astype(np.int32)
    labels[50, 60], labels[50, 63], labels[5, 70] = 7, 8, 9
    found = analysis_of(labels)
    numbers = {**dict.fromkeys(range(1, 7), 1), 7: 2, 8: 2, 9: 0}
    found.calcifications["cluster_id"] = found.calcifications["id"].map(numbers)
    clusters = pd.DataFrame(
        {
            "id": [1, 2],
            "name": ["Cluster 1", "Cluster 2"],
            "row_min": [20, 50],
            "row_max": [21, 50],
            "column_min": [24, 60],
            "column_max": [35, 63],
            "morphology": ["amorphous", "punctate"],
        }
    )
    return dataclasses.replace(found, clusters=clusters)


def decided(analysis, *decisions, words=("-", "-")):
    clusters = analysis.clusters.assign(reader_decision=decisions, reader_morphology=words)
    return dataclasses.replace(analysis, clusters=clusters)


def test_result_that_nobody_touched_is_no_correction(analysis):
    assert not is_corrected(analysis)
    assert is_corrected(decided(analysis, "accepted", "-"))
    assert is_corrected(decided(analysis, "-", "-", words=("-", "punctate")))
    assert is_corrected(
        dataclasses.replace(analysis, warnings=(WarningRecord("edited-by-reader", "A reader edited."),))
    )
    drawn = analysis.calcifications.assign(source=[*8 * ["machine"], "reader"])
    assert is_corrected(dataclasses.replace(analysis, calcifications=drawn))


def test_members_of_a_rejected_cluster_are_no_calcifications(analysis):
    annotation = annotation_of(decided(analysis, "accepted", "rejected"))
    assert set(np.unique(annotation.labels)) == {0, 1, 2, 3, 4, 5, 6, 9}
    assert set(annotation.cluster_of) == {1, 2, 3, 4, 5, 6}
    assert list(annotation.ignore_regions) == []


def test_cluster_that_the_reader_left_undecided_is_ignored(analysis):
    annotation = annotation_of(decided(analysis, "accepted", "-"))
    assert 7 not in annotation.labels
    assert annotation.ignore_regions == [(40.0, 60.0, 50.0, 73.0)]


def test_word_that_the_reader_chose_accepts_the_cluster_and_goes_along(analysis):
    annotation = annotation_of(decided(analysis, "-", "-", words=("round", "-")))
    assert 1 in annotation.labels
    assert annotation.clusters.to_dict("records") == [{"id": 1, "morphology": "round"}]


def exported(folder, analysis, pixels, beside=False):
    """Results in a folder, and their image elsewhere."""
    image = folder.parent / "images" / f"{folder.name}.nrrd"
    image.parent.mkdir(parents=True, exist_ok=True)
    write_volume(pixels, (SPACING_MM, SPACING_MM), (0.0, 0.0, 0.0), _IDENTITY, image)
    source = {"sha256": "of a copy", "loaded_from": {"sha256": sha256_of_file(image)}}
    folder.mkdir()
    save_analysis(dataclasses.replace(analysis, provenance={"source": source, "laterality": "L"}), folder)
    if beside:
        image.rename(folder / "mammogram.nrrd")


def test_corrected_results_become_a_dataset_with_their_images_by_digest(analysis, tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.uint16)
    corrected = decided(analysis, "accepted", "rejected")
    exported(tmp_path / "one", corrected, pixels)
    exported(tmp_path / "two", corrected, pixels + 1, beside=True)
    exported(tmp_path / "untouched", analysis, pixels + 2)
    folders = [str(tmp_path / name) for name in ("one", "two", "untouched")]
    output = str(tmp_path / "dataset")
    options = ["--images", str(tmp_path / "images"), "--output", output]
    assert main(["dataset", "from-results", *folders, *options]) == 0
    said = capsys.readouterr().out
    assert "2 images of 2 patients" in said
    assert "Nobody said whose 2 image(s) are" in said
    assert "“untouched” holds nothing that a reader corrected" in said
    images = read_dataset(tmp_path / "dataset").images
    assert [image.path.name for image in images] == ["one.nrrd", "mammogram.nrrd"]
    assert all(image.labels().max() == 9 and image.laterality == "L" for image in images)
    table = tmp_path / "patients.csv"
    table.write_text("image,patient\none,A\ntwo,A\n", encoding="utf-8")
    assert main(["dataset", "from-results", *folders, *options, "--patients", str(table)]) == 0
    assert "2 images of 1 patients" in capsys.readouterr().out


def test_results_without_any_image_make_no_dataset(analysis, tmp_path):
    pixels = np.zeros(SHAPE, np.uint16)
    exported(tmp_path / "one", decided(analysis, "accepted", "rejected"), pixels)
    with pytest.raises(ResultError, match="No image was found"):
        dataset_from_results([tmp_path / "one"], tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()
