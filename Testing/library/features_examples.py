"""Calcifications to measure: simulated ones on structured noise, and bright specks of a real mammogram."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from real_data import film

SPACING_MM = (0.07, 0.07)


def table_of(labels: NDArray[np.int32], spacing_mm: tuple[float, float] = SPACING_MM) -> pd.DataFrame:
    """The table of calcifications that belongs to a label map; all in cluster 1."""
    rows = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        inside_rows, inside_columns = np.nonzero(labels[box] == label)
        row, column = inside_rows.mean() + box[0].start, inside_columns.mean() + box[1].start
        rows.append(
            {
                "id": label,
                "cluster_id": 1,
                "row": row,
                "column": column,
                "x_mm": column * spacing_mm[1],
                "y_mm": row * spacing_mm[0],
                "row_min": box[0].start,
                "row_max": box[0].stop - 1,
                "column_min": box[1].start,
                "column_max": box[1].stop - 1,
                "area_mm2": len(inside_rows) * spacing_mm[0] * spacing_mm[1],
            }
        )
    columns = ["id", "cluster_id", "row", "column", "x_mm", "y_mm", "row_min", "row_max", "column_min", "column_max"]
    return pd.DataFrame(rows, columns=[*columns, "area_mm2"])


def simulated_specks(
    seed: int = 0, count: int = 300, shape: tuple[int, int] = (1600, 1200)
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """12-bit image with cloudy texture, quantum noise and specks of 1 to some 100 pixels; their label map."""
    random = np.random.default_rng(seed)
    white = np.fft.rfft2(random.standard_normal(shape))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    frequency[0, 0] = np.inf
    clouds = np.fft.irfft2(white / frequency**1.5, shape)
    pixels = 1800 + 150 * clouds / clouds.std() + 25 * ndimage.gaussian_filter(random.standard_normal(shape), 0.7)
    mask = np.zeros(shape, np.bool_)
    for row, column in random.integers(40, np.array(shape) - 40, size=(count, 2)):
        across, along = np.mgrid[-12:13, -12:13]
        angle = random.uniform(0, np.pi)
        first = across * np.cos(angle) + along * np.sin(angle)
        second = along * np.cos(angle) - across * np.sin(angle)
        size = random.uniform(0.5, 4.5)
        distance = np.hypot(first / size, second / (size * random.uniform(0.3, 1.0)))
        distance += 0.2 * ndimage.gaussian_filter(random.standard_normal(distance.shape), 1)
        profile = np.clip(1.3 - distance, 0, 1)
        window = (slice(row - 12, row + 13), slice(column - 12, column + 13))
        pixels[window] += random.uniform(150, 900) * profile
        mask[window] |= profile > 0.35
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    return np.clip(np.round(pixels), 0, 4095).astype(np.float32), labels.astype(np.int32)


@lru_cache(maxsize=1)
def real_specks() -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Part of a real film in 12 bits, and its specks that stand out by three local standard deviations."""
    pixels = np.round(film().pixels[1500:2700, 300:1100] / 16)
    difference = ndimage.gaussian_filter(pixels, 0.8) - ndimage.gaussian_filter(pixels, 5)
    noise = np.sqrt(ndimage.gaussian_filter(difference**2, 15))
    labels, _ = ndimage.label(difference > 3 * noise, np.ones((3, 3)))
    return pixels, labels.astype(np.int32)
