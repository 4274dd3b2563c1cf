"""The DICOM plugin: which files it offers, what it warns of, and what it loads."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest

from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_cine, simulate_screen, write_dicom
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcSlicerShared.geometry import ijkToRas
from mrml.elastography_scene import simulated
from stand_ins import application

application.start()

from DICOMElastographyPlugin import (  # noqa: E402, needs the stand-ins
    DICOMElastographyPlugin,
    DICOMElastographyPluginClass,
)

SLICER_SCALAR_VOLUME, SLICER_IMAGE_SEQUENCE = 0.5, 0.7


class Database:
    """Values of files, as Slicer's DICOM database gives them: '' when missing."""

    def fileValue(self, file, tag):
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        group, element = (int(part, 16) for part in tag.split(","))
        found = dataset.get((group, element))
        return "" if found is None else str(found.value)


@pytest.fixture
def plugin(slicer, monkeypatch):
    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    return DICOMElastographyPluginClass()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "screen.dcm"
    write_dicom([simulated()], path)
    return str(path)


def changed(file, name, change):
    dataset = pydicom.dcmread(file)
    change(dataset)
    path = file.replace("screen", name)
    dataset.save_as(path)
    return path


def test_without_its_packages_the_plugin_leaves_ultrasound_to_slicer(plugin, file, monkeypatch):
    monkeypatch.setitem(sys.modules, "MicrocalcElastographyLib.screen_calibration", None)  # import fails
    assert plugin.examineForImport([[file]]) == []


def test_elastogram_is_offered_before_slicers_own_plugins(plugin, file):
    (loadable,) = plugin.examineForImport([[file]])
    assert loadable.confidence > SLICER_IMAGE_SEQUENCE
    assert loadable.selected
    assert loadable.files == [file]
    assert loadable.name == "Simulated elastogram elastogram"
    assert loadable.warning == ""


def test_other_images_are_left_to_other_plugins(plugin, file, tmp_path):
    def gray(dataset):
        pixels = dataset.pixel_array.mean(axis=2, keepdims=True).astype(np.uint8)
        dataset.PixelData = np.repeat(pixels, 3, axis=2).tobytes()

    def mammography(dataset):
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"

    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(Path(file).read_bytes()[:3000])
    files = [changed(file, "gray", gray), changed(file, "mammogram", mammography), str(damaged)]
    assert plugin.examineForImport([files]) == []


def test_scale_that_cannot_be_read_is_offered_below_the_image_sequence_and_told(plugin, file):
    bar = simulated().bar

    def without_labels(dataset):
        pixels = dataset.pixel_array.copy()
        pixels[:, bar.right + 1 :] = 0
        dataset.PixelData = pixels.tobytes()

    (loadable,) = plugin.examineForImport([[changed(file, "unlabeled", without_labels)]])
    assert SLICER_SCALAR_VOLUME < loadable.confidence < SLICER_IMAGE_SEQUENCE
    assert not loadable.selected
    assert "values at both ends" in loadable.warning


def test_files_are_examined_once(plugin, file, monkeypatch):
    first = plugin.examineForImport([[file]])
    monkeypatch.setattr(Database, "fileValue", None)
    assert plugin.examineForImport([[file]]) == first


def test_missing_calibration_is_told(plugin, file):
    def uncalibrated(dataset):
        del dataset.SequenceOfUltrasoundRegions

    (loadable,) = plugin.examineForImport([[changed(file, "uncalibrated", uncalibrated)]])
    assert "depth ruler" in loadable.warning


def test_color_doppler_is_not_taken_for_elasticity(plugin, tmp_path):
    path = tmp_path / "doppler.dcm"
    parameters = PhantomParameters(unit=Unit.METERS_PER_SECOND, scale=(-8.0, 8.0))
    write_dicom([simulate_screen(parameters)], path)
    assert plugin.examineForImport([[str(path)]]) == []


def test_screen_of_several_regions_is_loaded_with_its_spacing(slicer, plugin, file):
    (loadable,) = plugin.examineForImport([[file]])
    node = plugin.load(loadable)
    np.testing.assert_allclose(ijkToRas(node), np.diag([-0.1, -0.1, 1.0, 1.0]))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node)[0], simulated().frame)
    assert node.GetAttribute("DICOM.instanceUIDs") == str(pydicom.dcmread(file).SOPInstanceUID)
    shown = MicrocalcElastographyLogic().process(node)
    assert shown.screenNode is node


def test_cine_becomes_a_slice_for_each_different_elastogram(slicer, plugin, tmp_path):
    cine = simulate_cine(PhantomParameters(), 4, 2)
    path = tmp_path / "cine.dcm"
    write_dicom(cine, path)
    (loadable,) = plugin.examineForImport([[str(path)]])
    slices = slicer.util.arrayFromVolume(plugin.load(loadable))
    assert len(slices) == 2
    np.testing.assert_array_equal(slices[1], cine[2].frame)


def test_module_is_hidden_and_registers_the_plugin(slicer):
    parent = SimpleNamespace()
    DICOMElastographyPlugin(parent)
    assert parent.hidden
    assert slicer.modules.dicomPlugins["DICOMElastographyPlugin"] is DICOMElastographyPluginClass
