"""From a mammogram to a folder of results and back."""

import csv
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from PIL import Image

from library.known_cluster import film_with_cluster
from MicrocalcAILib.analysis import load_analysis, save_analysis
from MicrocalcAILib.base.errors import ParameterError, ResultError, WarningRecord
from MicrocalcAILib.base.parameters import (
    AnalysisParameters,
    CandidateParameters,
    ClusterParameters,
    SelectionParameters,
)
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.cli import main
from MicrocalcAILib.evaluation.findings import Findings
from MicrocalcAILib.evaluation.matching import HIT, match_calcifications
from MicrocalcAILib.export.overlay import write_overlay
from MicrocalcAILib.export.results import write_results
from MicrocalcAILib.export.segmentation import segments, write_segmentation
from MicrocalcAILib.pipeline import analyze
from MicrocalcAILib.reading import Mammogram
from speck_images import breast_with_specks

LIGHT = ("--selector", "measurements", "--workers", "1")
"""Options with which a worker starts soonest."""


@pytest.fixture(scope="module")
def found():
    mammogram, _ = breast_with_specks()
    return mammogram, analyze(mammogram)


def test_clear_specks_become_calcifications_in_clusters(found):
    _, positions = breast_with_specks()
    centers = found[1].calcifications[["y_mm", "x_mm"]].to_numpy() + 0.035
    distance = np.hypot(*(positions[:, None] - centers[None]).transpose(2, 0, 1)).min(axis=1)
    assert (distance < 0.2).mean() > 0.9
    assert len(found[1].clusters) >= 1


def test_tables_agree_with_the_label_map(found):
    _, analysis = found
    table = analysis.calcifications
    ids, counts = np.unique(analysis.labels[analysis.labels > 0], return_counts=True)
    assert table["id"].tolist() == ids.tolist()
    np.testing.assert_allclose(table["area_mm2"], counts * 0.07**2)
    for _, row in table.iterrows():
        pixels = np.argwhere(analysis.labels == row["id"])
        assert row[["row_min", "column_min"]].tolist() == pixels.min(axis=0).tolist()
        assert row[["row_max", "column_max"]].tolist() == pixels.max(axis=0).tolist()
        assert [row["row"], row["column"]] == pytest.approx(pixels.mean(axis=0))
    assert analysis.clusters["count"].sum() == (table["cluster_id"] > 0).sum()
    assert analysis.clusters["id"].tolist() == list(range(1, len(analysis.clusters) + 1))


def test_ids_stay_the_same_at_another_operating_point(found):
    mammogram, analysis = found
    strict = analyze(mammogram, AnalysisParameters(selection=SelectionParameters(0.01)))
    both = pd.merge(strict.calcifications, analysis.calcifications, on="id", suffixes=("_strict", ""))
    assert 0 < len(both) == len(strict.calcifications) <= len(analysis.calcifications)
    np.testing.assert_allclose(both["x_mm_strict"], both["x_mm"])


def test_gain_and_bit_depth_do_not_move_the_result(found):
    mammogram, analysis = found
    brighter = dataclasses.replace(mammogram, pixels=(mammogram.pixels * 16 + 100).astype(np.float32))
    again = analyze(brighter)
    common = ((again.labels > 0) & (analysis.labels > 0)).sum()
    assert 2 * common / ((again.labels > 0).sum() + (analysis.labels > 0).sum()) > 0.97


@pytest.mark.parametrize("shape", [(1, 1), (40, 40), (500, 400)])
def test_blank_images_give_an_empty_analysis_with_a_warning(shape, tmp_path):
    mammogram = Mammogram(np.zeros(shape, np.float32), (0.07, 0.07))
    analysis = analyze(mammogram)
    assert len(analysis.calcifications) == len(analysis.clusters) == 0
    assert "no-breast-found" in [warning.code for warning in analysis.warnings]
    write_results(mammogram, analysis, tmp_path / "blank")
    loaded = load_analysis(tmp_path / "blank")
    assert list(loaded.calcifications.columns) == list(analysis.calcifications.columns)
    assert list(loaded.clusters.columns) == list(analysis.clusters.columns)


def test_other_candidate_parameters_than_in_training_are_a_warning(found):
    mammogram, analysis = found
    changed = analyze(mammogram, AnalysisParameters(candidates=CandidateParameters(peak_threshold=4.0)))
    assert "candidates-unlike-training" in [warning.code for warning in changed.warnings]
    assert "candidates-unlike-training" not in [warning.code for warning in analysis.warnings]


def test_one_speck_is_a_single():
    mammogram, _ = breast_with_specks(seed=1, specks=1, contrast=120.0)
    analysis = analyze(mammogram, AnalysisParameters(selection=SelectionParameters(0.03)))  # noise gives no other mark
    assert len(analysis.calcifications) == 1
    assert analysis.calcifications["cluster_id"].tolist() == [0]
    assert len(analysis.clusters) == 0


def test_thousands_of_calcifications_go_through(tmp_path):
    mammogram, _ = breast_with_specks()
    analysis = analyze(mammogram, AnalysisParameters(selection=SelectionParameters(10.0)))
    many = np.zeros((860, 640), np.int32)
    many[10:850:5, 10:630:5] = np.arange(1, 168 * 124 + 1).reshape(168, 124)
    count = int(many.max())
    rows, columns = np.nonzero(many)
    table = pd.DataFrame({name: np.zeros(count) for name in analysis.calcifications.columns})
    table[["id", "row", "column"]] = np.column_stack((many[rows, columns], rows, columns))
    table["cluster_id"] = 0
    crowded = dataclasses.replace(
        analysis, labels=many, calcifications=table.astype({"id": int}), clusters=analysis.clusters.iloc[:0]
    )
    write_results(mammogram, crowded, tmp_path / "crowded")
    assert np.array_equal(load_analysis(tmp_path / "crowded").labels, many)


def test_an_analysis_loads_as_it_was_saved(found, tmp_path):
    analysis = dataclasses.replace(found[1], warnings=(WarningRecord("a-code", "Ein Satz über Größe."),))
    save_analysis(analysis, tmp_path)
    loaded = load_analysis(tmp_path)
    assert np.array_equal(loaded.labels, analysis.labels)
    pd.testing.assert_frame_equal(loaded.calcifications, analysis.calcifications, check_dtype=False)
    pd.testing.assert_frame_equal(loaded.clusters, analysis.clusters, check_dtype=False)
    for name in ("spacing_mm", "breast_area_cm2", "breast_box", "warnings", "origin_lps_mm", "direction_lps"):
        assert getattr(loaded, name) == getattr(analysis, name)
    assert loaded.provenance["selector"]["sha256"] == analysis.provenance["selector"]["sha256"]


def test_a_damaged_result_folder_is_refused(found, tmp_path):
    save_analysis(found[1], tmp_path)
    (tmp_path / "clusters.csv").unlink()
    with pytest.raises(ResultError, match="analyze the image again"):
        load_analysis(tmp_path)
    with pytest.raises(ResultError):
        load_analysis(tmp_path / "nothing")


def test_provenance_says_what_made_the_result(found):
    provenance = found[1].provenance
    assert provenance["parameters"]["selection"]["false_marks_per_cm2"] == 0.05
    assert set(provenance["versions"]) >= {"microcalc", "numpy", "lightgbm"}
    costs = provenance["costs"]
    assert list(costs) == ["breast", "candidates", "measurements", "selection", "clusters"]
    assert all(cost["threads"] >= 1 and 10 < cost["peak_memory_mb"] < 20_000 for cost in costs.values())
    assert 0 < costs["candidates"]["cpu_seconds"] < 600
    json.dumps(provenance)


def test_segmentation_file_has_one_named_colored_segment_per_cluster(found, tmp_path):
    _, analysis = found
    path = tmp_path / "x.seg.nrrd"
    write_segmentation(analysis, path)
    image = sitk.ReadImage(str(path))
    label_map, expected = segments(analysis)
    array = sitk.GetArrayFromImage(image)[0]
    assert np.array_equal(array, label_map)
    assert np.array_equal(array > 0, analysis.labels > 0)
    for index, segment in enumerate(expected):
        assert image.GetMetaData(f"Segment{index}_Name") == segment.name
        assert int(image.GetMetaData(f"Segment{index}_LabelValue")) == segment.value
        color = [float(part) for part in image.GetMetaData(f"Segment{index}_Color").split()]
        assert color == pytest.approx(segment.color, abs=1e-5)
    assert image.GetSpacing() == pytest.approx((0.07, 0.07, 1.0))


def test_segmentation_lies_where_the_image_lies(found, tmp_path):
    origin, direction = (11.0, -20.0, 5.0), (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    moved = dataclasses.replace(found[1], origin_lps_mm=origin, direction_lps=direction)
    write_segmentation(moved, tmp_path / "x.seg.nrrd")
    image = sitk.ReadImage(str(tmp_path / "x.seg.nrrd"))
    assert image.GetOrigin() == pytest.approx(origin)
    assert image.GetDirection() == pytest.approx(direction)


def test_image_is_copied_only_when_its_file_says_another_spacing(found, tmp_path):
    mammogram, analysis = found
    for header, copied in (((0.07, 0.07), False), ((1.0, 1.0), True)):
        same = dataclasses.replace(mammogram, source={"header_spacing_mm": header})
        write_results(same, analysis, tmp_path / str(copied))
        assert (tmp_path / str(copied) / "mammogram.nrrd").exists() == copied
    image = sitk.ReadImage(str(tmp_path / "True" / "mammogram.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image)[0], mammogram.pixels)
    assert image.GetSpacing() == pytest.approx((0.07, 0.07, 1.0))


def test_overlay_marks_every_cluster_in_its_color(found, tmp_path):
    mammogram, analysis = found
    write_overlay(mammogram, analysis, tmp_path / "overlay.png")
    pixels = np.asarray(Image.open(tmp_path / "overlay.png")).reshape(-1, 3)
    for segment in segments(analysis)[1]:
        assert (pixels == [round(255 * part) for part in segment.color]).all(axis=1).any()


def test_cancel_leaves_nothing_behind(tmp_path):
    mammogram, _ = breast_with_specks()

    def cancel(stage, done, total):
        if stage == "selection":
            raise Cancelled

    with pytest.raises(Cancelled):
        analyze(mammogram, progress=cancel)


def test_parameters_survive_their_file(tmp_path):
    parameters = AnalysisParameters(clusters=ClusterParameters(linking_distance_mm=3.5, minimum_count=4))
    file = tmp_path / "parameters.json"
    file.write_text(json.dumps(parameters.to_dict()), encoding="utf-8")
    assert AnalysisParameters.from_file(file) == parameters


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"selection": {"false_marks": 1}}', "false_marks"),
        ('{"selection": {"false_marks_per_cm2": "many"}}', "selection.false_marks_per_cm2"),
        ('{"clusters": {"minimum_count": 2.5}}', "clusters.minimum_count"),
        ('{"clusters": {"minimum_count": true}}', "clusters.minimum_count"),
        ('{"clusters": 3}', "clusters"),
        ("[1]", "names and values"),
        ("{", "not JSON"),
    ],
)
def test_wrong_parameter_files_are_refused_by_name(text, names, tmp_path):
    file = tmp_path / "parameters.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=names):
        AnalysisParameters.from_file(file)


def test_command_writes_a_folder_for_each_image_and_goes_on_after_a_bad_one(tmp_path, capsys):
    mammogram, _ = breast_with_specks()
    good, bad = tmp_path / "größe.nrrd", tmp_path / "bad.png"
    image = sitk.GetImageFromArray(mammogram.pixels.astype(np.uint16)[None])
    image.SetSpacing((0.07, 0.07, 1))
    sitk.WriteImage(image, str(tmp_path / "good.nrrd"))
    (tmp_path / "good.nrrd").rename(good)
    bad.write_bytes(b"no picture")
    status = main(["analyze", str(bad), str(good), "--output", str(tmp_path / "out"), "--false-marks", "0.2", *LIGHT])
    assert status == 1
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {"größe"}
    with (tmp_path / "out" / "größe" / "calcifications.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) > 10
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8") as file:
        failed, done = csv.DictReader(file)
    assert (failed["status"], done["status"], done["folder"]) == ("failed", "done", "größe")
    assert int(done["calcifications"]) > 10
    assert int(done["clusters"]) > 0
    assert 0 < float(done["highest_risk_by_words"]) < 1
    assert done["highest_risk_words"]
    costs = json.loads((tmp_path / "out" / "größe" / "analysis.json").read_text("utf-8"))["provenance"]["costs"]
    assert list(costs)[:3] == ["start of the process", "reading", "breast"]
    assert list(costs)[-2:] == ["description", "writing"]
    assert sum(cost["cpu_seconds"] for cost in list(costs.values())[1:]) < 1.1 * float(done["cpu_seconds"]) + 0.1
    output = capsys.readouterr()
    assert "größe.nrrd" in output.out
    assert "bad.png" in output.err
    assert str(tmp_path) not in output.err


def test_json_progress_is_one_object_per_line_and_ends_with_the_result(tmp_path, capsys):
    Image.fromarray(np.zeros((60, 50), np.uint8)).save(tmp_path / "blank.png")
    arguments = ["analyze", str(tmp_path / "blank.png"), "--output", str(tmp_path / "out"), "--json-progress", *LIGHT]
    assert main(arguments) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(lines[0]) == ["pid"]
    assert lines[1] == {"stage": "images", "done": 0, "total": 1}
    assert lines[2] == {"image": "blank.png"}
    assert lines[3]["stage"] == "reading"
    assert lines[-1]["result"].endswith("blank")
    assert lines[-1]["calcifications"] == 0


def test_images_of_one_name_lie_in_the_tree_of_their_folders(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.zeros((60, 50), np.uint8)).save(tmp_path / folder / "x.png")
    images = [str(tmp_path / folder / "x.png") for folder in ("a", "b")]
    assert main(["analyze", *images, "--output", str(tmp_path / "out"), *LIGHT]) == 0
    assert all((tmp_path / "out" / folder / "x" / "analysis.json").is_file() for folder in ("a", "b"))


def test_a_folder_of_the_users_is_refused_and_kept(tmp_path, capsys):
    Image.fromarray(np.zeros((60, 50), np.uint8)).save(tmp_path / "x.png")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "notes.txt").write_text("precious")
    assert main(["analyze", str(tmp_path / "x.png"), "--output", str(tmp_path), *LIGHT]) == 1
    assert "nothing is lost" in capsys.readouterr().err
    assert (tmp_path / "x" / "notes.txt").read_text() == "precious"


def test_a_refused_image_leaves_an_earlier_result_as_it_was(tmp_path):
    Image.fromarray(np.zeros((60, 50), np.uint8)).save(tmp_path / "x.png")
    arguments = ["analyze", str(tmp_path / "x.png"), "--output", str(tmp_path / "out"), *LIGHT]
    assert main(arguments) == 0
    before = (tmp_path / "out" / "x" / "analysis.json").read_bytes()
    (tmp_path / "x.png").write_bytes(b"")
    assert main(arguments) == 1
    assert (tmp_path / "out" / "x" / "analysis.json").read_bytes() == before


HEAVY = ("torch", "lightgbm", "matplotlib", "SimpleITK", "numba", "sklearn", "scipy", "pandas", "numpy", "statsmodels")


ASKED = "analyze.task_options(terminal.options_of(analyze, ['image', '--output', 'out', '--classifier', 'simulated']))"


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ("import MicrocalcAILib.cli, MicrocalcAILib.base.parameters", ()),
        # the owner of the workers, who does no work itself
        (f"from MicrocalcAILib.commands import analyze, terminal; {ASKED}", ()),
        ("import MicrocalcAILib.commands.analysis_task", ("numba", "scipy", "pandas", "numpy")),
    ],
    ids=["command line", "analyze", "worker"],
)
def test_only_the_worker_imports_what_calculates_and_only_what_it_needs(statements, allowed):
    code = f"import sys; sys.path[:] = {sys.path}; {statements}; print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", code]
    imported = set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())
    assert not (imported - set(allowed)) & {*HEAVY, "scipy.stats", "scipy.optimize"}


@pytest.mark.slow
def test_a_known_cluster_in_a_real_film_is_found(tmp_path):
    phantom = film_with_cluster()
    Image.fromarray(phantom.mammogram.pixels.astype(np.uint16)).save(tmp_path / "film_right_mlo.png")
    (tmp_path / "parameters.json").write_text('{"reading": {"assumed_spacing_mm": 0.05}}')
    arguments = ["--parameters", str(tmp_path / "parameters.json"), "--output", str(tmp_path / "out")]
    assert main(["analyze", str(tmp_path / "film_right_mlo.png"), *arguments]) == 0
    analysis = load_analysis(tmp_path / "out" / "film_right_mlo")
    found = Findings(analysis.calcifications, analysis.labels)
    truth = Findings(phantom.calcifications, phantom.labels)
    truths = match_calcifications(found, truth, analysis.spacing_mm).truths
    assert (truths["outcome"] == HIT).sum() >= 18
    assert (truths.query("contrast_to_noise > 10")["outcome"] == HIT).mean() > 0.9
    clusters = analysis.clusters
    assert len(clusters) == 1  # nothing else is marked as a cluster in this film
    assert int(clusters["count"].iloc[0]) >= 18
    true_cluster = phantom.clusters.iloc[0]
    assert np.hypot(*(clusters[["y_mm", "x_mm"]].iloc[0] - true_cluster[["y_mm", "x_mm"]])) < 2
    assert "spacing-unknown" in [warning.code for warning in analysis.warnings]


def _breast_of_one_value(shape=(900, 700)):
    pixels = np.zeros(shape, np.float32)
    pixels[shape[0] // 9 : -shape[0] // 9, : shape[1] * 5 // 7] = 2000
    return pixels


def _coarse_specks():
    pixels = _breast_of_one_value((130, 100)) + np.random.default_rng(0).normal(0, 20, (130, 100)).astype(np.float32)
    pixels[60:66:3, 20:32:4] += 1500
    return pixels.clip(0)


@pytest.mark.parametrize("spacing", [0.07, 1.0])
@pytest.mark.parametrize(
    "pixels",
    [
        np.full((900, 700), 1000, np.float32),
        _breast_of_one_value(),
        _coarse_specks(),
        np.zeros((1, 1), np.float32),
        np.full((1, 400), 7, np.float32),
        np.full((3, 3), 65535, np.float32),
    ],
    ids=["constant", "breast of one value", "specks", "one pixel", "one row", "tiny and saturated"],
)
def test_an_image_with_nothing_to_measure_has_results_all_the_same(tmp_path, pixels, spacing):
    mammogram = Mammogram(pixels, (spacing, spacing))
    write_results(mammogram, analyze(mammogram), tmp_path / "image")
    assert load_analysis(tmp_path / "image").labels.shape == pixels.shape
    assert Image.open(tmp_path / "image" / "overlay.png").size[0] > 0
