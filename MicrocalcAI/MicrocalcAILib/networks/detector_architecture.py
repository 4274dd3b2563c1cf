"""What a lesion detector is made of, and which of its boxes count."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import ParameterError

BACKBONES = ("light", "resnet18", "resnet50")


@dataclass(frozen=True)
class DetectorArchitecture:
    """What the network is, and which of its boxes count; the published settings by default.

    Parameters
    ----------
    backbone : {"light", "resnet18", "resnet50"}
        ``light`` is a narrow ResNet with a pyramid of 64 channels, made for computers without a graphics card.
    grid_mm : float
        Pixel size of the images it sees.
    score_threshold : float
        Boxes with a smaller probability of a lesion are not given.
    nms_iou : float
        Of two boxes that overlap more than this, the one with the smaller probability goes.
    most_boxes : int
        In one tile.
    focal_loss : bool
        Whether training weights the classes' loss by the focal loss, doubled, as the method's code does.
    """

    backbone: str = "resnet50"
    grid_mm: float = 0.1
    score_threshold: float = 0.3
    nms_iou: float = 0.3
    most_boxes: int = 250
    focal_loss: bool = True

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise ParameterError(f"Unknown backbone “{self.backbone}”; choose from: {', '.join(BACKBONES)}.")
        if not 0.02 <= self.grid_mm <= 1:
            raise ParameterError(f"A grid of {self.grid_mm:g} mm does not show calcifications; give 0.02 to 1 mm.")
        if not (0 <= self.score_threshold <= 1 and 0 < self.nms_iou <= 1 and self.most_boxes >= 1):
            raise ParameterError("Thresholds of score and overlap lie between 0 and 1; at least one box is given.")
