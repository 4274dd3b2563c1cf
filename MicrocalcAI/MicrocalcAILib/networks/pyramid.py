"""A feature-pyramid regressor small enough for a processor without a graphics card (HDoGReg's second stage)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


class PyramidRegressor(nn.Module):
    """Maps local contrast (batch, 1, rows, columns) to logits of the nearness of a calcification, same shape.

    A bottom-up path of two convolutions per level, each level at half the resolution of the one before; a top-down
    path that adds every level, projected to ``features`` channels, to the one below (feature pyramid network).

    Parameters
    ----------
    widths : sequence of int
        Channels of the levels, finest first. Rows and columns have to be divisible by 2 ** (levels − 1).
    features : int
        Channels of the top-down path.
    is_grouping : bool
        With a second head on the coarsest level, the logit of a group of calcifications.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 48, 64), features: int = 24, is_grouping: bool = False) -> None:
        super().__init__()
        channels = (1, *widths)
        self.levels = nn.ModuleList(
            _convolutions(channels[level], channels[level + 1], 1 if level == 0 else 2) for level in range(len(widths))
        )
        self.projections = nn.ModuleList(nn.Conv2d(width, features, 1) for width in widths)
        self.head = nn.Sequential(nn.Conv2d(features, 16, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(16, 1, 1))
        if is_grouping:
            self.grouping = nn.Sequential(
                nn.Conv2d(features, 24, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(24, 1, 1)
            )

    def forward(self, contrast: torch.Tensor) -> torch.Tensor:
        """Logits of the nearness of a calcification."""
        return self.head(self.merged(contrast))

    def merged(self, contrast: torch.Tensor) -> torch.Tensor:
        """What the head looks at: all levels together, shape (batch, features, rows, columns)."""
        return self._top_down(self._bottom_up(contrast))

    def with_groups(self, contrast: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the nearness, and those of a group on the grid of the coarsest level."""
        found = self._bottom_up(contrast)
        return self.head(self._top_down(found)), self.grouping(self.projections[-1](found[-1]))

    def _bottom_up(self, contrast: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for level in self.levels:
            contrast = level(contrast)
            found.append(contrast)
        return found

    def _top_down(self, found: Sequence[torch.Tensor]) -> torch.Tensor:
        merged = self.projections[-1](found[-1])
        for projection, finer in zip(reversed(self.projections[:-1]), reversed(found[:-1]), strict=True):
            merged = functional.interpolate(merged, scale_factor=2, mode="nearest") + projection(finer)
        return merged


class MeanNearness(nn.Module):
    """The mean over several regressors of the nearness of a calcification in [0, 1], not its logit.

    Parameters
    ----------
    regressors : sequence of PyramidRegressor
    """

    def __init__(self, regressors: Sequence[PyramidRegressor]) -> None:
        super().__init__()
        self.regressors = nn.ModuleList(regressors)

    def forward(self, contrast: torch.Tensor) -> torch.Tensor:
        first, *others = self.regressors
        total = torch.sigmoid(first(contrast).float())
        for regressor in others:
            total = total + torch.sigmoid(regressor(contrast).float())
        return total / len(self.regressors)


def _convolutions(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
