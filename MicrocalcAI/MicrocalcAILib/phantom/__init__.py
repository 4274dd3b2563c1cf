"""Simulated mammograms with exact truth.

``simulate(background, seed, parameters)`` inserts calcifications into a background made by ``image_background``,
``power_law_background`` or ``victre_background``; ``write_phantom`` stores the image and its truth.
"""

from .backgrounds import Background, image_background
from .parameters import PhantomParameters
from .phantom import Phantom, simulate
from .power_law import BreastParameters, power_law_background
from .victre import ProjectionParameters, VictreVolume, read_victre_volume, victre_background

__all__ = [
    "Background",
    "BreastParameters",
    "Phantom",
    "PhantomParameters",
    "ProjectionParameters",
    "VictreVolume",
    "image_background",
    "power_law_background",
    "read_victre_volume",
    "simulate",
    "victre_background",
]
