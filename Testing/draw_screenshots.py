"""Draws the pictures of README and Docs anew: from the demonstration's results, a simulated elastogram and the panels.

Run from the root of the repository, after ``make demo``: ``make pictures``. The curve of Docs/figures.md is that of
``make figures``, the ones of studies and corrections come from their own tests and benchmark.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SCREENSHOTS = ROOT / "Resources" / "Screenshots"
DEMO = ROOT / "out" / "demo" / "known-cluster"
FILM = "1-133"  # right MLO, with the known cluster
FILM_SIZE, FRAME_SIZE = 800, 1300  # pixels of the longer side
PANELS = ("test_panel_pictures.py", "test_elastography_panel.py", "test_elastography_panel_measure.py")


def store(picture: Image.Image, name: str, size: int = FRAME_SIZE) -> None:
    """Write a picture, not larger than a page shows it."""
    picture = picture.convert("RGB")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    picture.save(SCREENSHOTS / name, optimize=True)


def beside(*pictures: Image.Image) -> Image.Image:
    """Pictures side by side, their upper edges in line."""
    whole = Image.new("RGB", (sum(each.width for each in pictures), min(each.height for each in pictures)), "#ececec")
    left = 0
    for each in pictures:
        whole.paste(each, (left, 0))
        left += each.width
    return whole


def microcalc(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "MicrocalcAILib", *map(str, arguments)], check=True)


def main() -> None:
    store(Image.open(DEMO / "results" / "images" / FILM / "overlay.png"), "overlay.png", FILM_SIZE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        microcalc("analyze", DEMO / "films" / f"{FILM}.dcm", "--heatmap", "detection", "--output", folder / "film")
        store(Image.open(next((folder / "film").rglob("*detection*.png"))), "heatmap.png", FILM_SIZE)
        clouds = ("--background", "power-law", "--seed", 21, "--morphology", "amorphous", "--format", "nrrd")
        microcalc("phantom", "--output", folder / "breast", "--count", 1, *clouds)
        microcalc("analyze", *(folder / "breast" / "nrrd").glob("*.nrrd"), "--output", folder / "clouds")
        store(Image.open(next((folder / "clouds").rglob("overlay.png"))), "clouds.png", FILM_SIZE)
        microcalc("elastography", "phantom", "--output", folder / "screens", "--count", 1, "--seed", 4)
        (screen,) = (folder / "screens").glob("*.dcm")
        regions = ("--lesion", "20,15,4.2,3.9 mm", "--fat", "11,13,1.6,1.6 mm")
        microcalc("elastography", "measure", screen, *regions, "--output", folder / "measured")
        store(Image.open(next((folder / "measured").rglob("*.png"))), "elastography.png")
        tests = [ROOT / "Testing" / "mrml" / file for file in PANELS]
        chosen = ("-k", "sample_mammogram or fits_a_narrow_panel", "--basetemp", folder / "panels")
        subprocess.run([sys.executable, "-m", "pytest", "-q", *tests, *chosen], check=True)
        image, measure = (Image.open(next((folder / "panels").rglob(f"{tab}.png"))) for tab in ("image", "measure"))
        store(beside(image, measure), "elastography_panel.png")
        store(Image.open(next((folder / "panels").rglob("sample.png"))), "panel.png")


if __name__ == "__main__":
    main()
