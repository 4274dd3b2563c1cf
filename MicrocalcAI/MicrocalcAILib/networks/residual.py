"""The basic residual block of ResNet18 and ResNet34 (He et al., CVPR 2016)."""

from __future__ import annotations

import torch
from torch import nn


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions and a shortcut, which is a 1 × 1 convolution where the shape changes.

    Parameters
    ----------
    channels_in, channels_out : int
    stride : {1, 2}
        2 halves rows and columns.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Shape (patches, channels, rows, columns) in and out."""
        return torch.relu(self.body(values) + self.shortcut(values))
