"""ResNet-50 and VGG-16 as feature extractors: their weights' names, their output, the squares they look at."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from MicrocalcAILib.base.errors import ModelError, ParameterError  # noqa: E402
from MicrocalcAILib.classification.cases import Cases  # noqa: E402
from MicrocalcAILib.networks.detection_operators import import_torchvision  # noqa: E402
from MicrocalcAILib.reading import Mammogram  # noqa: E402
from MicrocalcAILib.training import deep_features as deep  # noqa: E402
from MicrocalcAILib.training.deep_patches import read_cluster_patches  # noqa: E402


def torchvision_models():
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    return import_torchvision().models


@pytest.mark.parametrize(("name", "build"), [("resnet50", deep._resnet50), ("vgg16", deep._vgg16)])
def test_weights_have_the_names_and_shapes_that_torchvision_publishes(name, build):
    models = torchvision_models()
    with torch.device("meta"):  # shapes without memory
        ours = build().state_dict()
        theirs = getattr(models, name)(weights=None).state_dict()
    kept = {key: value.shape for key, value in theirs.items() if not key.startswith(deep._HEADS)}
    assert {key: value.shape for key, value in ours.items()} == kept


def test_with_the_same_weights_the_features_are_those_before_the_last_layer_of_torchvisions_network(tmp_path):
    models = torchvision_models()
    from safetensors.torch import save_file

    torch.manual_seed(3)
    theirs = models.resnet50(weights=None).eval()
    save_file(theirs.state_dict(), tmp_path / "weights.safetensors")
    ours = deep.feature_network("resnet50", tmp_path / "weights.safetensors")
    theirs.fc = torch.nn.Identity()
    images = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))


def test_random_weights_are_those_of_the_seed_and_leave_the_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first, again, other = (deep.feature_network("resnet50", seed=seed) for seed in (5, 5, 6))
    assert torch.rand(1) == expected
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)


def test_wrong_files_and_names_are_refused(tmp_path):
    from safetensors.torch import save_file

    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ModelError, match="no readable safetensors"):
        deep.feature_network("resnet50", tmp_path / "text.safetensors")
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="not those of resnet50"):
        deep.feature_network("resnet50", tmp_path / "other.safetensors")
    with pytest.raises(ParameterError, match="Unknown network"):
        deep.feature_network("alexnet")


def mammogram(spacing_mm=(0.1, 0.1)):
    pixels = np.zeros((300, 400), np.float32)
    pixels[140:161, 240:261] = 100.0
    return Mammogram(pixels=pixels, spacing_mm=spacing_mm)


def test_a_square_shows_its_cluster_in_the_middle_whatever_the_pixels_size():
    box = pd.DataFrame([{"row_min": 140, "row_max": 160, "column_min": 240, "column_max": 260}])
    for spacing in (0.1, 0.2):
        patch = deep.cluster_patches(mammogram((spacing, spacing)), box)[0]
        assert patch.shape == (224, 224)
        assert (patch.min(), patch.max()) == (0, 1)
        rows, columns = np.nonzero(patch > 0.5)
        assert (rows.mean(), columns.mean()) == pytest.approx((111.5, 111.5), abs=1)
        side_mm = max(21 * spacing + 4, 10)
        assert np.ptp(rows) * side_mm / 224 == pytest.approx(21 * spacing, abs=0.3)


def test_no_cluster_gives_no_square_and_no_features():
    none = pd.DataFrame(columns=["row_min", "row_max", "column_min", "column_max"])
    patches = deep.cluster_patches(mammogram(), none)
    assert patches.shape == (0, 224, 224)
    assert deep.deep_features(torch.nn.Identity(), patches, "resnet50").empty


def test_features_are_named_by_their_network_and_follow_the_order_of_the_squares():
    class Means(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3))

    patches = np.stack([np.full((224, 224), value, np.float32) for value in np.linspace(0, 1, 11)])
    features = deep.deep_features(Means(), patches, "resnet50")
    assert list(features) == ["deep_resnet50_0000", "deep_resnet50_0001", "deep_resnet50_0002"]
    expected = (np.linspace(0, 1, 11)[:, None] - np.array(deep._MEAN)) / np.array(deep._DEVIATION)
    np.testing.assert_allclose(features.to_numpy(), expected, atol=1e-4)


def test_squares_come_from_the_images_and_boxes_of_the_results(tmp_path):
    import SimpleITK

    from cluster_examples import example_cases

    cases = example_cases(4)
    cases = Cases(cases.tables, cases.malignant, cases.patients, cases.expected)
    for number, image in enumerate(("image 0", "image 1")):
        folder = tmp_path / "results" / image
        folder.mkdir(parents=True)
        cases.tables.take(cases.tables.clusters.index.get_level_values("image") == image).save(folder)
        boxes = {
            "id": [1, 2],
            "row_min": [100, 10],
            "row_max": [120, 12],
            "column_min": [90, 60],
            "column_max": [99, 70],
        }
        pd.DataFrame(boxes).to_csv(folder / "clusters.csv", index=False)
        pixels = np.random.default_rng(number).integers(0, 4000, (256, 200)).astype(np.uint16)
        written = SimpleITK.GetImageFromArray(pixels)
        written.SetSpacing((0.1, 0.1))
        SimpleITK.WriteImage(written, str(tmp_path / f"{number}.nrrd"))
    table = pd.DataFrame({"image": ["image 0", "image 1"], "path": ["0.nrrd", "1.nrrd"], "spacing_mm": [0.1, 0.1]})
    table.to_csv(tmp_path / "images.csv", index=False)
    patches = read_cluster_patches(tmp_path / "images.csv", tmp_path / "results", cases)
    assert patches.shape == (4, 224, 224)
    assert len({patch.tobytes() for patch in patches}) == 4
    table[:1].to_csv(tmp_path / "images.csv", index=False)
    with pytest.raises(ParameterError, match="“image 1” is not in the table"):
        read_cluster_patches(tmp_path / "images.csv", tmp_path / "results", cases)
