"""The DICOM plugin for mammograms: which files it offers, how sure it is, what it warns of, and what it loads."""

import contextlib
import random
from pathlib import Path
from types import SimpleNamespace

import pydicom
import pytest

from library.dicom_samples import COMPUTED_RADIOGRAPHY, FOR_PROCESSING, SECONDARY_CAPTURE, TOMOSYNTHESIS, saved
from MicrocalcAILib.base.errors import MicrocalcError
from mrml.mammogram_files import Database, file, mammogram
from stand_ins import application

application.start()

from DICOMMammographyPlugin import (  # noqa: E402, needs the stand-ins
    DICOMMammographyPlugin,
    DICOMMammographyPluginClass,
)

SLICER_SCALAR_VOLUME, SLICER_IMAGE_SEQUENCE = 0.5, 0.7
RAW = {"SOPClassUID": FOR_PROCESSING, "PresentationIntentType": "FOR PROCESSING"}
VIEWS = [("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]


@pytest.fixture
def plugin(slicer, monkeypatch):
    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    return DICOMMammographyPluginClass()


@pytest.fixture
def examination(tmp_path):
    """Files of four views that share a study and a series."""
    uids = {name: pydicom.uid.generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID")}
    return [file(tmp_path, f"{index}.dcm", laterality=v[0], view=v[1], **uids) for index, v in enumerate(VIEWS)]


def selected_by_slicer(loadables):
    """Slicer selects of each series the loadables of the highest confidence, whatever the plugin says."""
    highest = max(loadable.confidence for loadable in loadables)
    return [loadable.name for loadable in loadables if loadable.confidence == highest]


def test_four_views_of_a_series_are_offered_one_by_one(plugin, examination):
    loadables = plugin.examineForImport([examination])
    assert [loadable.files for loadable in loadables] == [[path] for path in examination]
    assert [loadable.name for loadable in loadables] == ["R CC 2024", "L CC 2024", "R MLO 2024", "L MLO 2024"]
    assert all(loadable.selected for loadable in loadables)
    assert len(selected_by_slicer(loadables)) == 4
    assert {loadable.warning for loadable in loadables} == {""}


def test_mammograms_are_offered_before_slicers_own_plugins(plugin, tmp_path):
    for attributes in ({}, RAW):
        (loadable,) = plugin.examineForImport([[file(tmp_path, str(len(attributes)), **attributes)]])
        assert SLICER_IMAGE_SEQUENCE < loadable.confidence <= 1


def test_repeated_views_are_told_apart_also_between_series(plugin, tmp_path):
    series = [[file(tmp_path, f"{index}.dcm")] for index in range(3)]
    names = ["R MLO 2024", "R MLO 2024 (2)", "R MLO 2024 (3)"]
    assert [loadable.name for loadable in plugin.examineForImport(series)] == names
    assert [loadable.name for loadable in plugin.examineForImport(series)] == names  # from the cache
    assert [loadable.name for loadable in plugin.examineForImport(series[1:])] == names[:2]


def test_raw_image_is_offered_but_the_one_for_presentation_is_selected(plugin, tmp_path):
    uids = {name: pydicom.uid.generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID")}
    files = [file(tmp_path, "raw.dcm", **RAW, **uids), file(tmp_path, "finished.dcm", **uids)]
    loadables = plugin.examineForImport([files])
    assert {loadable.name: loadable.selected for loadable in loadables} == {
        "R MLO 2024 (raw)": False,
        "R MLO 2024": True,
    }
    assert selected_by_slicer(loadables) == ["R MLO 2024"]


def test_raw_image_alone_is_selected(plugin, tmp_path):
    other = file(tmp_path, "other.dcm", view="CC")
    loadables = plugin.examineForImport([[file(tmp_path, "raw.dcm", **RAW)], [other]])
    assert all(loadable.selected for loadable in loadables)


def test_scanned_film_and_computed_radiographs_of_the_breast_are_offered(plugin, tmp_path):
    film = file(tmp_path, "film.dcm", SOPClassUID=SECONDARY_CAPTURE)
    radiograph = file(tmp_path, "cr.dcm", SOPClassUID=COMPUTED_RADIOGRAPHY, Modality="CR")
    assert len(plugin.examineForImport([[film], [radiograph]])) == 2


def test_other_images_are_left_to_other_plugins(plugin, tmp_path):
    others = {
        "hand": {"Modality": "DX", "BodyPartExamined": "HAND"},
        "ct": {"Modality": "CT"},
        "report": {"Modality": "SR"},
        "palette": {"PhotometricInterpretation": "PALETTE COLOR"},
        "stack": {"SOPClassUID": TOMOSYNTHESIS, "NumberOfFrames": 40},
        "empty": {"Rows": None},
    }
    files = [[file(tmp_path, name, **attributes)] for name, attributes in others.items()]
    assert plugin.examineForImport([*files, []]) == []


def test_synthetic_image_from_tomosynthesis_is_offered_with_its_warning(plugin, tmp_path):
    image_type = ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]
    (loadable,) = plugin.examineForImport([[file(tmp_path, ImageType=image_type)]])
    assert "synthetic 2D" in loadable.warning


def test_unknown_spacing_is_told_before_loading(plugin, tmp_path):
    (loadable,) = plugin.examineForImport([[file(tmp_path, ImagerPixelSpacing=None)]])
    assert "0.07 mm is assumed" in loadable.warning


def test_pixels_are_not_read_to_examine(plugin, tmp_path):
    dataset = mammogram()
    dataset.PixelData = b"\0\0"
    path = str(saved(dataset, tmp_path))
    (loadable,) = plugin.examineForImport([[path]])
    with pytest.raises(MicrocalcError, match=r"^[^.]*\.$"):
        plugin.load(loadable)


def test_files_are_examined_once(plugin, examination, monkeypatch):
    first = plugin.examineForImport([examination])
    monkeypatch.setattr(Database, "fileValue", None)
    assert plugin.examineForImport([examination])[0] is first[0]


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_never_stop_the_examination(plugin, tmp_path, seed, monkeypatch):
    """Slicer's database has indexed them as MG; whatever their bytes are now, other files are still offered."""
    generator = random.Random(seed)
    good = file(tmp_path, "good.dcm")
    data = bytearray(Path(good).read_bytes()[:3000] if seed % 2 else Path(good).read_bytes())
    for _ in range(generator.randrange(1, 30)):
        data[generator.randrange(132, 1500)] = generator.randrange(256)
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(data)
    missing = str(tmp_path / "missing.dcm")
    values = {"0008,0060": "MG", "0020,000D": "1.2"}
    monkeypatch.setattr(Database, "fileValue", lambda self, path, tag: values.get(tag, ""))
    loadables = plugin.examineForImport([[str(damaged), missing, good]])
    assert loadables[-1].files == [good]
    for loadable in loadables[:-1]:
        with contextlib.suppress(MicrocalcError):  # any other exception is a failure
            plugin.load(loadable)


def test_views_lie_below_their_study_with_their_uid(slicer, plugin, examination):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = str(pydicom.dcmread(examination[0]).StudyInstanceUID)
    for loadable, path in zip(plugin.examineForImport([examination]), examination, strict=True):
        volume = plugin.load(loadable)
        assert volume.GetName() == loadable.name
        assert volume.GetAttribute("DICOM.instanceUIDs") == str(pydicom.dcmread(path).SOPInstanceUID)
        parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(volume))
        assert hierarchy.GetItemUID(parent, "DICOM") == study


def test_module_is_hidden_and_registers_the_plugin(slicer):
    parent = SimpleNamespace()
    DICOMMammographyPlugin(parent)
    assert parent.hidden
    assert slicer.modules.dicomPlugins["DICOMMammographyPlugin"] is DICOMMammographyPluginClass
