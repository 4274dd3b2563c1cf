"""A simulated cine: a moving B-mode image under an elastogram that is refreshed only now and then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from MicrocalcAILib.base.errors import ParameterError

from .parameters import PhantomParameters
from .screen import SimulatedScreen, draw_screen
from .tissue import simulate_tissue


def simulate_cine(parameters: PhantomParameters, frames: int, refreshed_every: int) -> list[SimulatedScreen]:
    """Screens whose B-mode image drifts by a pixel from frame to frame, with a new elastogram every few frames.

    Raises
    ------
    ParameterError
        When one of the numbers is below 1.
    """
    if frames < 1 or refreshed_every < 1:
        raise ParameterError("A cine has at least one frame, and its elastogram is refreshed every frame at most.")
    b_mode = simulate_tissue(parameters).b_mode
    screens = []
    for number in range(frames):
        if number % refreshed_every == 0:
            elasticity = simulate_tissue(replace(parameters, seed=parameters.seed + number // refreshed_every))
        screens.append(draw_screen(parameters, replace(elasticity, b_mode=np.roll(b_mode, number, axis=1))))
    return screens
