"""A real film with one simulated cluster in it: everything is as in a patient's image, and the truth is known."""

from __future__ import annotations

from functools import lru_cache

from MicrocalcAILib.phantom import Phantom, PhantomParameters, image_background, simulate
from real_data import film


@lru_cache(maxsize=1)
def film_with_cluster() -> Phantom:
    """The film R MLO with 32 pleomorphic calcifications within 6 mm, from hardly visible to bright."""
    parameters = PhantomParameters(
        clusters=(1, 1), singles=(0, 0), morphologies=("fine pleomorphic",), distributions=("grouped",)
    )
    return simulate(image_background(film("rmlo")), 7, parameters)
