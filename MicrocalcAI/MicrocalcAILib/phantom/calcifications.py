"""The BI-RADS morphologies as things that can be drawn: sizes in mm, usual distributions, usual conspicuity.

Sizes follow the BI-RADS lexicon (5th edition; Logullo 2022, section 4): punctate below 0.5 mm, round above; fine
pleomorphic, fine linear and branching below 0.5 mm wide; coarse heterogeneous 0.5 to 1 mm or more; large rods at least
0.5 mm wide; rims up to 1 cm and more. Where the lexicon gives no number the range is a choice and stands here.
Amorphous clusters are clouds: many specks near the limit of resolution that run into each other on a bright haze. Casts
of ducts grow to 15 mm, 0.6 mm wide, thick and thin in turn, and lie along the ducts with gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from . import shapes
from .distributions import WEIGHT, Layout, duct_tree, vessel
from .shapes import ThicknessMap


@dataclass(frozen=True)
class Setting:
    """What a shape may depend on: the fine grid, the direction of its duct or vessel, and the projection."""

    pitch_mm: float
    direction: float  # radians, 0 = right, growing downward
    lateral: bool  # ML, LM or MLO: gravity points down in the image


@dataclass(frozen=True)
class Morphology:
    """One BI-RADS morphology.

    Parameters
    ----------
    name : str
        The lexicon's words.
    draw : callable (rng, setting) -> thickness map
    distributions : tuple of str
        Distributions it is seen in.
    count : (int, int)
        How many make up one grouped cluster; other distributions hold proportionally more.
    weight, single_weight : float
        How often it is chosen for a cluster, for a single calcification.
    contrast : float
        Its conspicuity relative to the drawn contrast-to-noise ratio (amorphous ones are faint, coarse ones dense).
    companions : tuple of (name, share)
        Other morphologies that share its clusters.
    layouts : mapping, distribution -> layout
        Where its calcifications lie in a distribution, when that is not the distribution's usual layout.
    is_cloud : bool
        Its specks may run into each other and lie on a haze.
    """

    name: str
    draw: Callable[[Generator, Setting], ThicknessMap]
    distributions: tuple[str, ...]
    count: tuple[int, int]
    weight: float
    single_weight: float = 0.0
    contrast: float = 1.0
    companions: tuple[tuple[str, float], ...] = ()
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    is_cloud: bool = False

    def share(self, distribution: str) -> float:
        """How often a cluster has this morphology and this distribution, not normalized."""
        return self.weight * WEIGHT[distribution] / sum(WEIGHT[name] for name in self.distributions)


def _between(rng: Generator, low: float, high: float) -> float:
    """Log-uniform, as sizes are: small ones are as frequent per octave as large ones."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _round(rng: Generator, setting: Setting) -> ThicknessMap:
    return shapes.blob(rng, _between(rng, 0.5, 1.0), setting.pitch_mm, roughness=0.03, aspect=rng.uniform(0.85, 1))


def _punctate(rng: Generator, setting: Setting) -> ThicknessMap:
    return shapes.blob(rng, _between(rng, 0.13, 0.45), setting.pitch_mm, roughness=0.06, aspect=rng.uniform(0.75, 1))


def _amorphous(rng: Generator, setting: Setting) -> ThicknessMap:
    diameter = _between(rng, 0.12, 0.35) if rng.random() < 0.8 else _between(rng, 0.3, 0.6)
    return shapes.blob(rng, diameter, setting.pitch_mm, roughness=0.25, softness=1.5, aspect=rng.uniform(0.5, 1))


def _coarse_heterogeneous(rng: Generator, setting: Setting) -> ThicknessMap:
    diameter = _between(rng, 0.5, 1.4)
    if rng.random() < 0.4:
        body = shapes.splinter(rng, diameter, setting.pitch_mm)
    else:
        body = shapes.lobes(rng, diameter, (0.3 * diameter, 0.65 * diameter), int(rng.integers(3, 7)), setting.pitch_mm)
    return shapes.mottled(rng, body, 0.3 * diameter, setting.pitch_mm)


def _fine_pleomorphic(rng: Generator, setting: Setting) -> ThicknessMap:
    kind, size = rng.random(), _between(rng, 0.12, 0.5)
    if kind < 0.6:
        return shapes.splinter(rng, size, setting.pitch_mm)
    if kind < 0.8:
        lobe = (0.35 * size, 0.7 * size)
        return shapes.lobes(rng, size, lobe, int(rng.integers(2, 5)), setting.pitch_mm)
    width = max(0.4 * size, 0.1)
    return shapes.rod(rng, size * 1.4, width, rng.uniform(0, np.pi), setting.pitch_mm, bend=1.2, unevenness=0.3)


def _fine_linear(rng: Generator, setting: Setting) -> ThicknessMap:
    width = _between(rng, 0.1, 0.25)
    length = max(_between(rng, 0.5, 2.5), 3 * width)
    return shapes.rod(rng, length, width, setting.direction, setting.pitch_mm, bend=0.35, unevenness=0.25)


def _fine_linear_branching(rng: Generator, setting: Setting) -> ThicknessMap:
    if rng.random() < 0.4:
        width, length = _between(rng, 0.25, 0.6), _between(rng, 3.0, 15.0)
        branches = int(rng.integers(1, 5))
        return shapes.branched_rod(rng, length, width, setting.direction, setting.pitch_mm, branches, unevenness=0.35)
    width, length = _between(rng, 0.1, 0.22), _between(rng, 1.0, 3.0)
    return shapes.branched_rod(rng, length, width, setting.direction, setting.pitch_mm, int(rng.integers(1, 4)))


def _rim(rng: Generator, setting: Setting) -> ThicknessMap:
    diameter = _between(rng, 1.0, 9.0)
    wall = min(_between(rng, 0.1, 0.5), 0.25 * diameter)
    body = shapes.shell(rng, diameter, wall, setting.pitch_mm, roughness=0.08, gaps=rng.uniform(0, 1))
    return shapes.mottled(rng, body, 0.4, setting.pitch_mm)


def _popcorn(rng: Generator, setting: Setting) -> ThicknessMap:
    diameter = _between(rng, 2.0, 8.0)
    body = shapes.lobes(rng, diameter, (0.15 * diameter, 0.4 * diameter), int(rng.integers(12, 30)), setting.pitch_mm)
    return shapes.mottled(rng, np.sqrt(body), 0.12 * diameter, setting.pitch_mm)


def _large_rod(rng: Generator, setting: Setting) -> ThicknessMap:
    width, length = _between(rng, 0.5, 1.0), _between(rng, 2.5, 9.0)
    return shapes.rod(rng, length, width, setting.direction, setting.pitch_mm, bend=0.15, unevenness=0.06)


def _vascular(rng: Generator, setting: Setting) -> ThicknessMap:
    width, length = _between(rng, 0.12, 0.4), _between(rng, 0.5, 3.0)
    return shapes.rod(rng, length, width, setting.direction, setting.pitch_mm, bend=0.15, unevenness=0.35)


def _milk_of_calcium(rng: Generator, setting: Setting) -> ThicknessMap:
    diameter = _between(rng, 0.5, 1.8)
    if setting.lateral:
        return shapes.teacup(diameter, rng.uniform(0.2, 0.5), setting.pitch_mm)
    return shapes.blob(rng, diameter, setting.pitch_mm, roughness=0.08, softness=1.2)


def _dystrophic(rng: Generator, setting: Setting) -> ThicknessMap:
    diameter = _between(rng, 1.0, 4.0)
    body = shapes.crust(rng, diameter, (0.15 * diameter, 0.45 * diameter), setting.pitch_mm)
    return shapes.mottled(rng, body, 0.2 * diameter, setting.pitch_mm)


def _skin(rng: Generator, setting: Setting) -> ThicknessMap:
    diameter = _between(rng, 0.6, 1.3)
    return shapes.shell(rng, diameter, 0.25 * diameter, setting.pitch_mm, roughness=0.07, gaps=0.0)


def _suture(rng: Generator, setting: Setting) -> ThicknessMap:
    width, length = _between(rng, 0.25, 0.45), _between(rng, 3.0, 10.0)
    return shapes.rod(rng, length, width, rng.uniform(0, np.pi), setting.pitch_mm, bend=5.0, unevenness=0.1)


_DUCTAL = ("grouped", "linear", "segmental", "regional")
_ANY = (*_DUCTAL, "diffuse")

MORPHOLOGIES = {
    morphology.name: morphology
    for morphology in (
        Morphology("round", _round, ("grouped", "regional", "diffuse"), (5, 15), 1.0, 1.0, contrast=1.3),
        Morphology("punctate", _punctate, _ANY, (5, 30), 1.0, 2.0),
        Morphology(
            "amorphous",
            _amorphous,
            _ANY,
            (20, 120),
            2.0,
            contrast=0.5,
            companions=(("punctate", 0.1),),
            is_cloud=True,
        ),
        Morphology("coarse heterogeneous", _coarse_heterogeneous, ("grouped", "regional"), (5, 20), 1.0, contrast=2.0),
        Morphology("fine pleomorphic", _fine_pleomorphic, _DUCTAL, (6, 50), 2.0, companions=(("punctate", 0.2),)),
        Morphology(
            "fine linear",
            _fine_linear,
            ("grouped", "linear", "segmental"),
            (5, 25),
            1.0,
            companions=(("fine pleomorphic", 0.25), ("punctate", 0.1)),
        ),
        Morphology(
            "fine linear branching",
            _fine_linear_branching,
            ("grouped", "linear", "segmental"),
            (5, 20),
            1.0,
            companions=(("fine linear", 0.3), ("fine pleomorphic", 0.25)),
            layouts={"linear": duct_tree, "segmental": duct_tree},
        ),
        Morphology("rim", _rim, ("grouped", "regional"), (2, 4), 0.2, 1.0, contrast=2.5),
        Morphology("popcorn", _popcorn, ("grouped",), (2, 3), 0.1, 0.5, contrast=5.0),
        Morphology("large rod-like", _large_rod, ("linear", "segmental", "regional"), (4, 12), 0.4, 0.5, contrast=3.0),
        Morphology("vascular", _vascular, ("linear",), (15, 40), 0.5, contrast=1.0, layouts={"linear": vessel}),
        Morphology("milk of calcium", _milk_of_calcium, ("grouped", "regional"), (5, 20), 0.4, contrast=0.8),
        Morphology("dystrophic", _dystrophic, ("grouped",), (2, 5), 0.2, 0.5, contrast=4.0),
        Morphology("skin", _skin, ("grouped",), (4, 12), 0.3, 0.7, contrast=1.2),
        Morphology("suture", _suture, ("grouped",), (2, 4), 0.1, 0.1, contrast=1.5),
    )
}


def drawn_morphology(rng: Generator, cluster: Morphology) -> Morphology:
    """Morphology of one calcification of a cluster: mostly the cluster's own, sometimes a companion's."""
    chance = rng.random()
    for name, share in cluster.companions:
        if chance < share:
            return MORPHOLOGIES[name]
        chance -= share
    return cluster
