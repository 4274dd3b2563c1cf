"""Segments and markups on a screen become measurements, scores and protocol checks in table nodes."""

import numpy as np
import pytest

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcElastographyLib.assessment import assess
from MicrocalcElastographyLib.descriptors import STIFF_RIM
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.measurement import LesionRegions, label_region
from MicrocalcElastographyLib.reading import read_elastogram
from MicrocalcElastographySlicer import measurementnodes
from MicrocalcElastographySlicer.elastogramnodes import elastogramOf
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcElastographySlicer.measurementtexts import ratioRows, statisticsRows
from MicrocalcElastographySlicer.regions import regionOf
from MicrocalcSlicerShared.nodes import tableRows
from mrml.elastography_scene import draw, fat_mask, frame_mask, load_screen, node_names, ras, simulated


@pytest.fixture
def logic(slicer):
    return MicrocalcElastographyLogic()


@pytest.fixture
def shown(slicer, logic, tmp_path):
    return logic.process(load_screen(tmp_path))


@pytest.fixture
def regions(slicer, shown):
    """A segmentation with lesion and fat."""
    screen = simulated()
    return draw(slicer, shown.screenNode, Lesion=frame_mask(screen, screen.lesion), fat=fat_mask(screen))


def value(table_node, region, quantity):
    (found,) = [
        row["value"] for row in tableRows(table_node) if row["region"] == region and row["quantity"] == quantity
    ]
    return found


def test_table_holds_what_the_library_measures(logic, shown, regions):
    result = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion"), "fat": (regions, "fat")})
    screen, elastogram = simulated(), elastogramOf(shown.valueNode)
    lesion, fat = frame_mask(screen, screen.lesion), fat_mask(screen)
    expected = assess(elastogram, LesionRegions(label_region(elastogram, lesion), label_region(elastogram, fat)))
    measurement, table = expected.measurement, result.measurementTableNode
    assert value(table, "measurement box", "mean") == pytest.approx(measurement.box_statistics.mean)
    assert value(table, "lesion", "maximum") == pytest.approx(measurement.lesion_statistics.maximum)
    assert value(table, "fat", "median") == pytest.approx(measurement.fat_statistics.median)
    assert value(table, "ratios", "stiffness ratio") == pytest.approx(measurement.stiffness_ratio)
    words = {row["quantity"]: row["remark"] for row in tableRows(table) if row["region"] == "words"}
    assert words == {word.name: f"{word.value or 'cannot tell'}: {word.reason}" for word in expected.descriptors}
    assert (STIFF_RIM, expected.descriptors[1].value) in [row[:2] for row in ratioRows(tableRows(table))]
    for score in expected.scores:
        assert value(table, "scores", score.definition) == score.value
        for name, share in score.shares.items():
            assert value(table, score.definition, f"share {name.replace('_', ' ')}") == pytest.approx(100 * share)


@pytest.mark.parametrize("unit", ["kPa", "m/s"])
def test_values_measured_in_the_scene_have_the_intervals_of_the_file(slicer, logic, tmp_path, unit):
    screen = simulated(unit=Unit(unit), scale=(0.0, 8.0 if unit == "m/s" else 180.0))
    volume = load_screen(tmp_path, screen)
    shown = logic.process(volume)
    lesion = frame_mask(screen, screen.lesion)
    drawn = {"lesion": (draw(slicer, volume, lesion=lesion), "lesion")}
    elastogram = read_elastogram(tmp_path / "Breast.dcm", 0)
    expected = assess(elastogram, LesionRegions(label_region(elastogram, lesion))).measurement.box_statistics
    table = logic.measure(shown.valueNode, drawn).measurementTableNode
    for of, interval in (("mean", expected.mean_interval), ("maximum", expected.maximum_interval)):
        found = [value(table, "measurement box", f"95 % {end} end of the {of}") for end in ("lower", "upper")]
        assert found == pytest.approx(interval, rel=1e-3)
    cells = {row[0]: row[1] for row in statisticsRows(tableRows(table))}
    assert float(cells["Emean, 95 % from (kPa)"]) < float(cells["Emean (kPa)"]) < float(cells["Emean, 95 % to (kPa)"])


def test_a_map_of_several_slices_is_measured_over_them_too(slicer, logic):
    values = np.random.default_rng(0).uniform(10, 30, (9, 60, 70)).astype(np.float32)
    values[5:8, 26:34, 30:38] += 100
    volume = slicer.util.addVolumeFromArray(values, np.diag([-0.25, -0.25, 0.5, 1.0]), "Map")
    value_node = logic.process(volume, frame=3, unit="kPa").valueNode
    lesion = np.zeros((60, 70), dtype=bool)
    lesion[20:40, 25:45] = True
    result = logic.measure(value_node, {"lesion": (draw(slicer, value_node, lesion=lesion), "lesion")})
    table = result.measurementTableNode
    assert value(table, "measurement box", "mean") < 40
    assert value(table, "box over the slices", "mean") > 80
    assert value(table, "box over the slices", "maximum") == pytest.approx(values[5:8].max(), abs=20)
    assert "outline-in-all-slices" in {warning.code for warning in result.warnings}
    assert "slice 3 of 9" in elastogramOf(value_node).place_in_file


def test_size_on_the_elastogram_is_compared_with_b_mode(slicer, logic, shown, regions):
    screen = simulated()
    rows, columns = (int(place) for place in np.argwhere(screen.lesion).mean(axis=0))
    larger = np.zeros_like(screen.lesion)
    larger[rows - 60 : rows + 60, columns - 60 : columns + 60] = True
    seen = draw(slicer, shown.screenNode, seen=frame_mask(screen, larger))
    result = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion"), "lesion_on_elastogram": (seen, "seen")})
    ratio = larger.sum() / screen.lesion.sum()
    assert value(result.measurementTableNode, "E/B size ratio", "area") == pytest.approx(ratio)


def test_lesion_without_values_has_no_score_and_says_why(slicer, logic, shown):
    screen = simulated()
    void = draw(slicer, shown.screenNode, lesion=frame_mask(screen, screen.void))
    result = logic.measure(shown.valueNode, {"lesion": (void, "lesion")})
    scores = [row for row in tableRows(result.measurementTableNode) if row["region"] == "scores"]
    assert len(scores) == 2
    for row in scores:
        assert np.isnan(row["value"])
        assert "void is not soft" in row["remark"]
    quantities = {row["quantity"] for row in tableRows(result.measurementTableNode) if row["region"] == "lesion"}
    assert "mean" not in quantities


def test_measured_stiffness_is_that_of_the_simulated_lesion(logic, shown, regions):
    result = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")})
    screen = simulated()
    truth = screen.values[screen.lesion & ~screen.void]
    assert value(result.measurementTableNode, "lesion", "mean") == pytest.approx(truth.mean(), abs=1.5)


def test_protocol_says_pass_warn_or_cannot_tell_with_the_measured_value(logic, shown, regions):
    result = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")})
    rows = tableRows(result.protocolTableNode)
    assert {row["status"] for row in rows} <= {"pass", "warn", "cannot tell"}
    assert all(row["rule"] and row["message"] for row in rows)
    (margin,) = [row for row in rows if "around the lesion" in row["rule"]]
    assert margin["measured"].endswith("mm")
    before = [row for row in rows if "precompression" in row["rule"].lower()]
    after = tableRows(
        logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")}, precompression=2.5).protocolTableNode
    )
    assert [row["status"] for row in before] == ["cannot tell"]
    assert [row["status"] for row in after if "precompression" in row["rule"].lower()] == ["pass"]


def test_measured_box_is_drawn_where_it_was_measured(slicer, logic, shown, regions):
    result = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")})
    segmentation = result.boxSegmentationNode.GetSegmentation()
    names = [segmentation.GetNthSegment(index).GetName() for index in range(segmentation.GetNumberOfSegments())]
    assert names == ["stiffest 2 mm box", "lesion as measured"]
    identifier = segmentation.GetNthSegmentID(0)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(result.boxSegmentationNode, identifier, shown.valueNode)[0] > 0
    assert mask.sum() == pytest.approx(400, abs=41)  # 2 mm × 2 mm at 0.1 mm
    values = slicer.util.arrayFromVolume(shown.valueNode)[0][mask]
    valid = slicer.util.arrayFromVolume(shown.validNode)[0][mask] == 1
    assert values[valid].mean() == pytest.approx(value(result.measurementTableNode, "measurement box", "mean"))


def test_measured_parts_of_lesion_and_fat_are_outlined(slicer, logic, shown, regions):
    result = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion"), "fat": (regions, "fat")})
    for name, mask in (("lesion as measured", simulated().lesion), ("fat as measured", fat_mask(simulated()))):
        segmentation = result.boxSegmentationNode.GetSegmentation()
        identifier = segmentation.GetSegmentIdBySegmentName(name)
        outlined = slicer.util.arrayFromSegmentBinaryLabelmap(result.boxSegmentationNode, identifier, shown.valueNode)
        assert np.count_nonzero(outlined) == np.count_nonzero(mask)
    again = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")})
    assert again.boxSegmentationNode.GetSegmentation().GetSegmentIdBySegmentName("fat as measured") == ""


def test_segment_drawn_on_the_b_mode_panel_is_moved_to_the_colors(slicer, logic, shown, regions):
    screen = simulated()
    rows = screen.b_mode_panel.top - screen.color_panel.top
    columns = screen.b_mode_panel.left - screen.color_panel.left
    moved = np.roll(frame_mask(screen, screen.lesion), (rows, columns), (0, 1))
    elsewhere = draw(slicer, shown.screenNode, lesion=moved)
    first = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")})
    expected = value(first.measurementTableNode, "lesion", "mean")
    again = logic.measure(shown.valueNode, {"lesion": (elsewhere, "lesion")})
    assert value(again.measurementTableNode, "lesion", "mean") == pytest.approx(expected)


def test_segment_drawn_on_the_values_alone_is_understood(slicer, logic, shown, regions):
    small = draw(slicer, shown.valueNode, lesion=simulated().lesion)
    expected = regionOf(elastogramOf(shown.valueNode), shown.valueNode, (regions, "Lesion"))
    found = regionOf(elastogramOf(shown.valueNode), shown.valueNode, (small, "lesion"))
    np.testing.assert_array_equal(found.mask, expected.mask)


def markups(slicer, class_name, points):
    node = slicer.mrmlScene.AddNewNodeByClass(class_name)
    for point in points:
        node.AddControlPointWorld(*point)
    return node


@pytest.fixture
def circle(shown):
    """Center and radius in pixels of a circle in the middle of the box."""
    box = simulated().box
    return np.array([box.top + box.height // 2, box.left + box.width // 2]), 30


def test_line_is_the_diameter_of_a_circle(slicer, shown, circle):
    (row, column), radius = circle
    ends = [ras(shown.screenNode, row, column + side * radius) for side in (-1, 1)]
    region = regionOf(elastogramOf(shown.valueNode), shown.valueNode, markups(slicer, "vtkMRMLMarkupsLineNode", ends))
    assert region.mask.sum() == pytest.approx(np.pi * radius**2, rel=0.01)
    np.testing.assert_allclose(np.argwhere(region.mask).mean(axis=0), (row, column), atol=0.1)


def test_closed_curve_is_an_outline(slicer, shown, circle):
    (row, column), radius = circle
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    points = [ras(shown.screenNode, row + radius * np.sin(a), column + radius * np.cos(a)) for a in angles]
    curve = markups(slicer, "vtkMRMLMarkupsClosedCurveNode", points)
    region = regionOf(elastogramOf(shown.valueNode), shown.valueNode, curve)
    assert region.mask.sum() == pytest.approx(np.pi * radius**2, rel=0.03)
    np.testing.assert_allclose(np.argwhere(region.mask).mean(axis=0), (row, column), atol=0.5)


def test_region_of_interest_is_its_rectangle_also_under_a_transform(slicer, logic, shown, circle):
    (row, column), _ = circle
    moved = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = (20.0, -10.0, 3.0)
    moved.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    shown.screenNode.SetAndObserveTransformNodeID(moved.GetID())
    logic.process(shown.screenNode)
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetCenterWorld(*(ras(shown.screenNode, row, column) + matrix[:3, 3]))
    roi.SetSize(4.0, 2.0, 10.0)
    mask = regionOf(elastogramOf(shown.valueNode), shown.valueNode, roi).mask
    rows, columns = np.nonzero(mask)
    assert (np.ptp(columns), np.ptp(rows)) == (pytest.approx(40, abs=1), pytest.approx(20, abs=1))
    np.testing.assert_allclose((rows.mean(), columns.mean()), (row, column), atol=0.6)


def test_measuring_again_replaces_the_tables_and_nothing_else(slicer, logic, shown, regions):
    first = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")})
    own = first.boxSegmentationNode.GetSegmentation().AddEmptySegment("mine", "mine")
    before, rows = node_names(slicer), first.measurementTableNode.GetNumberOfRows()
    second = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion"), "fat": (regions, "fat")})
    assert second.measurementTableNode is first.measurementTableNode
    assert second.measurementTableNode.GetNumberOfRows() > rows
    assert node_names(slicer) == before
    assert second.boxSegmentationNode.GetSegmentation().GetSegment(own) is not None
    assert logic.findMeasurement(shown.valueNode) == second


def test_refusals_name_the_remedy_and_leave_nothing_behind(slicer, logic, shown, regions):
    empty = regions.GetSegmentation().AddEmptySegment("empty", "skin")
    outside = np.zeros(simulated().frame.shape[:2], bool)
    outside[:5, :5] = True
    far = draw(slicer, shown.screenNode, lesion=outside)
    point = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode")
    before = node_names(slicer)
    for drawn, reason in (
        ({"lesion": (regions, "tumor")}, "no segment “tumor”"),
        ({"lesion": (regions, empty)}, "“skin” is empty"),
        ({"lesion": (far, "lesion")}, "outside the elastography box"),
        ({"fat": (regions, "fat")}, "the lesion is needed"),
        ({"lesion": point}, "closed curves"),
        ({"lesion": line}, "0 points"),
    ):
        with pytest.raises(MicrocalcError, match=reason):
            logic.measure(shown.valueNode, drawn)
    assert node_names(slicer) == before
    with pytest.raises(MicrocalcError, match="Convert"):
        logic.measure(shown.bModeNode, {"lesion": (regions, "Lesion")})


def test_failure_half_way_leaves_nothing_behind(slicer, logic, shown, regions, monkeypatch):
    def fail(*_):
        raise RuntimeError("no memory")

    before = node_names(slicer)
    monkeypatch.setattr(measurementnodes, "_outline", fail)
    with pytest.raises(RuntimeError):
        logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")})
    assert node_names(slicer) == before
    assert logic.findMeasurement(shown.valueNode) is None


def test_measurement_table_survives_a_file(slicer, logic, shown, regions, tmp_path):
    table = logic.measure(shown.valueNode, {"lesion": (regions, "Lesion")}).measurementTableNode
    rows = tableRows(table)
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableStorageNode")
    storage.SetFileName(str(tmp_path / "measurement.tsv"))
    assert storage.WriteData(table)
    read = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    assert storage.ReadData(read)
    again = tableRows(read)
    assert len(again) == len(rows)
    for before, after in zip(rows, again, strict=True):
        assert (after["quantity"], after["unit"], after["remark"]) == (
            before["quantity"],
            before["unit"],
            before["remark"],
        )
        assert float(after["value"]) == pytest.approx(before["value"], rel=1e-5, nan_ok=True)  # six digits
