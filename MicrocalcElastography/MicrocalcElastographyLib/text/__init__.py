"""The words printed on a screen, with their places."""

from .words import Word, read_enlarged, read_words

__all__ = ["Word", "read_enlarged", "read_words"]
