"""How fast and how exactly the colors of a large box are turned into values, against a plain k-d tree in one run.

    PYTHONPATH=MicrocalcAI:MicrocalcElastography python Testing/benchmarks/unblending_benchmark.py

A simulated box of 720 × 540 pixels at two opacities. In turn, so that a busy machine slows all alike: our matching with
known opacity and with a paired B-mode image, the same with the opacity sought (residual), and the nearest entry of the
same blended table by scipy's k-d tree, for pixels averaged alike. Times are CPU time of one thread in milliseconds,
median and least; errors are mean absolute differences from the true values in percent of the scale.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from MicrocalcElastographyLib.color_scale import CHROMA_AND_GRAY, ColorScale, bundled_color_scale
from MicrocalcElastographyLib.unblending import estimate_opacity, match_colors

SHAPE, SMOOTHING_PX, STEPS = (540, 720), 3, 2048
OPACITIES = (1.0, 0.5)


def simulated(scale: ColorScale, opacity: float) -> tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.uint8]]:
    """True fractions of the scale, blended colors and B-mode."""
    random = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(random.normal(size=SHAPE), 20)
    fractions = (smooth - smooth.min()) / np.ptp(smooth)
    b_mode = np.clip(ndimage.gaussian_filter(random.rayleigh(40, size=SHAPE), 1), 0, 255)
    color = scale.colors_of(scale.values(fractions))
    blended = (1.0 - opacity) * b_mode[..., None] + opacity * color
    return fractions, np.rint(blended).astype(np.uint8), np.rint(b_mode).astype(np.uint8)


def by_tree(
    colors: NDArray[np.uint8], scale: ColorScale, opacity: float, b_mode: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Fractions of the nearest colors of the blended table, the B-mode taken away."""
    left = colors @ CHROMA_AND_GRAY.T
    left[..., 2] -= (1.0 - opacity) * np.sqrt(3.0) * b_mode
    left = ndimage.uniform_filter(left, (SMOOTHING_PX, SMOOTHING_PX, 1), mode="nearest")
    table = opacity * (scale.resampled(STEPS) @ CHROMA_AND_GRAY.T)
    nearest = cKDTree(table).query(left.reshape(-1, 3))[1].reshape(SHAPE)
    fractions: NDArray[np.float64] = (nearest + 0.5) / STEPS
    return fractions


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    scale = bundled_color_scale("supersonic", 0.0, 180.0)
    for opacity in OPACITIES:
        true, colors, b_mode = simulated(scale, opacity)

        def residual(colors: NDArray[np.uint8] = colors) -> NDArray[np.float32]:
            found = estimate_opacity(colors, scale, None)
            assert found is not None
            return match_colors(colors, scale, found.opacity, None, SMOOTHING_PX).fractions

        ways: dict[str, Callable[[], NDArray]] = {
            "known opacity": lambda c=colors, o=opacity: match_colors(c, scale, o, None, SMOOTHING_PX).fractions,
            "paired B-mode": lambda c=colors, o=opacity, b=b_mode: match_colors(c, scale, o, b, SMOOTHING_PX).fractions,
            "residual": residual,
            "k-d tree, paired": lambda c=colors, o=opacity, b=b_mode: by_tree(c, scale, o, b),
        }
        errors = {name: 100.0 * float(np.abs(way() - true).mean()) for name, way in ways.items()}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, way in ways.items():
                start = time.process_time()
                way()
                times[name].append(1000.0 * (time.process_time() - start))
        print(f"opacity {opacity:.0%}")
        for name, taken in times.items():
            print(f"  {name:18s} {np.median(taken):6.1f} ms (least {min(taken):5.1f}), error {errors[name]:.3f} %")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
