"""The color bar of a screen: where it is, which colors it shows, and which values its labels give them."""

from .colors import color_scale_from_bar
from .finding import find_color_bars
from .labels import ScaleLabels, read_scale_labels

__all__ = ["ScaleLabels", "color_scale_from_bar", "find_color_bars", "read_scale_labels"]
