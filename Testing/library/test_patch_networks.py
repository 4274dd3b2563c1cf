"""Architectures against the originals, stored weights, and where the probabilities of patches land."""

import json
from dataclasses import replace

import numpy as np
import pytest

from library.known_cluster import film_with_cluster
from MicrocalcAILib.base.errors import ModelError, ParameterError
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.networks import heatmap_inference
from MicrocalcAILib.networks.catalogue import networks
from MicrocalcAILib.networks.heatmap_inference import patch_heatmap, seen_image
from MicrocalcAILib.networks.judged_patches import cut, patch_probabilities, sliding_probabilities
from MicrocalcAILib.networks.patch_networks import (
    BUNDLED,
    KIND,
    Architecture,
    PatchInput,
    PatchModel,
    write_patch_network,
)
from MicrocalcAILib.networks.runtime import Runtime
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.segmentation.breast import BreastRegion, find_breast
from patch_examples import brightness_card, brightness_network

torch = pytest.importorskip("torch")
EXACT = Runtime("cpu", "float32")
SMALL = Architecture("alexnet", width=8, pooled=1)


@pytest.mark.parametrize(
    ("name", "original", "first_filter", "last_inputs"),
    [
        ("alexnet", 61_100_840, 64 * 11 * 11, 4096),
        ("resnet18", 11_689_512, 64 * 7 * 7, 512),
        ("resnet34", 21_797_672, 64 * 7 * 7, 512),
    ],
)
def test_parameters_are_those_of_the_original_less_two_channels_and_998_classes(
    name, original, first_filter, last_inputs
):
    count = sum(parameter.numel() for parameter in Architecture(name).build().parameters())
    assert count == original - 2 * first_filter - 998 * (last_inputs + 1)


def test_alexnet_leaves_six_by_six_of_224_pixels_and_two_by_two_of_112():
    features = SMALL.build()[:13]
    with torch.inference_mode():
        assert features(torch.zeros(1, 1, 224, 224)).shape == (1, 256, 6, 6)
        assert features(torch.zeros(1, 1, 112, 112)).shape == (1, 256, 2, 2)


def test_resnet_halves_the_patch_five_times():
    network = Architecture("resnet18").build().eval()
    with torch.inference_mode():
        assert network[:-3](torch.zeros(1, 1, 112, 112)).shape == (1, 512, 4, 4)
        assert network(torch.zeros(3, 1, 112, 112)).shape == (3, 2)


def test_unknown_architectures_and_inputs_are_refused():
    with pytest.raises(ParameterError, match="alexnet, resnet18, resnet34"):
        Architecture("vgg")
    with pytest.raises(ParameterError, match="16 to 1024 pixels"):
        PatchInput(side=4)


@pytest.fixture
def stored(tmp_path):
    torch.manual_seed(5)
    network = SMALL.build().eval()
    write_patch_network(tmp_path / "net", SMALL, PatchInput(side=64), network, {"name": "net", "task": "detection"})
    return tmp_path / "net", network


def test_a_stored_network_is_the_same_up_to_half_precision(stored):
    folder, network = stored
    model = PatchModel.load(folder)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(model.network.state_dict()[name], value.half().float(), rtol=0, atol=0)
    assert model.input == PatchInput(side=64)
    assert model.provenance()["sha256"] == {"network.safetensors": model.sha256}


def test_altered_weights_are_refused_in_one_sentence(stored):
    weights = stored[0] / "network.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ModelError, match="was altered"):
        PatchModel.load(stored[0])


def test_missing_weights_are_refused_in_one_sentence(stored):
    (stored[0] / "network.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        PatchModel.load(stored[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": {"name": "resnet18"}}, "do not fit"),
        ({"architecture": {"name": "vgg"}}, "incomplete"),
        ({"task": "density"}, "another task"),
        ({"kind": "detector"}, "not a patch network"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(stored, change, message):
    card = stored[0] / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        PatchModel.load(stored[0])


def breast_of(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else (slice(0, 0),) * 2
    return BreastRegion(mask, box, "left", None, 10.0)


@pytest.fixture(scope="module")
def bright_spot():
    """Pixels of 0.08 × 0.05 mm, breast from row 40 and column 30 on, bright specks around row 260, column 610."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(1000, 10, (400, 900)).astype(np.float32)
    pixels[254:266, 600:620] += 1500 * (rng.random((12, 20)) < 0.25)
    mask = np.zeros(pixels.shape, bool)
    mask[40:380, 30:850] = True
    return Mammogram(pixels, (0.08, 0.05), origin_lps_mm=(5.0, 6.0, 7.0)), breast_of(mask)


def brightness(**changes):
    return PatchModel({**brightness_card(), **changes}, brightness_network())


def test_bright_specks_light_up_the_cell_over_them(bright_spot):
    mammogram, breast = bright_spot
    heatmap, warnings = patch_heatmap(mammogram, breast, brightness(), runtime=EXACT)
    assert not warnings
    row, column = np.unravel_index(np.nanargmax(heatmap.probabilities), heatmap.probabilities.shape)
    place_mm = [heatmap.first_center_mm[axis] + (row, column)[axis] * heatmap.spacing_mm[axis] for axis in (0, 1)]
    assert np.abs(np.array(place_mm) - (260 * 0.08, 610 * 0.05)).max() <= 1.6 + 0.5
    assert heatmap.maximum > 0.5 > np.sort(heatmap.probabilities[np.isfinite(heatmap.probabilities)])[-5]
    assert heatmap.image_origin_lps_mm == (5.0, 6.0, 7.0)
    assert heatmap.spacing_mm == pytest.approx((3.2, 3.2), rel=0.01)


def test_cells_cover_the_breast_and_nothing_far_from_it(bright_spot):
    mammogram, breast = bright_spot
    for stride_mm in (None, 1.6, 0.8):
        heatmap, _ = patch_heatmap(mammogram, breast, brightness(), stride_mm, EXACT)
        known = np.isfinite(heatmap.probabilities)
        for axis, (first_mm, last_mm) in enumerate(((40 * 0.08, 380 * 0.08), (30 * 0.05, 850 * 0.05))):
            cells = np.flatnonzero(known.any(axis=1 - axis))
            step, start = heatmap.spacing_mm[axis], heatmap.first_center_mm[axis]
            assert start + (cells[0] - 0.5) * step <= first_mm + 0.1
            assert start + (cells[-1] + 0.5) * step >= last_mm - 0.1 - 0.05 * step
            assert start + (cells[0] + 0.5) * step >= first_mm - 0.1
            assert start + (cells[-1] - 0.5) * step <= last_mm + 0.1


def test_a_finer_stride_repeats_the_coarse_patches_and_adds_others(bright_spot):
    mammogram, breast = bright_spot
    coarse, _ = patch_heatmap(mammogram, breast, brightness(), runtime=EXACT)
    fine, _ = patch_heatmap(mammogram, breast, brightness(), 0.8, EXACT)
    found = {
        (
            round(fine.first_center_mm[0] + i * fine.spacing_mm[0], 3),
            round(fine.first_center_mm[1] + j * fine.spacing_mm[1], 3),
        ): value
        for (i, j), value in np.ndenumerate(fine.probabilities)
    }
    compared = 0
    for (i, j), value in np.ndenumerate(coarse.probabilities):
        place = tuple(
            round(coarse.first_center_mm[axis] + (i, j)[axis] * coarse.spacing_mm[axis], 3) for axis in (0, 1)
        )
        if np.isfinite(value) and np.isfinite(found.get(place, np.nan)):
            assert found[place] == value
            compared += 1
    assert compared > 0.8 * np.isfinite(coarse.probabilities).sum()
    assert np.isfinite(fine.probabilities).sum() > 10 * np.isfinite(coarse.probabilities).sum()


def test_batches_give_what_single_patches_give(bright_spot):
    mammogram, breast = bright_spot
    torch.manual_seed(1)
    card = brightness_card(side=64)
    model = PatchModel(card, SMALL.build().eval())
    values = seen_image(mammogram.pixels, breast.mask, mammogram.spacing_mm, model.input).grid.values
    corners = np.array([(row, column) for row in (-20, 30, 200) for column in (0, 64, 300, 400)])
    together = patch_probabilities(values, corners, model, EXACT, batch=5)
    alone = patch_probabilities(values, corners, model, EXACT, batch=1)
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("name", ["alexnet", "resnet18"])
def test_a_slid_network_sees_what_lies_beyond_a_patch_and_no_band_or_border_of_its_own(name):
    torch.manual_seed(2)
    architecture = Architecture(name, width=8, pooled=2)
    model = PatchModel({"architecture": {"name": name}, "input": {"side": 112}}, architecture.build().eval())
    values = np.random.default_rng(0).normal(size=(160, 150)).astype(np.float32)
    starts = [np.arange(-1, count) * 32 for count in (3, 2)]
    cells = np.ones((4, 3), bool)
    cells[0, :] = cells[2, 1] = False
    corners = np.array([(starts[0][row], starts[1][column]) for row, column in np.argwhere(cells)])
    found = sliding_probabilities(values, corners, model, EXACT, band=2)
    np.testing.assert_allclose(found, sliding_probabilities(values, corners, model, EXACT), atol=1e-5)

    around = 256  # pixels beyond the patch, more than its features see
    pooling = {"alexnet": 13, "resnet18": 12}[name]
    for number in (0, 6):
        row, column = corners[number]
        wide = cut(values, row - around, column - around, (112 + 2 * around,) * 2)
        with torch.inference_mode():
            features = model.network[:pooling](torch.from_numpy(wide)[None, None])
            span = {"alexnet": 2, "resnet18": 4}[name]
            own = features[..., 8 : 8 + span, 8 : 8 + span]
            expected = model.network[pooling:](own).softmax(1)[0, 1]
        assert found[number] == pytest.approx(float(expected), abs=1e-5)


def test_the_bundled_network_says_the_same_in_bands_of_any_height():
    model = PatchModel.load("PatchDetection")
    values = np.random.default_rng(0).normal(size=(420, 300)).astype(np.float32)
    corners = np.array([(32 * row, 32 * column) for row in range(-1, 11) for column in range(-1, 8)])
    narrow, whole = (sliding_probabilities(values, corners, model, EXACT, band) for band in (1, 64))
    np.testing.assert_allclose(narrow, whole, atol=1e-6)


def test_the_detection_network_is_slid_and_malignancy_is_asked_about_patches_cut_out(bright_spot, monkeypatch):
    asked = []
    for way in ("sliding_probabilities", "patch_probabilities"):
        real = getattr(heatmap_inference, way)
        monkeypatch.setattr(
            heatmap_inference, way, lambda *arguments, way=way, real=real: asked.append(way) or real(*arguments)
        )
    heatmap, _ = patch_heatmap(*bright_spot, PatchModel.load("PatchMalignancy"), 2.24, EXACT)
    assert asked == ["sliding_probabilities", "patch_probabilities"]
    assert heatmap.spacing_mm == pytest.approx((2.24, 2.24), rel=0.01)
    assert np.isfinite(heatmap.probabilities).sum() > 0


def test_gain_and_offset_of_the_image_do_not_matter(bright_spot):
    mammogram, breast = bright_spot
    changed = Mammogram(mammogram.pixels * np.float32(7) + np.float32(300), mammogram.spacing_mm)
    first, second = (patch_heatmap(image, breast, brightness(), runtime=EXACT)[0] for image in (mammogram, changed))
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-3)


def test_malignancy_is_asked_only_where_the_detection_network_sees_something(bright_spot):
    detection = brightness(threshold=0.5)
    malignancy = PatchModel(brightness_card("malignancy"), brightness_network(), detection)
    found, _ = patch_heatmap(*bright_spot, detection, runtime=EXACT)
    judged, _ = patch_heatmap(*bright_spot, malignancy, runtime=EXACT)
    np.testing.assert_array_equal(np.isfinite(judged.probabilities), found.probabilities >= 0.5)
    assert 0 < np.isfinite(judged.probabilities).sum() < 10
    nothing = PatchModel(malignancy.card, malignancy.network, brightness(threshold=1.1))
    assert np.isnan(patch_heatmap(*bright_spot, nothing, runtime=EXACT)[0].probabilities).all()


def test_what_the_detection_network_said_in_its_own_heatmap_is_not_computed_again(bright_spot):
    detection = brightness(threshold=0.5)
    malignancy = PatchModel(brightness_card("malignancy"), brightness_network(), detection)
    expected, _ = patch_heatmap(*bright_spot, malignancy, runtime=EXACT)
    drawn, _ = patch_heatmap(*bright_spot, detection, runtime=EXACT)
    never_asked = replace(detection, network=torch.nn.Module())  # it has no forward
    with pytest.raises(NotImplementedError):
        patch_heatmap(*bright_spot, replace(malignancy, only_where=never_asked), runtime=EXACT)
    judged, _ = patch_heatmap(
        *bright_spot, replace(malignancy, only_where=never_asked), runtime=EXACT, drawn=(drawn, expected)
    )
    np.testing.assert_array_equal(judged.probabilities, expected.probabilities)


def test_patches_touch_at_the_widest_stride_and_impossible_ones_are_refused(bright_spot):
    wide, touching = (patch_heatmap(*bright_spot, brightness(), stride, EXACT)[0] for stride in (20.0, None))
    np.testing.assert_array_equal(wide.probabilities, touching.probabilities)
    with pytest.raises(ParameterError, match=r"at least 0\.1 mm"):
        patch_heatmap(*bright_spot, brightness(), 0.0, EXACT)


def test_an_image_without_a_breast_has_one_empty_cell(bright_spot):
    mammogram = bright_spot[0]
    heatmap, _ = patch_heatmap(mammogram, breast_of(np.zeros(mammogram.pixels.shape, bool)), brightness())
    assert np.isnan(heatmap.probabilities).all()
    assert heatmap.labels.tolist() == [[0]]


def test_cancel_is_passed_through_and_progress_ends_at_the_total(bright_spot):
    seen = []
    patch_heatmap(*bright_spot, brightness(), 0.8, EXACT, lambda *step: seen.append(step))
    assert seen[0][:2] == ("heatmap", 0)
    assert seen[-1][1] == seen[-1][2]
    assert len(seen) > 2

    def stop(stage, done, total):
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        patch_heatmap(*bright_spot, brightness(), runtime=EXACT, progress=stop)


@pytest.mark.parametrize("task", BUNDLED)
def test_bundled_networks_are_small_and_say_what_they_are(task):
    folder = resource_path(f"Models/{BUNDLED[task]}")
    model = PatchModel.load(BUNDLED[task])
    assert model.task == task
    assert 0 < model.threshold < 1
    assert BUNDLED[task] in networks(KIND)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 12 * 2**20
    assert model.card["license"] == "Apache-2.0"
    assert "figures" in model.card
    assert ("simulated" in model.notice) == (task == "malignancy")
    assert (model.only_where is not None) == (task == "malignancy")


@pytest.mark.parametrize("task", BUNDLED)
def test_reduced_precision_hardly_changes_the_bundled_networks(task, bright_spot):
    mammogram, breast = bright_spot
    model = PatchModel.load(BUNDLED[task])
    values = seen_image(mammogram.pixels, breast.mask, mammogram.spacing_mm, model.input).grid.values
    corners = np.array([(row, column) for row in (0, 100, 170, 220) for column in range(0, 500, 60)])
    exact, reduced = (
        patch_probabilities(values, corners, model, Runtime("cpu", precision)) for precision in ("float32", "bfloat16")
    )
    assert np.abs(exact - reduced).max() < 0.05


@pytest.mark.slow
def test_overlapping_patches_find_the_cluster_in_a_real_film():
    phantom = film_with_cluster()
    mammogram, inside = phantom.mammogram, np.argwhere(phantom.labels)
    heatmap, _ = patch_heatmap(mammogram, find_breast(mammogram), PatchModel.load("PatchDetection"), stride_mm=3.92)
    rows, columns = (
        slice(*(round((end * mm - first) / step) for end in ends))
        for ends, mm, first, step in zip(
            np.transpose([inside.min(axis=0), inside.max(axis=0) + 1]),
            mammogram.spacing_mm,
            heatmap.first_center_mm,
            heatmap.spacing_mm,
            strict=True,
        )
    )
    assert heatmap.probabilities[rows, columns].max() > 0.8 > 2 * np.nanmedian(heatmap.probabilities)
