"""Where a cluster lies, in a reader's words and never in rows and columns."""

import pytest

from MicrocalcAISlicer.readerplaces import placeInWords

SPACING = (0.1, 0.1)


def record(box):
    return {"spacing_mm": SPACING, "breast_box": box}


@pytest.mark.parametrize(
    ("name", "box", "column", "words"),
    [
        ("L CC", (10, 50, 0, 60), 5, "left breast CC, posterior third, 0 mm from the edge at the chest wall"),
        ("L CC", (10, 50, 0, 60), 50, "left breast CC, anterior third, 5 mm from the edge at the chest wall"),
        ("R MLO", (10, 50, 20, 80), 49, "right breast MLO, middle third, 3 mm from the edge at the chest wall"),
    ],
)
def test_side_view_depth_and_millimeters(make_volume, name, box, column, words):
    text = placeInWords(make_volume(name), record(box), {"row": 40.0, "column": float(column)})
    assert text == f"{words}, 3 mm below the top of the breast"


def test_a_breast_that_reaches_both_edges_or_none_has_no_depth(make_volume):
    for box in ((10, 50, 0, 80), (10, 50, 20, 60)):
        text = placeInWords(make_volume("L CC"), record(box), {"row": 40.0, "column": 30.0})
        assert text == "left breast CC, 3 mm below the top of the breast"


def test_without_a_breast_the_edges_of_the_image_are_named(make_volume):
    text = placeInWords(make_volume("scan"), record((0, 0, 0, 0)), {"row": 40.0, "column": 30.0})
    assert text == "3 mm from the left and 4 mm from the top of the image"


def test_without_a_spacing_nothing_is_invented(make_volume):
    assert placeInWords(make_volume("R CC"), {}, {"row": 40.0, "column": 30.0}) == "right breast CC"


def test_the_panel_says_no_rows_and_columns(panel, make_volume, described):
    from mrml.panel_runs import show

    show(panel, described, make_volume("Right MLO"))
    panel.ui.clusterTable.selectRow(0)
    for text in (panel.ui.clusterLabel.text(), panel.ui.clusterTable.item(0, 0).toolTip()):
        assert "right breast MLO" in text
        assert "column" not in text
