"""Which views show an image, and where they look."""

import numpy as np
import pytest

from MicrocalcAISlicer import inputvolume, showing, views


def test_only_the_views_that_show_the_image_are_centered_and_zoomed(slicer, make_volume, make_view):
    matrix = np.diag([-0.08, -0.05, 1.0, 1.0])
    matrix[:3, 3] = (12.5, -40.0, 7.25)
    left, right = make_volume("L", ijk_to_ras=matrix), make_volume("R")
    leftView, _ = make_view("MG1", left)
    rightView, _ = make_view("MG2", right)
    for view in (leftView, rightView):
        view.SetFieldOfView(300.0, 200.0, 1.0)
    views.centerViews(left, 44.0, 61.5, 20.0)
    center = slicer.util.arrayFromVTKMatrix(leftView.GetSliceToRAS())[:3, 3]
    np.testing.assert_allclose(center, inputvolume.pixelToWorld(left, 44.0, 61.5), atol=1e-6)
    assert leftView.GetFieldOfView() == pytest.approx((30.0, 20.0, 1.0))
    assert rightView.GetFieldOfView() == pytest.approx((300.0, 200.0, 1.0))


def test_image_that_no_view_shows_is_shown_in_all(make_volume, make_view):
    first, second = make_volume("L"), make_volume("R")
    _, red = make_view("Red", first)
    _, green = make_view("Green")
    showing.showVolume(second)
    assert [views.backgroundVolume(view) for view in (red, green)] == [second, second]


def test_image_that_a_view_shows_leaves_the_other_views_alone(make_volume, make_view):
    first, second = make_volume("L"), make_volume("R")
    _, red = make_view("Red", first)
    _, green = make_view("Green", second)
    showing.showVolume(second)
    assert [views.backgroundVolume(view) for view in (red, green)] == [first, second]
