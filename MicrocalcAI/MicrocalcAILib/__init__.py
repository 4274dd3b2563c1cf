"""Microcalc's library: mammogram in, described calcifications out. Importable without Slicer; imports nothing heavy."""

__version__ = "0.1.0"
