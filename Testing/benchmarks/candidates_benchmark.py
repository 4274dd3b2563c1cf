"""Candidate stage against the same formulas written with scikit-image, alternating on one simulated mammogram.

    python Testing/benchmarks/candidates_benchmark.py

prints CPU seconds of each run, their ratio, the memory each adds over the loaded image, and the Dice coefficient of the
pixels found. Both get the breast's bounding box; both use one thread.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import hessian_matrix, peak_local_max
from skimage.filters import gaussian
from skimage.measure import label, regionprops

from MicrocalcAILib.parameters import CandidateParameters
from MicrocalcAILib.segmentation.candidates import Candidates, find_candidates

SHAPE, SPACING_MM, RUNS = (3328, 4084), (0.07, 0.07), 3


def mammogram() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Smooth tissue, noise and 250 specks in a half-ellipse of 40 % of the frame, 16-bit grey values."""
    rng = np.random.default_rng(3)
    row, column = np.ogrid[: SHAPE[0], : SHAPE[1]]
    mask = ((row - 1664) / 1600) ** 2 + (column / 2000) ** 2 < 1
    tissue = sum(
        ndimage.zoom(rng.normal(size=(SHAPE[0] // step + 2, SHAPE[1] // step + 2)), step, order=1)[: SHAPE[0], : SHAPE[1]]
        * step**1.5
        for step in (8, 32, 128)
    )
    image = np.where(mask, 20000 + 3 * tissue, 500).astype(np.float32)
    specks = np.zeros(SHAPE, np.float32)
    inside = np.argwhere(mask[50:-50:7, 50:-50:7]) * 7 + 50
    for r, c in inside[rng.choice(len(inside), 250, replace=False)]:
        size = rng.integers(1, 5)
        specks[r : r + size, c : c + size] = rng.uniform(1500, 6000)
    image += ndimage.gaussian_filter(specks, 0.8)
    image += rng.normal(0, 300, SHAPE).astype(np.float32)
    return np.clip(np.rint(image), 0, 65535).astype(np.float32), mask


def with_scikit_image(
    pixels: NDArray[np.float32], mask: NDArray[np.bool_], spacing_mm: tuple[float, float], parameters: CandidateParameters
) -> list[NDArray[np.intp]]:
    """The candidate stage's formulas as its documentation states them: pixel coordinates (row, column) per candidate."""
    pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    reach = int(4 * parameters.smallest_sigma_mm * parameters.scale_ratio**parameters.scales / pixel_mm + 1.5)
    around = (slice(max(top - reach, 0), bottom + reach), slice(max(left - reach, 0), right + reach))
    box = (slice(top - around[0].start, bottom - around[0].start), slice(left - around[1].start, right - around[1].start))
    sigmas = parameters.smallest_sigma_mm * parameters.scale_ratio ** np.arange(parameters.scales + 1) / pixel_mm
    smooth = [gaussian(pixels[around], sigma, mode="nearest", truncate=4, preserve_range=True) for sigma in sigmas]
    planes = np.stack([(smooth[k] - smooth[k + 1]) / (parameters.scale_ratio - 1) for k in range(parameters.scales)])
    breast = mask[top:bottom, left:right]
    noise = np.stack([_noise(plane[box], breast, parameters.noise_tile_mm / pixel_mm) for plane in planes])
    whole = np.stack([_pad_like(plane, noise_plane, box) for plane, noise_plane in zip(planes, noise, strict=True)])
    found = peak_local_max(planes, min_distance=1, exclude_border=False, threshold_abs=0, p_norm=np.inf)
    inside = np.zeros(planes.shape[1:], bool)
    inside[box] = breast
    values = planes[tuple(found.T)]
    found = found[inside[found[:, 1], found[:, 2]] & (values >= parameters.peak_threshold * whole[tuple(found.T)])]
    largest = parameters.largest_area_mm2 / pixel_mm**2
    candidates = []
    for k, plane in enumerate(planes):
        rr, rc, cc = hessian_matrix(plane, sigma=0, order="rc", mode="nearest", use_gaussian_derivatives=False)
        trace, determinant = rr + cc, rr * cc - rc**2
        shape = (trace < 0) & (np.abs(determinant) < 1.4 * trace**2) & (plane > parameters.outline_threshold * whole[k])
        outside = np.ones(shape.shape, bool)
        outside[box[0], slice(box[1].start + 1, box[1].stop - 1)] = False
        shape[outside] = False
        parts = label(shape, connectivity=2)
        held = set(parts[found[found[:, 0] == k, 1], found[found[:, 0] == k, 2]].tolist()) - {0}
        for region in regionprops(parts):
            if region.label in held and region.area <= largest:
                candidates.append(region.coords + (around[0].start, around[1].start))
    return candidates


def _pad_like(plane: NDArray[np.float32], noise: NDArray[np.float32], box: tuple[slice, slice]) -> NDArray[np.float32]:
    padded = np.full(plane.shape, np.inf, np.float32)
    padded[box] = noise
    return padded


def _noise(plane: NDArray[np.float32], breast: NDArray[np.bool_], tile_px: float) -> NDArray[np.float32]:
    """Robust SD per tile, bilinear in between."""
    down, across = max(round(plane.shape[0] / tile_px), 1), max(round(plane.shape[1] / tile_px), 1)
    step = (plane.shape[0] / down, plane.shape[1] / across)
    edges = np.linspace(0, plane.shape[1], across + 1).astype(int)
    grid = np.full((down, across), np.nan, np.float32)
    for i in range(down):
        rows = np.arange(int(i * step[0]), int((i + 1) * step[0]), 4)
        for j in range(across):
            tile = (rows[:, None], np.arange(edges[j], edges[j + 1], 2)[None])
            chosen = breast[tile]
            if chosen.sum() >= max(0.1 * chosen.size, 1):
                grid[i, j] = 1.4826 * np.median(np.abs(plane[tile][chosen]))
    unknown = np.isnan(grid)
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    grid = grid[tuple(nearest)]
    grid = np.maximum(grid, 0.25 * np.median(grid))
    rows = np.clip((np.arange(plane.shape[0]) - step[0] / 2) / step[0], 0, down - 1)
    columns = np.clip((np.arange(plane.shape[1]) - step[1] / 2) / step[1], 0, across - 1)
    return ndimage.map_coordinates(grid, np.meshgrid(rows, columns, indexing="ij"), order=1, output=np.float32)


def dice(ours: Candidates, theirs: list[NDArray[np.intp]]) -> float:
    """Dice coefficient of all pixels found."""
    first = set((ours.rows.astype(np.int64) * SHAPE[1] + ours.columns).tolist())
    second = set(np.concatenate([part[:, 0] * SHAPE[1] + part[:, 1] for part in theirs]).tolist())
    return 2 * len(first & second) / (len(first) + len(second))


def added_megabytes(which: str) -> float:
    """Peak memory that one run adds over the loaded image, in a process of its own."""
    output = subprocess.run([sys.executable, __file__, which], check=True, capture_output=True, text=True)
    return float(output.stdout)


def _measure_memory(which: str) -> None:
    pixels, mask = mammogram()
    stage = find_candidates if which == "ours" else with_scikit_image
    small = (slice(1500, 1800), slice(0, 300))
    stage(pixels[small].copy(), mask[small].copy(), SPACING_MM, CandidateParameters())  # imports, compiled code
    ballast = np.ones(int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - _resident_bytes()), np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stage(pixels, mask, SPACING_MM, CandidateParameters())
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, flush=True)
    del ballast


def _resident_bytes() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * resource.getpagesize()


def main() -> None:
    pixels, mask = mammogram()
    parameters = CandidateParameters()
    find_candidates(pixels, mask, SPACING_MM, parameters)  # compile
    times: dict[str, list[float]] = {"ours": [], "scikit-image": []}
    for run in range(RUNS):
        start = time.process_time()
        ours = find_candidates(pixels, mask, SPACING_MM, parameters)
        times["ours"].append(time.process_time() - start)
        start = time.process_time()
        theirs = with_scikit_image(pixels, mask, SPACING_MM, parameters)
        times["scikit-image"].append(time.process_time() - start)
        print(f"run {run + 1}: ours {times['ours'][-1]:.3f} s, scikit-image {times['scikit-image'][-1]:.2f} s CPU")
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"median: ours {medians['ours']:.3f} s, scikit-image {medians['scikit-image']:.2f} s CPU")
    print(f"ratio: {medians['scikit-image'] / medians['ours']:.1f} times less CPU")
    print(f"candidates: ours {len(ours)}, scikit-image {len(theirs)}; Dice of their pixels {dice(ours, theirs):.4f}")
    print(f"memory added: ours {added_megabytes('ours'):.0f} MB, scikit-image {added_megabytes('scikit-image'):.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _measure_memory(sys.argv[1])
    else:
        main()
