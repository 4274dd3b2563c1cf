"""Strain from data: the displacement between two echo frames, its axial slope, and how good the image of it is."""

from .displacement import Displacement, StrainParameters, track, track_by_correlation_alone
from .image import contrast_to_noise, signal_to_noise, strain_elastogram, strain_image
from .refinement import refined

__all__ = [
    "Displacement",
    "StrainParameters",
    "contrast_to_noise",
    "refined",
    "signal_to_noise",
    "strain_elastogram",
    "strain_image",
    "track",
    "track_by_correlation_alone",
]
