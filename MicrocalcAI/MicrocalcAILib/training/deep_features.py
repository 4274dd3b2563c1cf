"""Features of clusters from networks made for photographs: ResNet-50 and VGG-16, as Marathe 2022 compares with.

The layers, and the names of their weights, are those of the originals (He et al., CVPR 2016; Simonyan, Zisserman, ICLR
2015) as torchvision publishes them, so that its weights fit once they are stored as safetensors.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, ParameterError
from ..networks.heatmap import DEEP_PREFIX
from ..reading.mammogram import Mammogram

if TYPE_CHECKING:
    import torch
    from torch import nn

NETWORKS = ("resnet50", "vgg16")
SIDE = 224
_MARGIN_MM = 2.0
_SMALLEST_MM = 10.0
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the photographs that the weights were made on
_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
_VGG = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)  # 0: pooling
_HEADS = ("fc.", "classifier.6.")  # of 1000 kinds of things; not needed


def feature_network(name: str, weights: Path | None = None, seed: int = 0) -> nn.Module:
    """Build a network without its last layer: maps (images, 3, 224, 224) to (images, 2048) or (images, 4096).

    Parameters
    ----------
    name : {"resnet50", "vgg16"}
    weights : Path, optional
        A safetensors file with torchvision's names; random weights from the seed when not given.
    seed : int

    Raises
    ------
    ParameterError
        For an unknown name.
    ModelError
        When the file cannot be read or its weights do not fit.
    MissingPackageError
        Without PyTorch.
    """
    from ..networks.runtime import require_torch

    require_torch()
    import torch

    if name not in NETWORKS:
        raise ParameterError(f"Unknown network “{name}”; choose {' or '.join(NETWORKS)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _resnet50() if name == "resnet50" else _vgg16()
    if weights is not None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            state = {key: value for key, value in load_file(weights).items() if not key.startswith(_HEADS)}
            network.load_state_dict(state)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"“{Path(weights).name}” is no readable safetensors file.") from error
        except RuntimeError as error:
            raise ModelError(f"The weights of “{Path(weights).name}” are not those of {name}.") from error
    return network.eval()


def cluster_patches(mammogram: Mammogram, clusters: pd.DataFrame) -> NDArray[np.float32]:
    """Cut a square around each cluster.

    Parameters
    ----------
    mammogram : Mammogram
    clusters : DataFrame
        ``row_min``, ``row_max``, ``column_min``, ``column_max``: bounding boxes in pixels, inclusive.

    Returns
    -------
    float32 array, shape (clusters, 224, 224)
        The box with 2 mm on every side, at least 10 mm; gray values from its 1st to its 99th percentile as 0 to 1.
    """
    from scipy.ndimage import map_coordinates

    spacing = np.array(mammogram.spacing_mm)
    patches = []
    for box in clusters[["row_min", "row_max", "column_min", "column_max"]].to_numpy(float):
        center = np.array([box[0] + box[1], box[2] + box[3]]) / 2
        extent_mm = (np.array([box[1] - box[0], box[3] - box[2]]) + 1) * spacing
        side_mm = max(extent_mm.max() + 2 * _MARGIN_MM, _SMALLEST_MM)
        steps_mm = (np.arange(SIDE) - (SIDE - 1) / 2) * side_mm / SIDE
        grid = np.meshgrid(*(center[axis] + steps_mm / spacing[axis] for axis in range(2)), indexing="ij")
        patch = map_coordinates(mammogram.pixels, grid, order=1, mode="nearest")
        low, high = np.percentile(patch, [1, 99])
        patches.append(((patch - low) / max(high - low, 1e-6)).clip(0, 1))
    return np.array(patches, np.float32).reshape(-1, SIDE, SIDE)


def deep_features(network: nn.Module, patches: NDArray[np.float32], name: str) -> pd.DataFrame:
    """Features of patches, one row each; columns ``deep_resnet50_0000`` ….

    Parameters
    ----------
    network : torch.nn.Module
        From :func:`feature_network`.
    patches : float32 array, shape (clusters, 224, 224)
        In [0, 1].
    name : str
        Of the network.
    """
    import torch

    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _DEVIATION))
    found: list[torch.Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(patches), 8):
            batch = torch.from_numpy(patches[start : start + 8])[:, None].expand(-1, 3, -1, -1)
            found.append(network((batch - mean) / deviation))
    values = torch.cat(found).numpy() if found else np.empty((0, 0))
    return pd.DataFrame(values, columns=[f"{DEEP_PREFIX}{name}_{i:04d}" for i in range(values.shape[1])])


def _vgg16() -> nn.Module:
    from torch import nn

    layers: list[nn.Module] = []
    channels = 3
    for wanted in _VGG:
        if wanted:
            layers += [nn.Conv2d(channels, wanted, 3, padding=1), nn.ReLU(inplace=True)]
            channels = wanted
        else:
            layers.append(nn.MaxPool2d(2))
    for module in layers:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    classifier = nn.Sequential(
        *(nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(inplace=True)),
    )
    parts = {"features": nn.Sequential(*layers), "avgpool": nn.AdaptiveAvgPool2d(7), "flatten": nn.Flatten()}
    network = nn.Sequential()
    for part, module in {**parts, "classifier": classifier}.items():
        network.add_module(part, module)
    return network


def _resnet50() -> nn.Module:
    from torch import nn

    class Bottleneck(nn.Module):
        def __init__(self, channels: int, width: int, stride: int) -> None:
            super().__init__()
            wanted = 4 * width
            self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, wanted, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(wanted)
            self.relu = nn.ReLU(inplace=True)
            self.downsample: nn.Module = nn.Identity()
            if stride != 1 or channels != wanted:
                down = nn.Conv2d(channels, wanted, 1, stride=stride, bias=False)
                self.downsample = nn.Sequential(down, nn.BatchNorm2d(wanted))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found = self.relu(self.bn1(self.conv1(x)))
            found = self.relu(self.bn2(self.conv2(found)))
            return torch.as_tensor(self.relu(self.bn3(self.conv3(found)) + self.downsample(x)))

    import torch

    network = nn.Sequential()
    network.add_module("conv1", nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False))
    network.add_module("bn1", nn.BatchNorm2d(64))
    network.add_module("relu", nn.ReLU(inplace=True))
    network.add_module("maxpool", nn.MaxPool2d(3, 2, padding=1))
    channels = 64
    for stage, (width, count) in enumerate(_STAGES, 1):
        blocks = []
        for block in range(count):
            blocks.append(Bottleneck(channels, width, stride=2 if stage > 1 and block == 0 else 1))
            channels = 4 * width
        network.add_module(f"layer{stage}", nn.Sequential(*blocks))
    network.add_module("avgpool", nn.AdaptiveAvgPool2d(1))
    network.add_module("flatten", nn.Flatten())
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, math.sqrt(2 / (module.out_channels * math.prod(module.kernel_size))))
    return network
