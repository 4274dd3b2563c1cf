"""Reading the few printed words that calibrate a screen: numbers beside the color bar and the ruler, opacity, units."""

from .reading import TextLine, read_text

__all__ = ["TextLine", "read_text"]
