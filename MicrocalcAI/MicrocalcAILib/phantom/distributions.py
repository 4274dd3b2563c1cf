"""BI-RADS distributions: where the calcifications of one cluster lie, in mm, and which way their ducts run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Point = NDArray[np.float64]  # (y, x) in mm


@dataclass(frozen=True)
class Site:
    """One proposed place: a point (y, x) in mm and a direction in radians (0 = right, growing downward)."""

    point_mm: Point
    direction: float


@dataclass(frozen=True)
class Place:
    """Where a cluster is to lie in the breast.

    Parameters
    ----------
    center_mm, nipple_mm : arrays (y, x)
    anywhere : callable (rng) -> (y, x) mm
        A random point of the breast.
    """

    center_mm: Point
    nipple_mm: Point
    anywhere: Callable[[Generator], Point]

    @property
    def toward_nipple(self) -> float:
        """Direction of the ducts at the center."""
        y, x = self.nipple_mm - self.center_mm
        return float(np.arctan2(y, x))


Layout = Callable[[Generator, Place], Iterator[Site]]


def _unit(direction: float) -> Point:
    return np.array([np.sin(direction), np.cos(direction)])


def _ellipse(rng: Generator, place: Place, length_mm: float, crowding: float) -> Iterator[Site]:
    """Points of an ellipse; ``crowding`` 0.5 spreads them evenly, larger values gather them in the middle."""
    turn, aspect = rng.uniform(0, np.pi), rng.uniform(0.5, 1.0)
    grain = rng.uniform(0, np.pi)
    while True:
        angle, radius = rng.uniform(0, 2 * np.pi), 0.5 * length_mm * rng.uniform() ** crowding
        along, across = radius * np.cos(angle), aspect * radius * np.sin(angle)
        yield Site(place.center_mm + along * _unit(turn) + across * _unit(turn + np.pi / 2), rng.normal(grain, 0.6))


def grouped(rng: Generator, place: Place) -> Iterator[Site]:
    """A few within 1 cm, more within at most 2 cm."""
    yield from _ellipse(rng, place, float(np.exp(rng.uniform(np.log(5), np.log(20)))), crowding=0.7)


def regional(rng: Generator, place: Place) -> Iterator[Site]:
    """A large part of the breast (more than 2 cm), not along a duct."""
    yield from _ellipse(rng, place, rng.uniform(25, 60), crowding=0.5)


def diffuse(rng: Generator, place: Place) -> Iterator[Site]:
    """Scattered over the whole breast."""
    while True:
        yield Site(place.anywhere(rng), rng.uniform(0, np.pi))


def linear(rng: Generator, place: Place) -> Iterator[Site]:
    """In a line toward the nipple, as in one duct."""
    length_mm, bend = rng.uniform(12, 40), rng.normal(0, 0.25)
    while True:
        along = rng.uniform(-0.5, 0.5)
        direction = place.toward_nipple + bend * along
        across = rng.normal(0, 0.4)
        point = place.center_mm + along * length_mm * _unit(direction) + across * _unit(direction + np.pi / 2)
        yield Site(point, rng.normal(direction + bend * along, 0.25))


def segmental(rng: Generator, place: Place) -> Iterator[Site]:
    """A wedge of ducts with its apex toward the nipple."""
    distance_mm = float(np.hypot(*(place.center_mm - place.nipple_mm)))
    depth_mm = rng.uniform(20, 50)
    nearest = max(distance_mm - depth_mm / 2, 8.0)
    farthest = max(distance_mm + depth_mm / 2, nearest + 20.0)
    half_angle = np.clip(rng.uniform(6, 14) / max(distance_mm, 10.0), 0.12, 0.4)
    while True:
        radius = np.sqrt(rng.uniform(nearest**2, farthest**2))
        direction = place.toward_nipple + rng.uniform(-half_angle, half_angle)
        yield Site(place.nipple_mm - radius * _unit(direction), rng.normal(direction, 0.25))


def vessel(rng: Generator, place: Place) -> Iterator[Site]:
    """Two parallel tracks: plaques of an artery's walls."""
    length_mm, caliber_mm = rng.uniform(15, 40), rng.uniform(1.0, 2.5)
    course = place.toward_nipple + rng.normal(0, 0.5)
    bend, wave = rng.normal(0, 0.6), rng.normal(0, 0.35)
    while True:
        along, wall = rng.uniform(-0.5, 0.5), rng.choice([-0.5, 0.5])
        heading = course + bend * along + wave * np.sin(4 * np.pi * along)
        # the middle line is the heading integrated from the middle
        steps = np.linspace(0, along, 40)
        headings = course + bend * steps + wave * np.sin(4 * np.pi * steps)
        middle = along * length_mm * np.array([np.sin(headings).mean(), np.cos(headings).mean()])
        point = place.center_mm + middle + wall * caliber_mm * _unit(heading + np.pi / 2)
        yield Site(point, heading)


def duct_tree(rng: Generator, place: Place) -> Iterator[Site]:
    """Along a duct toward the nipple and the side ducts that leave it away from the nipple."""
    length_mm, bend = rng.uniform(12, 35), rng.normal(0, 0.3)
    stem = place.toward_nipple + rng.normal(0, 0.3)
    start = place.center_mm - 0.5 * length_mm * _unit(stem)  # the end that is farther from the nipple
    forks = [
        (rng.uniform(0.15, 0.9), rng.choice([-1, 1]) * np.deg2rad(rng.uniform(25, 55)), rng.uniform(0.25, 0.6))
        for _ in range(int(rng.integers(1, 5)))
    ]
    reach = np.cumsum([1.0, *(share for _, _, share in forks)])
    while True:
        along = rng.uniform(0, reach[-1])
        branch = int(np.searchsorted(reach, along))
        if branch == 0:
            point, heading = start + along * length_mm * _unit(stem + bend * along / 2), stem + bend * along
        else:
            leaves_at, side, _ = forks[branch - 1]
            heading = stem + bend * leaves_at + np.pi + side
            point = start + leaves_at * length_mm * _unit(stem + bend * leaves_at / 2)
            point = point + (along - reach[branch - 1]) * length_mm * _unit(heading)
        yield Site(point + rng.normal(0, 0.1, 2), heading)


DISTRIBUTIONS: dict[str, Layout] = {
    "grouped": grouped,
    "linear": linear,
    "segmental": segmental,
    "regional": regional,
    "diffuse": diffuse,
}

# how many more calcifications than a group these hold
COUNT_FACTOR = {"grouped": 1.0, "linear": 1.0, "segmental": 2.0, "regional": 2.0, "diffuse": 3.0}

# how often they are chosen, where a morphology is seen in several
WEIGHT = {"grouped": 4.0, "linear": 1.0, "segmental": 1.5, "regional": 1.0, "diffuse": 0.5}
