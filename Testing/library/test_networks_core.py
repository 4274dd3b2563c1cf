"""The parts that all networks share: tiles, grid, contrast, catalogue, memory fallback."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from MicrocalcAILib.base.errors import MissingPackageError, ModelError, ParameterError  # noqa: E402
from MicrocalcAILib.base.progress import Cancelled  # noqa: E402
from MicrocalcAILib.networks import runtime as runtime_module  # noqa: E402
from MicrocalcAILib.networks.catalogue import (  # noqa: E402
    find_network,
    load_weights,
    networks,
    read_network,
    write_network,
)
from MicrocalcAILib.networks.image import local_contrast, resampled  # noqa: E402
from MicrocalcAILib.networks.onnx_runtime import OnnxRuntime, onnx_file  # noqa: E402
from MicrocalcAILib.networks.pyramid import MeanNearness, PyramidRegressor  # noqa: E402
from MicrocalcAILib.networks.regressor import SpeckRegressor  # noqa: E402
from MicrocalcAILib.networks.runtime import Runtime, with_memory_fallback  # noqa: E402
from MicrocalcAILib.networks.tiles import Reach, run_in_tiles, tiles_following  # noqa: E402
from references import contrast  # noqa: E402

CPU = Runtime("cpu", "float32")


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(310, 275)).astype(np.float32)


class Pyramid(torch.nn.Module):
    """Two levels: what a pixel gets depends on where it lies on the coarse grid."""

    REACH = Reach(stride=2, margin=8)

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fine, self.coarse = torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.Conv2d(1, 1, 3, 2, 1)

    def forward(self, values):
        fine = self.fine(values)
        return fine + torch.nn.functional.interpolate(self.coarse(fine), size=values.shape[-2:], mode="nearest")


def _whole(network, image):
    rows, columns = image.shape
    padded = np.pad(image, [(0, rows % 2), (0, columns % 2)], mode="edge")
    with torch.inference_mode():
        return network(torch.from_numpy(padded)[None, None])[0, 0].numpy()[:rows, :columns]


@pytest.mark.parametrize("tile", [20, 64, 90, 1000])
def test_tiles_give_the_map_of_the_whole_image(image, tile):
    rows, columns = np.indices(image.shape)
    mask = (rows - 140) ** 2 + (columns - 20) ** 2 < 130**2
    found, warnings = run_in_tiles(image, mask, Pyramid(), CPU, Pyramid.REACH, tile)
    np.testing.assert_allclose(found[mask], _whole(Pyramid(), image)[mask], atol=1e-5)
    assert warnings == ()


@pytest.mark.parametrize("tile", [96, 160, 240])
def test_tiles_give_the_map_of_the_whole_image_of_the_pyramid_that_selects(image, tile):
    torch.manual_seed(1)
    widths = (4, 4, 4, 4, 4)
    network = MeanNearness([PyramidRegressor(widths, 4).eval()])
    reach = SpeckRegressor(network, {"architecture": {"widths": widths}}, CPU).reach
    assert (reach.stride, reach.margin) == (16, 48)
    image = np.pad(image, [(0, 10), (0, 13)])  # 320 × 288: as the network wants it
    mask = np.ones(image.shape, bool)
    found, _ = run_in_tiles(image * 5, mask, network, CPU, reach, tile)
    with torch.inference_mode():
        whole = network(torch.from_numpy(image * 5)[None, None])[0, 0].numpy()
    assert np.ptp(whole) > 0.01
    np.testing.assert_allclose(found, whole, atol=1e-6)


def test_a_shift_by_the_stride_shifts_the_map(image):
    mask = np.zeros(image.shape, bool)
    mask[40:200, 40:200] = True
    found, _ = run_in_tiles(image, mask, Pyramid(), CPU, Pyramid.REACH, 60)
    moved, _ = run_in_tiles(np.roll(image, 2, 1), np.roll(mask, 2, 1), Pyramid(), CPU, Pyramid.REACH, 60)
    np.testing.assert_allclose(moved[:, 2:][mask[:, :-2]], found[:, :-2][mask[:, :-2]], atol=1e-5)


def test_tiles_follow_the_mask_and_cover_it_once():
    rows, columns = np.indices((3000, 1400))
    mask = (rows - 1500) ** 2 / 1400**2 + columns**2 / 1300**2 < 1
    covered = np.zeros(mask.shape, int)
    computed = 0
    for rows, columns in tiles_following(mask, 576, Reach(16, 48, overlook=1)):
        covered[rows, columns] += 1
        sides = [part.stop - part.start + 2 * 48 for part in (rows, columns)]
        assert all(part.start == 0 or part.start % 16 == 1 for part in (rows, columns))
        assert sides[0] * sides[1] <= 577 * 576
        computed += sides[0] * sides[1]
    assert covered.max() == 1
    assert (covered[mask] == 1).all()
    assert covered.sum() < 1.2 * mask.sum()
    assert computed < 1.7 * mask.sum()


def test_without_a_mask_nothing_is_computed(image):
    found, _ = run_in_tiles(image, np.zeros(image.shape, bool), None, Nothing(), Reach(2, 8))
    assert (found == 0).all()


class Nothing(Runtime):
    def evaluator(self, network):
        return pytest.fail


def test_tiles_can_be_cancelled(image):
    def cancel(stage, done, total):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run_in_tiles(image, np.ones(image.shape, bool), torch.nn.Identity(), CPU, Reach(1, 0), progress=cancel)


def test_a_network_gives_the_same_numbers_with_and_without_pytorch(image):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    stored = OnnxRuntime().load(onnx_file(Pyramid(), 16), "pyramid")
    mask = np.ones(image.shape, bool)
    found, _ = run_in_tiles(image, mask, stored, OnnxRuntime(), Pyramid.REACH, 100)
    expected, _ = run_in_tiles(image, mask, Pyramid(), CPU, Pyramid.REACH, 100)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("content", [b"", b"no network", bytes(1000)])
def test_a_damaged_onnx_file_is_refused_in_one_sentence(content):
    pytest.importorskip("onnxruntime")
    with pytest.raises(ModelError, match="cannot be read; restore it"):
        OnnxRuntime().load(content, "mine")


def test_a_full_graphics_card_leads_to_smaller_parts_and_then_to_the_processor_and_is_said():
    tried = []

    def attempt(runtime, size):
        tried.append((runtime.device, size))
        if runtime.device == "cuda":
            raise torch.OutOfMemoryError
        return "done"

    result, warnings = with_memory_fallback(Runtime("cuda"), 512, 256, attempt)
    assert result == "done"
    assert tried == [("cuda", 512), ("cuda", 256), ("cpu", 256)]
    assert [warning.code for warning in warnings] == ["gpu-memory-cpu"]


def test_a_processor_that_runs_out_of_memory_is_not_hidden():
    def attempt(runtime, size):
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        with_memory_fallback(CPU, 512, 256, attempt)


def test_an_unknown_or_absent_device_is_refused():
    with pytest.raises(ParameterError, match="Unknown device"):
        Runtime.choose("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ParameterError, match="has none"):
            Runtime.choose("cuda")


def test_without_pytorch_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(runtime_module, "has_torch", lambda: False)
    with pytest.raises(MissingPackageError, match="pip install torch"):
        Runtime.choose()


def test_positions_on_the_grid_are_those_in_the_image():
    pixels = np.zeros((300, 200), np.float32)
    pixels[150, 60] = 1
    for spacing in (0.05, 0.07, 0.1):
        grid = resampled(pixels, (spacing, spacing), 0.07, box=(40, 290, 10, 190))
        row, column = grid.at(np.array([150]), np.array([60]))
        peak = np.unravel_index(np.argmax(grid.values), grid.values.shape)
        assert abs(peak[0] - row[0]) <= 1
        assert abs(peak[1] - column[0]) <= 1


@pytest.mark.parametrize("shape", [(310, 275), (40, 700), (90, 1)])
def test_local_contrast_is_that_of_the_plain_formula_also_at_the_borders(shape):
    values = np.random.default_rng(1).normal(1000, 20, shape).cumsum(axis=0).astype(np.float32)
    inside = np.indices(shape).sum(axis=0) > 30
    expected = contrast.local_contrast(values, inside, 0.07)
    assert local_contrast(values, inside, 0.07) == pytest.approx(expected, abs=2e-3)


def test_local_contrast_does_not_depend_on_gain_and_offset(image):
    inside = np.ones(image.shape, bool)
    once = local_contrast(image, inside, 0.07)
    again = local_contrast((image * 37 + 1000).astype(np.float32), inside, 0.07)
    assert again == pytest.approx(once, abs=2e-3)


def test_local_contrast_of_a_blank_image_is_finite():
    blank = np.zeros((64, 64), np.float32)
    assert np.isfinite(local_contrast(blank, np.ones(blank.shape, bool), 0.07)).all()
    assert np.isfinite(local_contrast(blank, np.zeros(blank.shape, bool), 0.07)).all()


@pytest.fixture
def stored(tmp_path, monkeypatch):
    monkeypatch.setenv("MICROCALC_MODELS", str(tmp_path))
    layer = torch.nn.Linear(3, 2)
    write_network(tmp_path / "Mine", "test network", 1, {"name": "Mine"}, {"layer": layer.state_dict()})
    return layer


def test_a_folder_dropped_into_the_users_models_is_in_the_catalogue(stored):
    assert list(networks("test network")) == ["Mine"]
    card, weights = read_network("Mine", "test network", 1)
    other = torch.nn.Linear(3, 2)
    load_weights(other, weights["layer"], "Mine")
    assert card["name"] == "Mine"
    assert torch.equal(other.weight, stored.weight)


def test_half_precision_halves_the_file_and_keeps_three_digits(tmp_path):
    layer = torch.nn.Linear(300, 200)
    for name, half in (("full", False), ("half", True)):
        write_network(tmp_path / name, "test network", 1, {}, {"layer": layer.state_dict()}, half_precision=half)
    sizes = [(tmp_path / name / "layer.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.51 * sizes[0]
    _, weights = read_network(tmp_path / "half", "test network", 1)
    assert weights["layer"]["weight"].dtype == torch.float32
    assert torch.allclose(weights["layer"]["weight"], layer.weight, rtol=1e-3, atol=1e-6)


def test_an_unknown_model_is_refused_with_those_that_are_there(stored):
    with pytest.raises(ModelError, match="Mine"):
        find_network("Yours")


def test_altered_or_unfitting_weights_are_refused_in_one_sentence(stored, tmp_path):
    with pytest.raises(ModelError, match="do not fit"):
        load_weights(torch.nn.Linear(4, 2), stored.state_dict(), "Mine")
    weights = tmp_path / "Mine" / "layer.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="was altered"):
        read_network("Mine", "test network", 1)
    card = tmp_path / "Mine" / "card.json"
    content = json.loads(card.read_text())
    import hashlib

    weights.write_bytes(b"nonsense")
    content["sha256"]["layer.safetensors"] = hashlib.sha256(b"nonsense").hexdigest()
    card.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="cannot be read"):
        read_network("Mine", "test network", 1)
