"""From an ultrasound screen in the scene, or a file, to kPa with colors, legend and valid pixels."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcElastographyLib.color_scale import bundled_color_scale
from MicrocalcElastographyLib.elastogram import Unit, youngs_modulus_kpa
from MicrocalcElastographySlicer import elastogramnodes
from MicrocalcElastographySlicer.elastogramnodes import VOID_VALUE, elastogramOf
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcSlicerShared.geometry import ijkToRas
from mrml.elastography_scene import load_screen, node_names, ras, simulated, values_at


@pytest.fixture
def logic(slicer):
    return MicrocalcElastographyLogic()


@pytest.fixture
def screen_node(slicer, tmp_path):
    return load_screen(tmp_path)


def plain_volume(slicer, rgb, spacing_mm=1.0, name="Capture"):
    """A color volume as Slicer's own readers make it: no regions, no source."""
    place = np.diag([-spacing_mm, -spacing_mm, 1.0, 1.0])
    return slicer.util.addVolumeFromArray(rgb[np.newaxis], place, name, "vtkMRMLVectorVolumeNode")


def test_screen_of_several_regions_has_its_spacing_and_stands_upright(slicer, screen_node):
    assert screen_node.GetClassName() == "vtkMRMLVectorVolumeNode"
    np.testing.assert_allclose(ijkToRas(screen_node), np.diag([-0.1, -0.1, 1.0, 1.0]))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(screen_node)[0], simulated().frame)


def test_values_lie_where_the_colors_lie(slicer, logic, screen_node):
    shown, screen = logic.process(screen_node), simulated()
    rows, columns = np.nonzero(slicer.util.arrayFromVolume(shown.validNode)[0])
    chosen = slice(0, None, 997)
    points = [
        ras(screen_node, screen.box.top + row, screen.box.left + column)
        for row, column in zip(rows[chosen], columns[chosen], strict=True)
    ]
    errors = values_at(slicer, shown.valueNode, points) - screen.values[rows, columns][chosen]
    assert len(points) > 20
    assert np.abs(errors).max() < 3.0
    assert shown.valueNode.GetSpacing() == pytest.approx((0.1, 0.1, 1.0))
    assert slicer.util.arrayFromVolume(shown.valueNode).dtype == np.float32


def test_void_is_finite_marked_and_not_displayed(slicer, logic, screen_node):
    shown, screen = logic.process(screen_node), simulated()
    values = slicer.util.arrayFromVolume(shown.valueNode)[0]
    valid = slicer.util.arrayFromVolume(shown.validNode)[0]
    assert screen.void.any()
    assert np.isfinite(values).all()
    assert (values[screen.void] == VOID_VALUE).all()
    assert not valid[screen.void].any()
    assert ((values == VOID_VALUE) == (valid == 0)).all()
    display = shown.valueNode.GetDisplayNode()
    assert display.GetApplyThreshold()
    assert VOID_VALUE < display.GetLowerThreshold() < 0.0
    assert not display.GetInterpolate()


def test_colors_are_those_of_the_scanner_over_the_range_of_its_bar(slicer, logic, screen_node):
    shown, screen = logic.process(screen_node), simulated()
    display = shown.valueNode.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0.0, 180.0)
    assert display.GetColorNode() is shown.colorNode
    bar = screen.frame[screen.bar.slices][:, screen.bar.width // 2]
    color = [0.0] * 4
    for share in (0.1, 0.5, 0.9):
        shown.colorNode.GetColor(round(share * 255), color)
        np.testing.assert_allclose(np.array(color[:3]) * 255, bar[round((1 - share) * (len(bar) - 1))], atol=12)
        assert color[3] == 1.0


def test_legend_names_the_unit(slicer, logic, screen_node):
    shown = logic.process(screen_node)
    legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(shown.valueNode)
    assert legend.GetTitleText() == "kPa"
    assert legend.GetLabelFormat() == "%.0f"
    assert legend.GetVisibility()


def test_paired_b_mode_panel_lies_on_the_panel_with_color(slicer, logic, screen_node):
    shown, screen = logic.process(screen_node), simulated()
    image = slicer.util.arrayFromVolume(shown.bModeNode)[0]
    row, column = screen.box.top - screen.color_panel.top, screen.box.left - screen.color_panel.left
    part = image[row : row + screen.box.height, column : column + screen.box.width]
    assert np.abs(part.astype(int) - screen.b_mode).mean() < 2
    np.testing.assert_allclose(ijkToRas(shown.bModeNode)[:3, 3], ras(screen_node, *screen.color_panel[:2]))
    assert image.shape == (screen.color_panel.height, screen.color_panel.width)
    np.testing.assert_array_equal(elastogramOf(shown.valueNode).b_mode, part)


def test_b_mode_of_a_map_of_values_lies_on_the_values(slicer, logic, tmp_path):
    elastogram = replace(elastogramOf(logic.process(load_screen(tmp_path)).valueNode), frame=None, box=None, panel=None)
    scale = bundled_color_scale("supersonic", 0.0, 180.0)
    shown = elastogramnodes.showElastogram(elastogram, scale, "Map", key="map")
    assert slicer.util.arrayFromVolume(shown.bModeNode).shape == slicer.util.arrayFromVolume(shown.valueNode).shape
    np.testing.assert_array_equal(elastogramOf(shown.valueNode).b_mode, elastogram.b_mode)


def test_results_follow_the_transform_of_the_screen(slicer, logic, screen_node):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    screen_node.SetAndObserveTransformNodeID(transform.GetID())
    shown = logic.process(screen_node)
    for node in (shown.valueNode, shown.validNode, shown.bModeNode):
        assert node.GetTransformNodeID() == transform.GetID()


def test_oblique_screen_keeps_its_place(slicer, logic):
    angle = np.deg2rad(30)
    place = np.eye(4)
    place[:3, 0] = 0.1 * np.array([np.cos(angle), np.sin(angle), 0.0])
    place[:3, 1] = 0.1 * np.array([0.0, 0.0, -1.0])
    place[:3, 2] = [np.sin(angle), -np.cos(angle), 0.0]
    place[:3, 3] = [5.0, -7.0, 11.0]
    screen = simulated()
    volume = slicer.util.addVolumeFromArray(screen.frame[np.newaxis], place, "Oblique", "vtkMRMLVectorVolumeNode")
    shown = logic.process(volume)
    expected = place @ [screen.box.left, screen.box.top, 0.0, 1.0]
    np.testing.assert_allclose(ijkToRas(shown.valueNode)[:, 3], expected)
    assert shown.screenNode is volume


def test_frame_of_a_cine_volume_lies_in_its_slice(slicer, logic):
    frames = np.stack([np.zeros_like(simulated().frame), simulated().frame])
    place = np.diag([-0.1, -0.1, 1.0, 1.0])
    cine = slicer.util.addVolumeFromArray(frames, place, "Cine", "vtkMRMLVectorVolumeNode")
    shown = logic.process(cine, frame=1)
    assert ijkToRas(shown.valueNode)[2, 3] == 1.0
    assert elastogramOf(shown.valueNode).frame.any()
    with pytest.raises(MicrocalcError, match="no frame 2"):
        logic.process(cine, frame=2)


def test_screen_without_spacing_gets_a_calibrated_copy_and_stays_untouched(slicer, logic):
    volume = plain_volume(slicer, simulated().frame)
    shown = logic.process(volume, spacingMm=0.1)
    assert volume.GetSpacing() == (1.0, 1.0, 1.0)
    assert shown.screenNode is not volume
    assert shown.screenNode.GetSpacing() == pytest.approx((0.1, 0.1, 1.0))
    assert shown.valueNode.GetSpacing() == pytest.approx((0.1, 0.1, 1.0))
    again = logic.process(volume, spacingMm=0.12)
    assert again.screenNode is shown.screenNode
    assert again.screenNode.GetSpacing() == pytest.approx((0.12, 0.12, 1.0))


def test_given_range_and_opacity_win_over_the_picture(slicer, logic, screen_node):
    asked = logic.process(screen_node, valuesAtEnds=(360.0, 0.0), opacity=0.5)
    values, valid = (slicer.util.arrayFromVolume(node)[0] for node in (asked.valueNode, asked.validNode))
    errors = values[valid == 1] - 2 * simulated().values[valid == 1]
    assert np.abs(errors).mean() < 1.0
    found = elastogramnodes.foundOf(asked.valueNode)
    assert found["opacity"] == {"value": 0.5, "source": "given by the user"}


def test_speeds_are_shown_as_kilopascal_and_measured_as_they_came(slicer, logic, tmp_path):
    screen = simulated(unit=Unit.METERS_PER_SECOND, scale=(0.0, 8.0))
    shown = logic.process(load_screen(tmp_path, screen))
    values, valid = (slicer.util.arrayFromVolume(node)[0] for node in (shown.valueNode, shown.validNode))
    assert np.abs(values - youngs_modulus_kpa(screen.values))[valid == 1].mean() < 1.5
    assert shown.valueNode.GetDisplayNode().GetWindowLevelMax() == pytest.approx(192.0)
    back = elastogramOf(shown.valueNode)
    assert (back.unit, back.value_range) == (Unit.METERS_PER_SECOND, (0.0, 8.0))
    np.testing.assert_allclose(youngs_modulus_kpa(back.values[back.valid]), values[valid == 1], rtol=1e-5)


def test_map_of_values_needs_its_unit(slicer, logic):
    speeds = np.full((1, 30, 40), 2.0, np.float32)
    speeds[0, :5] = 0.0
    volume = slicer.util.addVolumeFromArray(speeds, np.diag([-0.2, -0.3, 1.0, 1.0]), "Map")
    with pytest.raises(MicrocalcError, match="unit"):
        logic.process(volume)
    shown = logic.process(volume, unit="m/s")
    values = slicer.util.arrayFromVolume(shown.valueNode)[0]
    np.testing.assert_allclose(values[5:], 12.0)
    assert (values[:5] == VOID_VALUE).all()
    np.testing.assert_allclose(ijkToRas(shown.valueNode), ijkToRas(volume))
    assert shown.screenNode is None


def test_file_is_converted_and_converting_it_again_replaces_the_nodes(slicer, logic, tmp_path):
    path = tmp_path / "capture.png"
    Image.fromarray(simulated().frame).save(path)
    first = logic.process(path)
    before = node_names(slicer)
    second = logic.process(str(path), opacity=0.6)
    assert second == first
    assert node_names(slicer) == before
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(first.screenNode)[0], simulated().frame)


def test_converting_again_leaves_other_screens_alone(slicer, logic, tmp_path, screen_node):
    other = logic.process(load_screen(tmp_path, name="Other"))
    first = logic.process(screen_node)
    before, time = node_names(slicer), other.valueNode.GetMTime()
    assert logic.process(screen_node, opacity=0.4) == first
    assert node_names(slicer) == before
    assert other.valueNode.GetMTime() == time


@pytest.mark.parametrize("given", [{"opacity": 2.0}, {"valuesAtEnds": (5.0, 5.0)}, {"box": (0, 0, 9999, 9)}])
def test_refused_conversion_leaves_nothing_behind(slicer, logic, screen_node, given):
    before = node_names(slicer)
    with pytest.raises(MicrocalcError):
        logic.process(screen_node, **given)
    assert node_names(slicer) == before


def test_failure_half_way_leaves_nothing_behind(slicer, logic, screen_node, monkeypatch):
    def fail(*_):
        raise RuntimeError("no memory")

    before = node_names(slicer)
    monkeypatch.setattr(elastogramnodes, "displayValues", fail)
    with pytest.raises(RuntimeError):
        logic.process(screen_node)
    assert node_names(slicer) == before


def test_gray_screen_and_label_map_are_refused(slicer, logic):
    gray = plain_volume(slicer, np.full((60, 80, 3), 90, np.uint8))
    with pytest.raises(MicrocalcError, match="does not tell"):
        logic.process(gray)
    labels = slicer.util.addVolumeFromArray(np.ones((1, 9, 9), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    with pytest.raises(MicrocalcError, match="label map"):
        logic.process(labels)


def test_elastogram_survives_saving_and_loading_the_scene(slicer, logic, screen_node):
    shown = logic.process(screen_node)
    before = elastogramOf(shown.valueNode)
    slicer.mrmlScene.SetSaveToXMLString(1)
    slicer.mrmlScene.Commit()
    text = slicer.mrmlScene.GetSceneXMLString()
    names = [node.GetName() for node in (shown.valueNode, shown.validNode, shown.screenNode, shown.bModeNode)]
    pixels = [slicer.util.arrayFromVolume(slicer.util.getNode(name)).copy() for name in names]
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.SetLoadFromXMLString(1)
    slicer.mrmlScene.SetSceneXMLString(text)
    slicer.mrmlScene.Import()
    for name, array in zip(names, pixels, strict=True):  # pixels lie in files of their own
        slicer.util.updateVolumeFromArray(slicer.util.getNode(name), array)
    after = elastogramOf(slicer.util.getNode(names[0]))
    np.testing.assert_array_equal(after.values, before.values)
    for part in ("unit", "value_range", "spacing_mm", "box", "panel", "b_mode_offset", "quality", "warnings", "source"):
        assert getattr(after, part) == getattr(before, part), part


def test_deleted_screen_is_told(slicer, logic, screen_node):
    shown = logic.process(screen_node)
    slicer.mrmlScene.RemoveNode(screen_node)
    with pytest.raises(MicrocalcError, match="convert the screen again"):
        elastogramOf(shown.valueNode)


def test_scene_tells_no_folder_of_the_file(slicer, logic, tmp_path):
    path = tmp_path / "capture.png"
    Image.fromarray(simulated().frame).save(path)
    logic.process(path)
    slicer.mrmlScene.SetSaveToXMLString(1)
    slicer.mrmlScene.Commit()
    assert tmp_path.name not in slicer.mrmlScene.GetSceneXMLString()
