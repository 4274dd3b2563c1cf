"""Simulated elastography screens with exactly known values: sample data, tests and the accuracy benchmark."""

from .cine import simulate_cine
from .dicom import write_dicom
from .parameters import BarPlace, Content, Layout, PhantomParameters
from .screen import SimulatedScreen, simulate_screen
from .tissue import SimulatedTissue, simulate_tissue

__all__ = [
    "BarPlace",
    "Content",
    "Layout",
    "PhantomParameters",
    "SimulatedScreen",
    "SimulatedTissue",
    "simulate_cine",
    "simulate_screen",
    "simulate_tissue",
    "write_dicom",
]
