"""Microcalc's library: mammogram in, described calcifications out. Importable without Slicer; imports nothing heavy."""

from .base.kernel_cache import provide_kernel_cache

__version__ = "0.1.0"

provide_kernel_cache()
