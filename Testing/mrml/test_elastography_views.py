"""What the two linked views show, drawn by the slice logics without a window."""

import numpy as np
import pytest
from vtk.util import numpy_support

from MicrocalcElastographySlicer import views
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from mrml.elastography_scene import load_screen, ras, simulated

WIDTH, HEIGHT = 300, 250


@pytest.fixture
def slice_logics(slicer):
    """The logics of both views, as the layout makes them."""
    logics = {}
    for name in (views.B_MODE_VIEW, views.STIFFNESS_VIEW):
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        logic.SetMRMLScene(slicer.mrmlScene)
        node = logic.AddSliceNode(name)
        node.SetOrientation("Axial")
        node.SetDimensions(WIDTH, HEIGHT, 1)
        logics[name] = logic
    return logics


def color_at(logic, place):
    """Red, green and blue that a view shows at a place of the world."""
    logic.UpdatePipeline()
    output = logic.GetImageDataConnection()
    output.GetProducer().Update()
    image = output.GetProducer().GetOutputDataObject(output.GetIndex())
    columns, rows, _ = image.GetDimensions()
    pixels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)
    to_ras = logic.GetSliceNode().GetXYToRAS()
    inverse = np.linalg.inv([[to_ras.GetElement(i, j) for j in range(4)] for i in range(4)])
    x, y, _, _ = inverse @ [*place, 1.0]
    return pixels[round(y), round(x), :3].astype(int)


@pytest.fixture
def shown(slicer, slice_logics, tmp_path):
    """A converted screen side by side; its node."""
    node = load_screen(tmp_path)
    views.showSideBySide(MicrocalcElastographyLogic().process(node))
    for logic in slice_logics.values():
        logic.FitSliceToAll(WIDTH, HEIGHT)
    return node


def places(node):
    """Middle of the lesion, of a void, and a place of the panel outside the box."""
    screen = simulated()
    top, left = screen.box.top, screen.box.left
    lesion, void = (np.argwhere(mask).mean(axis=0) for mask in (screen.lesion, screen.void))
    nearest = min(np.argwhere(screen.void), key=lambda place: np.abs(place - void).sum())
    return (
        ras(node, top + lesion[0], left + lesion[1]),
        ras(node, top + nearest[0], left + nearest[1]),
        ras(node, screen.color_panel.bottom - 10, screen.color_panel.left + 10),
    )


def is_gray(color):
    return np.ptp(color) <= 2


def test_the_left_view_shows_b_mode_alone(shown, slice_logics):
    for place in places(shown):
        assert is_gray(color_at(slice_logics[views.B_MODE_VIEW], place))


def test_the_right_view_shows_stiffness_in_color_and_void_as_b_mode(shown, slice_logics):
    lesion, void, outside = (color_at(slice_logics[views.STIFFNESS_VIEW], place) for place in places(shown))
    assert lesion[0] > 150
    assert lesion[2] < 100
    assert is_gray(void)
    assert is_gray(outside)


def test_both_views_show_the_same_b_mode_at_the_same_place(shown, slice_logics):
    _, void, outside = places(shown)
    for place in (void, outside):
        left, right = (color_at(slice_logics[name], place) for name in (views.B_MODE_VIEW, views.STIFFNESS_VIEW))
        np.testing.assert_allclose(left, right, atol=2)
