"""Thickness maps of single calcifications: how many millimeters of calcium a vertical ray crosses.

A thickness map is a float32 array on a fine square grid (``pitch_mm``), odd-sized, with the calcification's anchor in
its middle. Angles are in radians, 0 along the columns (right), growing toward the rows (down).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

ThicknessMap = NDArray[np.float32]


def spheres(centers_mm: NDArray[np.floating], radii_mm: NDArray[np.floating], pitch_mm: float) -> ThicknessMap:
    """Union of spheres, seen from above: the longest chord at every point.

    Parameters
    ----------
    centers_mm : array, shape (n, 2)
        (y, x) of the centers relative to the anchor.
    radii_mm : array, shape (n,)
    """
    reach = int(np.ceil((np.abs(centers_mm).max(axis=1) + radii_mm).max() / pitch_mm)) + 1
    thickness = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for (y, x), radius in zip(centers_mm, radii_mm, strict=True):
        top, left = (int(np.floor((c - radius) / pitch_mm)) + reach for c in (y, x))
        side = int(np.ceil(2 * radius / pitch_mm)) + 2
        rows = (np.arange(top, top + side) - reach) * pitch_mm - y
        columns = (np.arange(left, left + side) - reach) * pitch_mm - x
        below = radius**2 - rows[:, None] ** 2 - columns**2
        window = thickness[top : top + side, left : left + side]
        np.maximum(window, 2 * np.sqrt(np.maximum(below[: window.shape[0], : window.shape[1]], 0)), out=window)
    return thickness


def polar_grid(reach_mm: float, pitch_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance (mm) and angle (radians) from the anchor on a fine grid that reaches ``reach_mm`` to each side."""
    reach = int(np.ceil(reach_mm / pitch_mm)) + 1
    axis = np.arange(-reach, reach + 1) * pitch_mm
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return np.hypot(x, y), np.arctan2(y, x)


def wavy(rng: Generator, angle: NDArray[np.float64], roughness: float, harmonics: int) -> NDArray[np.float64]:
    """A smooth random function of the angle with mean 1 and relative standard deviation ``roughness``."""
    orders = np.arange(1, harmonics + 1)
    amplitudes = rng.normal(size=harmonics) / orders
    amplitudes *= roughness * np.sqrt(2 / np.sum(1.0 / orders**2))
    phases = rng.uniform(0, 2 * np.pi, harmonics)
    value = np.ones_like(angle)
    for order, amplitude, phase in zip(orders, amplitudes, phases, strict=True):
        value += amplitude * np.cos(order * angle + phase)
    return np.maximum(value, 0.2)


def blob(
    rng: Generator, diameter_mm: float, pitch_mm: float, roughness: float, softness: float = 0.5, aspect: float = 1.0
) -> ThicknessMap:
    """A star-shaped body with a wavy outline.

    ``softness`` 0.5 gives the profile of an ellipsoid (a defined margin), 2 a hazy one without margin.
    ``aspect`` is width over length.
    """
    radius = diameter_mm / 2
    distance, angle = polar_grid(1.8 * radius, pitch_mm)
    turned = angle - rng.uniform(0, np.pi)
    ellipse = radius / np.hypot(np.cos(turned), np.sin(turned) / aspect)
    outline = np.minimum(ellipse * wavy(rng, angle, roughness, 7), 1.8 * radius)
    depth = diameter_mm * np.sqrt(aspect)
    return (depth * np.maximum(1 - (distance / outline) ** 2, 0) ** softness).astype(np.float32)


def splinter(rng: Generator, diameter_mm: float, pitch_mm: float) -> ThicknessMap:
    """An angular fragment like a crushed stone: a random polygon with a flat top."""
    radius = diameter_mm / 2
    distance, angle = polar_grid(1.5 * radius, pitch_mm)
    sides = int(rng.integers(4, 8))
    normals = (np.arange(sides) + rng.uniform(-0.3, 0.3, sides)) * 2 * np.pi / sides + rng.uniform(0, 2 * np.pi)
    lengths = radius * rng.uniform(0.45, 1.0, sides)
    ratio = np.max([distance * np.cos(angle - n) / length for n, length in zip(normals, lengths, strict=True)], axis=0)
    ratio = np.maximum(ratio, distance / (1.4 * radius))
    depth = diameter_mm * rng.uniform(0.5, 1.0)
    return (depth * np.sqrt(np.maximum(1 - np.maximum(ratio, 0) ** 4, 0))).astype(np.float32)


def shell(
    rng: Generator, diameter_mm: float, wall_mm: float, pitch_mm: float, roughness: float, gaps: float
) -> ThicknessMap:
    """A hollow body: bright margin, lucent center. ``gaps`` 0 is a closed rim, 1 an often interrupted one."""
    outer = diameter_mm / 2
    distance, angle = polar_grid(1.5 * outer, pitch_mm)
    outline = np.minimum(outer * wavy(rng, angle, roughness, 5), 1.45 * outer)
    wall = wall_mm * np.clip(wavy(rng, angle, 0.25 + 0.5 * gaps, 6) - 0.5 * gaps, 0, 2)
    inner = np.maximum(outline - wall, 0)
    outside = np.sqrt(np.maximum(outline**2 - distance**2, 0))
    inside = np.sqrt(np.maximum(inner**2 - distance**2, 0))
    return (2 * (outside - inside)).astype(np.float32)


def path(
    rng: Generator, length_mm: float, direction: float, bend: float, step_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (n, 2) as (y, x) mm along a smoothly bent line through the anchor, and the direction at each point."""
    count = max(int(np.ceil(length_mm / step_mm)), 2)
    along = np.linspace(-0.5, 0.5, count)
    heading = direction + bend * (rng.normal() * along + 0.5 * rng.normal() * np.sin(2 * np.pi * along))
    steps = np.stack([np.sin(heading), np.cos(heading)], axis=1) * (length_mm / count)
    points = np.cumsum(steps, axis=0)
    return points - points.mean(axis=0), heading


def rod(
    rng: Generator,
    length_mm: float,
    width_mm: float,
    direction: float,
    pitch_mm: float,
    bend: float = 0.4,
    unevenness: float = 0.15,
) -> ThicknessMap:
    """A solid rod along a bent line; ``unevenness`` is the relative standard deviation of its width."""
    points, _ = path(rng, max(length_mm - width_mm, width_mm / 2), direction, bend, width_mm / 6)
    return spheres(points, _uneven_radii(rng, len(points), width_mm, unevenness, points_per_bump=6), pitch_mm)


def branched_rod(
    rng: Generator,
    length_mm: float,
    width_mm: float,
    direction: float,
    pitch_mm: float,
    branches: int,
    unevenness: float = 0.2,
) -> ThicknessMap:
    """A cast of a forking duct: a stem with side branches of 25–55 degrees; ``unevenness`` as in :func:`rod`."""
    stem, heading = path(rng, length_mm, direction, 0.5, width_mm / 5)
    parts = [stem]
    for _ in range(branches):
        start = int(rng.integers(len(stem) // 4, 3 * len(stem) // 4))
        side = rng.choice([-1, 1]) * np.deg2rad(rng.uniform(25, 55))
        twig, _ = path(rng, length_mm * rng.uniform(0.25, 0.6), heading[start] + side, 0.4, width_mm / 5)
        parts.append(twig - twig[0] + stem[start])
    points = np.concatenate(parts)
    points -= (points.max(axis=0) + points.min(axis=0)) / 2
    return spheres(points, _uneven_radii(rng, len(points), width_mm, unevenness, points_per_bump=8), pitch_mm)


def lobes(
    rng: Generator, diameter_mm: float, lobe_mm: tuple[float, float], count: int, pitch_mm: float
) -> ThicknessMap:
    """Merged round lobes of different density, like popcorn or a mulberry. ``lobe_mm`` is their range of diameters."""
    radii = rng.uniform(*lobe_mm, count) / 2
    distance = (diameter_mm / 2 - radii).clip(0) * np.sqrt(rng.uniform(0, 1, count))
    angle = rng.uniform(0, 2 * np.pi, count)
    centers = np.stack([distance * np.sin(angle), distance * np.cos(angle)], axis=1)
    # each further lobe starts on an earlier one, so that the body hangs together
    for index in range(1, count):
        nearest = np.argmin(np.hypot(*(centers[:index] - centers[index]).T) - radii[:index])
        gap = np.hypot(*(centers[nearest] - centers[index])) - 0.8 * (radii[nearest] + radii[index])
        if gap > 0:
            toward = (centers[nearest] - centers[index]) / np.hypot(*(centers[nearest] - centers[index]))
            centers[index] += toward * gap
    return spheres(centers, radii, pitch_mm)


def crust(rng: Generator, diameter_mm: float, grain_mm: tuple[float, float], pitch_mm: float) -> ThicknessMap:
    """Grains grown together around a lucent center, often open to one side, as after fat necrosis."""
    radius, span = diameter_mm / 2, rng.uniform(0.8, 2.0) * np.pi
    count = int(np.ceil(1.6 * span * radius / np.mean(grain_mm)))
    angle = rng.uniform(0, 2 * np.pi) + np.linspace(0, span, count)
    radii = rng.uniform(*grain_mm, count) / 2
    distance = np.maximum(radius * wavy(rng, angle, 0.2, 4) - radii, 0) + rng.normal(0, 0.15 * radius, count)
    centers = np.stack([distance * np.sin(angle), distance * np.cos(angle)], axis=1)
    return spheres(centers, radii, pitch_mm)


def mottled(rng: Generator, thickness: ThicknessMap, grain_mm: float, pitch_mm: float) -> ThicknessMap:
    """The same outline with uneven density inside; ``grain_mm`` is the width of the clefts and lumps."""
    texture = gaussian_filter(rng.normal(size=thickness.shape).astype(np.float32), grain_mm / 2.4 / pitch_mm)
    texture *= 0.3 / max(float(texture.std()), 1e-6)
    return thickness * np.clip(1 + texture, 0.35, 1.65)


def teacup(diameter_mm: float, fill: float, pitch_mm: float) -> ThicknessMap:
    """Calcium settled in a small cyst seen from the side: a flat upper level, a round bottom.

    ``fill`` is the filled part of the diameter.
    """
    radius = diameter_mm / 2
    distance, angle = polar_grid(radius, pitch_mm)
    height = distance * np.sin(angle)  # grows downward
    chord = 2 * np.sqrt(np.maximum(radius**2 - distance**2, 0))
    return np.where(height > radius * (1 - 2 * fill), chord, 0).astype(np.float32)


def _uneven_radii(
    rng: Generator, count: int, width_mm: float, unevenness: float, points_per_bump: int
) -> NDArray[np.float64]:
    knots = np.exp(rng.normal(0, unevenness, count // points_per_bump + 2))
    positions = np.linspace(0, len(knots) - 1, count)
    return width_mm / 2 * np.interp(positions, np.arange(len(knots)), knots)
