"""Networks that judge one patch: AlexNet, ResNet18 and ResNet34 with one input channel and two outputs.

The layers and their sizes are those of the originals (Krizhevsky 2014, “One weird trick for parallelizing convolutional
neural networks”; He et al., CVPR 2016); Pesapane 2023 changed the last layer to two outputs and trained from scratch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import ModelError, ParameterError
from .catalogue import load_weights, read_network, write_network
from .heatmap import TASKS

if TYPE_CHECKING:
    from torch import nn

KIND = "patch network"
SCHEMA = 1
WEIGHTS = "network"
BUNDLED = {"detection": "PatchDetection", "malignancy": "PatchMalignancy"}
_RESIDUAL_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
ARCHITECTURES = ("alexnet", *_RESIDUAL_BLOCKS)


@dataclass(frozen=True)
class PatchInput:
    """What a patch network sees.

    Parameters
    ----------
    grid_mm : float
        Pixel spacing of the grid that the image is resampled to.
    side : int
        Pixels of a patch's side (112 in the paper).
    intensities : str
        ``local-contrast``: see :func:`~.image.local_contrast`; the only convention there is. Outside the breast 0.
    """

    grid_mm: float = 0.07
    side: int = 112
    intensities: str = "local-contrast"

    def __post_init__(self) -> None:
        if not 0.02 <= self.grid_mm <= 0.3 or not 16 <= self.side <= 1024 or self.intensities != "local-contrast":
            raise ParameterError(
                "A patch network sees patches of 16 to 1024 pixels on a grid of 0.02 to 0.3 mm, in local contrast."
            )

    @property
    def patch_mm(self) -> float:
        """Side of a patch."""
        return self.grid_mm * self.side


@dataclass(frozen=True)
class Architecture:
    """An architecture and the size of AlexNet's fully connected part.

    Parameters
    ----------
    name : {"alexnet", "resnet18", "resnet34"}
    width : int
        Units of AlexNet's two hidden fully connected layers; 4096 in the original.
    pooled : int
        AlexNet averages its features to this many squares in each direction before them; 6 in the original, whose
        input of 224 pixels leaves 6 × 6. Of 112 pixels 2 × 2 are left: more would repeat them.
    """

    name: str = "alexnet"
    width: int = 4096
    pooled: int = 6

    def __post_init__(self) -> None:
        if self.name not in ARCHITECTURES:
            raise ParameterError(f"Unknown architecture “{self.name}”; choose from: {', '.join(ARCHITECTURES)}.")
        if self.width < 1 or self.pooled < 1:
            raise ParameterError("AlexNet's fully connected layers need at least one unit.")

    def build(self) -> nn.Module:
        """The network with fresh weights: maps (patches, 1, side, side) to (patches, 2)."""
        return _alexnet(self.width, self.pooled) if self.name == "alexnet" else _resnet(_RESIDUAL_BLOCKS[self.name])


@dataclass(frozen=True)
class PatchModel:
    """A trained patch network with its card.

    Parameters
    ----------
    card : dict
    network : torch.nn.Module
        Output 1 is the class asked for: microcalcifications, or malignant ones.
    only_where : PatchModel or None
        A detection network; this one is asked only about patches in which that one sees microcalcifications.
    """

    card: dict[str, Any]
    network: nn.Module
    only_where: PatchModel | None = None

    @classmethod
    def load(cls, name: str | Path) -> PatchModel:
        """Read a network by its folder, or by its name in the catalogue (``PatchDetection``, ``PatchMalignancy``).

        Raises
        ------
        ModelError
            When it is missing, altered, or no patch network of this version.
        MissingPackageError
            Without PyTorch.
        """
        card, weights = read_network(name, KIND, SCHEMA)
        model = Path(name).name
        try:
            architecture, _ = Architecture(**card["architecture"]), PatchInput(**card["input"])
            state, known = weights[WEIGHTS], card["task"] in TASKS
        except (KeyError, TypeError, ParameterError) as error:
            raise ModelError(f"The card of the patch network “{model}” is incomplete; train it again.") from error
        if not known:
            raise ModelError(
                f"The patch network “{model}” is for another task than {' or '.join(TASKS)}; choose another."
            )
        network = architecture.build()
        load_weights(network, state, model)
        detection = cls.load(card["only_where"]) if card.get("only_where") else None
        if detection is not None and card["input"] != detection.card["input"]:
            raise ModelError(
                f"“{model}” and “{card['only_where']}” see patches of different size; train one of them again."
            )
        return cls(card, network.eval(), detection)

    @property
    def task(self) -> str:
        """``detection`` or ``malignancy``."""
        return str(self.card["task"])

    @property
    def input(self) -> PatchInput:
        """What the network sees."""
        return PatchInput(**self.card["input"])

    @property
    def threshold(self) -> float | None:
        """Chosen on validation patches."""
        return self.card.get("threshold")

    @property
    def notice(self) -> str:
        """What readers have to know; empty when there is nothing."""
        return str(self.card.get("notice", ""))

    @property
    def sha256(self) -> str:
        """Digest of the weights."""
        return str(next(iter(self.card["sha256"].values())))

    def provenance(self) -> dict[str, Any]:
        """Name, task, architecture and digest, for the outputs."""
        names = ("name", "task", "architecture", "input", "threshold", "only_where", "sha256", "origin")
        return {name: self.card[name] for name in names if name in self.card}


def write_patch_network(
    folder: Path, architecture: Architecture, seen: PatchInput, network: nn.Module, card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write a patch network, weights in float16; returns the card as written."""
    complete = {**card, "architecture": asdict(architecture), "input": asdict(seen)}
    return write_network(folder, KIND, SCHEMA, complete, {WEIGHTS: network.state_dict()}, half_precision=True)


def _alexnet(width: int, pooled: int) -> nn.Module:
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 64, 11, stride=4, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.AdaptiveAvgPool2d(pooled),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(256 * pooled**2, width),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(width, width),
        nn.ReLU(inplace=True),
        nn.Linear(width, 2),
    )


def _resnet(blocks: tuple[int, ...]) -> nn.Module:
    from torch import nn

    from .residual import BasicBlock

    layers: list[nn.Module] = [
        nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1),
    ]
    channels = 64
    for stage, count in enumerate(blocks):
        for block in range(count):
            wanted = 64 * 2**stage
            layers.append(BasicBlock(channels, wanted, stride=2 if stage and not block else 1))
            channels = wanted
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 2))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network
