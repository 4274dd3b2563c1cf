"""Faster R-CNN with a feature pyramid for lesions of calcifications, built from torchvision's parts.

The layout and the settings are those of the method described in *Fundamental Research* (2023),
doi:10.1016/j.fmre.2023.04.018, and its published code. Three things differ: images keep their resolution (there, a
mammogram is shrunk at least threefold and fine specks vanish), images have one channel of local contrast, and each
lesion gives one box with the probabilities of both classes, where torchvision gives a box for each class.

Import this module only where PyTorch may be imported.

.. [1] Ren, He, Girshick, Sun: Faster R-CNN. arXiv:1506.01497 (2015).
.. [2] Lin et al.: Feature pyramid networks for object detection. arXiv:1612.03144 (2016).
.. [3] Lin et al.: Focal loss for dense object detection. arXiv:1708.02002 (2017).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .detection_operators import import_torchvision
from .detector_architecture import DetectorArchitecture

torchvision = import_torchvision()
detection = torchvision.models.detection
resnet = torchvision.models.resnet
ImageTransform: Any = detection.transform.GeneralizedRCNNTransform
ProposalHead: Any = detection.rpn.RPNHead
RegionHeads: Any = detection.roi_heads.RoIHeads
ResnetPyramid: Any = detection.backbone_utils.BackboneWithFPN

_CLASSES = 3  # background, benign, malignant
_ASPECT_RATIOS = (0.5, 1.0, 2.0)
_FOCUS, _FOCAL_WEIGHT = 2.0, 2.0  # gamma of [3]_; the weight is that of the method's code

_LIGHT_WIDTHS = (8, 24, 32, 64, 96, 128)
_LIGHT_PYRAMID, _LIGHT_HEAD = 64, 256
_LIGHT_ANCHORS = ((40, 56), (80, 112), (160, 224), (320, 448))
_RESNET_PYRAMID, _RESNET_HEAD = 256, 1024
_RESNET_ANCHORS = ((32,), (64,), (128,), (256,), (512,))


def build_network(architecture: DetectorArchitecture) -> nn.Module:
    """The network with random weights.

    It takes a list of images (1, rows, columns) of local contrast. In evaluation mode it gives for each image a dict of
    ``boxes`` (x1, y1, x2, y2), ``scores`` (probability of a lesion) and ``malignant`` (probability of a malignant one),
    by falling score; in training mode, with targets (``boxes``, ``labels``), a dict of losses.
    """
    light = architecture.backbone == "light"
    body = _LightPyramid() if light else _resnet_pyramid(architecture.backbone)
    sizes = _LIGHT_ANCHORS if light else _RESNET_ANCHORS
    anchors = detection.anchor_utils.AnchorGenerator(sizes, (_ASPECT_RATIOS,) * len(sizes))
    proposer = detection.rpn.RegionProposalNetwork(
        anchors,
        _ProposalHead(body.out_channels, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.6 if light else 0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=128 if light else 256,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 500, "testing": 500} if light else {"training": 2000, "testing": 1000},
        post_nms_top_n={"training": 300, "testing": 150} if light else {"training": 2000, "testing": 1000},
        nms_thresh=0.7,
    )
    head_width = _LIGHT_HEAD if light else _RESNET_HEAD
    heads = _LesionHeads(
        torchvision.ops.MultiScaleRoIAlign(body.levels, output_size=7, sampling_ratio=2),
        detection.faster_rcnn.TwoMLPHead(body.out_channels * 7**2, head_width),
        detection.faster_rcnn.FastRCNNPredictor(head_width, _CLASSES),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=96 if light else 512,
        positive_fraction=0.25,
        bbox_reg_weights=None,
        score_thresh=architecture.score_threshold,
        nms_thresh=architecture.nms_iou,
        detections_per_img=architecture.most_boxes,
    )
    heads.focal_loss = architecture.focal_loss
    network: nn.Module = detection.generalized_rcnn.GeneralizedRCNN(body, proposer, heads, _AsGiven(1, 1, [0.0], [1.0]))
    return network


class _AsGiven(ImageTransform):
    """Images in a batch, neither scaled nor normalized."""

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        return image, target


class _ProposalHead(ProposalHead):
    """In float32, because positions need more digits than bfloat16 has."""

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        objectness, offsets = super().forward(x)
        return [values.float() for values in objectness], [values.float() for values in offsets]


class _LesionHeads(RegionHeads):
    """Classes and boxes of proposals; each proposal gives one box, that of its likelier class."""

    focal_loss = True

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        if self.training:
            proposals, _, labels, offsets = self.select_training_samples(proposals, targets)
        pooled = self.box_roi_pool(features, proposals, image_shapes)
        logits, regression = (values.float() for values in self.box_predictor(self.box_head(pooled)))
        if not self.training:
            return self._lesions(logits, regression, proposals, image_shapes), {}
        class_loss, box_loss = detection.roi_heads.fastrcnn_loss(logits, regression, labels, offsets)
        if self.focal_loss:
            losses = functional.cross_entropy(logits, torch.cat(labels), reduction="none")
            class_loss = _FOCAL_WEIGHT * ((1 - torch.exp(-losses)) ** _FOCUS * losses).mean()
        return [], {"class": class_loss, "box": box_loss}

    def _lesions(
        self, logits: Tensor, regression: Tensor, proposals: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> list[dict[str, Tensor]]:
        counts = [len(boxes) for boxes in proposals]
        probabilities = functional.softmax(logits, -1)
        likelier = 1 + probabilities[:, 1:].argmax(dim=1)
        decoded = self.box_coder.decode(regression, proposals)
        decoded = decoded[torch.arange(len(likelier), device=likelier.device), likelier]
        results = []
        of_images = zip(decoded.split(counts), probabilities.split(counts), image_shapes, strict=True)
        for boxes, classes, shape in of_images:
            boxes, scores = torchvision.ops.clip_boxes_to_image(boxes, shape), 1 - classes[:, 0]
            sides = boxes[:, 2:] - boxes[:, :2]
            kept = torch.nonzero((scores >= self.score_thresh) & (sides >= 1).all(dim=1))[:, 0]
            apart = torchvision.ops.boxes.nms(boxes[kept], scores[kept], self.nms_thresh)
            kept = kept[apart][: self.detections_per_img]
            results.append({"boxes": boxes[kept], "scores": scores[kept], "malignant": classes[kept, 2]})
        return results


class _LightPyramid(nn.Module):
    """A narrow ResNet18 that begins at full resolution, and a pyramid of the strides 8, 16, 32 and 64."""

    out_channels = _LIGHT_PYRAMID
    levels = ("0", "1", "2")

    def __init__(self) -> None:
        super().__init__()
        first, second, *widths = _LIGHT_WIDTHS
        self.stem = nn.Sequential(_convolution(1, first, stride=1), _convolution(first, second, stride=2))
        stages, channels = [], second
        for width in widths:
            shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, stride=2, bias=False), nn.BatchNorm2d(width))
            stages.append(
                nn.Sequential(resnet.BasicBlock(channels, width, 2, shortcut), resnet.BasicBlock(width, width))
            )
            channels = width
        self.stages = nn.ModuleList(stages)
        self.pyramid = _pyramid(widths[1:], _LIGHT_PYRAMID)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps, values = {}, self.stages[0](self.stem(images))
        for level, stage in zip(self.levels, self.stages[1:], strict=True):
            values = maps[level] = stage(values)
        return {level: values.float() for level, values in self.pyramid(maps).items()}


def _convolution(channels: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


def _pyramid(widths: list[int], channels: int) -> nn.Module:
    ops = torchvision.ops.feature_pyramid_network
    pyramid: nn.Module = ops.FeaturePyramidNetwork(widths, channels, extra_blocks=ops.LastLevelMaxPool())
    return pyramid


class _ResnetPyramid(ResnetPyramid):
    """Torchvision's ResNet with its pyramid of the strides 4 to 64; the one channel goes into all three."""

    levels = ("0", "1", "2", "3")

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {level: values.float() for level, values in super().forward(x.expand(-1, 3, -1, -1)).items()}


def _resnet_pyramid(name: str) -> nn.Module:
    body = getattr(resnet, name)(weights=None)
    widths = [body.inplanes // 8 * 2**stage for stage in range(4)]
    layers = {f"layer{stage + 1}": str(stage) for stage in range(4)}
    return _ResnetPyramid(body, layers, widths, _RESNET_PYRAMID)
