"""The color bar of a screen: where it is, which colors it shows, and which values its labels give them."""

from .colors import color_scale_from_bar
from .finding import continued_to, find_color_bars
from .labels import ScaleLabels, labeled_part, read_scale_labels, stands_beside

__all__ = [
    "ScaleLabels",
    "color_scale_from_bar",
    "continued_to",
    "find_color_bars",
    "labeled_part",
    "read_scale_labels",
    "stands_beside",
]
