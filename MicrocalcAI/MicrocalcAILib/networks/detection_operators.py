"""Torchvision's detection models, also where its compiled operators do not match the installed PyTorch.

Faster R-CNN needs two operators that torchvision compiles, non-maximum suppression and RoIAlign. Torchvision's wheels
fit one build of PyTorch; with another its import fails (“operator torchvision::nms does not exist”). Then these two
take their place, in PyTorch's own operations: the same values, gradients included, and nothing is compiled.
"""

from __future__ import annotations

import importlib
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import MissingPackageError
from .runtime import require_torch

if TYPE_CHECKING:
    import torch

_MISSING_OPERATORS = (RuntimeError, AttributeError)  # what torchvision's import raises without them
_SUPPRESSION_BLOCK = 256
_libraries: list[Any] = []  # PyTorch forgets operators when their library is collected


def import_torchvision() -> Any:
    """The package ``torchvision``, its detection models ready for use.

    Raises
    ------
    MissingPackageError
        Without PyTorch or torchvision.
    """
    require_torch()
    found = find_spec("torchvision")
    if found is None or found.origin is None:
        raise MissingPackageError(
            "The lesion detector needs torchvision, which is not installed: in Slicer, install it with the extension "
            "“PyTorch”; elsewhere run “pip install torchvision”."
        )
    try:
        importlib.import_module("torchvision")
    except _MISSING_OPERATORS:
        _import_without_operators(Path(found.origin))
    if not importlib.import_module("torchvision.extension")._has_ops():
        for module, name, operator in (("boxes", "nms", non_maximum_suppression), ("poolers", "roi_align", roi_align)):
            setattr(importlib.import_module(f"torchvision.ops.{module}"), name, operator)
    importlib.import_module("torchvision.models.detection")
    return importlib.import_module("torchvision")


def _import_without_operators(package: Path) -> None:
    """Import torchvision, which wants to know the names of operators that did not load."""
    import torch

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    try:
        registrations = package.with_name("_meta_registrations.py").read_text(encoding="utf-8")
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in re.findall(r"register_fake\(\"torchvision::(\w+)\"", registrations):
            library.define(f"{name}() -> Tensor")  # nobody calls it
        _libraries.append(library)
        importlib.import_module("torchvision")
    except (*_MISSING_OPERATORS, OSError) as error:
        raise MissingPackageError(
            f"This torchvision does not work with PyTorch {torch.__version__}; install the one made for it."
        ) from error


def non_maximum_suppression(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices of the boxes that no box of a higher score overlaps, by falling score; as ``torchvision.ops.nms``.

    Parameters
    ----------
    boxes : float tensor, shape (boxes, 4)
        x1, y1, x2, y2.
    scores : float tensor, shape (boxes,)
    iou_threshold : float
        A box goes when its intersection over union with a box that stays is above this.
    """
    import torch

    order = torch.argsort(scores, descending=True, stable=True)
    ranked = boxes.detach()[order].float()
    area = (ranked[:, 2] - ranked[:, 0]) * (ranked[:, 3] - ranked[:, 1])
    stays = torch.ones(len(order), dtype=torch.bool, device="cpu").numpy()
    for first in range(0, len(order), _SUPPRESSION_BLOCK):
        block = ranked[first : first + _SUPPRESSION_BLOCK]
        rest = ranked[first:]
        corner = torch.maximum(block[:, None, :2], rest[None, :, :2])
        sides = (torch.minimum(block[:, None, 2:], rest[None, :, 2:]) - corner).clamp(min=0)
        common = sides[..., 0] * sides[..., 1]
        union = area[first : first + len(block), None] + area[None, first:] - common
        overlaps = (common / union > iou_threshold).cpu().numpy()
        for row in range(len(block)):
            if stays[first + row]:
                stays[first + row + 1 :] &= ~overlaps[row, row + 1 :]
    return order[torch.from_numpy(stays).to(order.device)]


def roi_align(
    input: torch.Tensor,
    boxes: torch.Tensor | list[torch.Tensor],
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 2,
    aligned: bool = False,
) -> torch.Tensor:
    """Features of boxes, each pooled to one size with bilinear sampling; as ``torchvision.ops.roi_align``.

    Parameters
    ----------
    input : float tensor, shape (images, channels, height, width)
    boxes : float tensor, shape (boxes, 5), or list of float tensors, shape (boxes of the image, 4)
        Index of the image (in the tensor only), x1, y1, x2, y2.
    output_size : int or (int, int)
        Rows and columns of bins.
    spatial_scale : float
        Feature cells per unit of the boxes.
    sampling_ratio : int
        Samples along each side of a bin, at least 1; their mean is the bin's value.
    aligned : bool
        Whether boxes are shifted by half a cell, so that cell centers lie at whole numbers.

    Returns
    -------
    float tensor, shape (boxes, channels, rows of bins, columns of bins)

    References
    ----------
    He, Gkioxari, Dollár, Girshick: Mask R-CNN. arXiv:1703.06870 (2017).
    """
    import torch
    import torch.nn.functional as F

    if sampling_ratio < 1:
        raise ValueError("RoIAlign without compiled operators needs a fixed number of samples for each bin.")
    if not isinstance(boxes, torch.Tensor):
        index = torch.cat([part.new_full((len(part), 1), image) for image, part in enumerate(boxes)])
        boxes = torch.cat([index, torch.cat(list(boxes))], dim=1)
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    height, width = input.shape[-2:]
    edges = boxes[:, 1:].float() * spatial_scale - (0.5 if aligned else 0.0)
    y, y_inside = _samples(edges[:, 1], edges[:, 3], rows * sampling_ratio, height, aligned)
    x, x_inside = _samples(edges[:, 0], edges[:, 2], columns * sampling_ratio, width, aligned)

    pooled = input.new_zeros((len(boxes), input.shape[1], rows, columns))
    for image in range(len(input)):
        chosen = torch.nonzero(boxes[:, 0] == image)[:, 0]
        if not len(chosen):
            continue
        shape = (len(chosen), y.shape[1], x.shape[1])
        points = torch.stack([x[chosen][:, None, :].expand(shape), y[chosen][:, :, None].expand(shape)], dim=-1)
        grid = points.reshape(1, -1, shape[2], 2)  # the boxes of an image below each other: one call samples them all
        with torch.autocast(input.device.type, enabled=False):
            values = F.grid_sample(input[image : image + 1].float(), grid, padding_mode="border", align_corners=True)
            inside = y_inside[chosen][:, :, None] & x_inside[chosen][:, None, :]
            values = values * inside.reshape(1, 1, -1, shape[2])
            means = F.avg_pool2d(values, sampling_ratio)[0]
        of_boxes = means.reshape(input.shape[1], len(chosen), rows, columns).transpose(0, 1)
        pooled = pooled.index_copy(0, chosen, of_boxes.to(pooled.dtype))
    return pooled


def _samples(
    low: torch.Tensor, high: torch.Tensor, count: int, length: int, aligned: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions of the samples along one side, −1 … 1 from the first to the last cell, and which count.

    Samples up to one cell outside the features take the border's value, those beyond are 0.
    """
    import torch

    side = high - low if aligned else (high - low).clamp(min=1)
    steps = torch.arange(count, dtype=low.dtype, device=low.device) + 0.5
    cells = low[:, None] + steps * (side / count)[:, None]
    inside = (cells >= -1) & (cells <= length)
    return cells.clamp(0, length - 1) * (2 / max(length - 1, 1)) - 1, inside
