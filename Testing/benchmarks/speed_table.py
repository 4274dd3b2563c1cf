"""What each stage costs beside a peer, and what whole runs of ``microcalc analyze`` cost, in one table.

    PYTHONPATH=MicrocalcAI:Testing:Testing/library python Testing/benchmarks/speed_table.py [--rounds 3] [--images 10]

(``make benchmarks``). Stages run in this process, the product and its peer in turns; whole runs from the start of the
process on one core, and a first one, which compiles, is not counted. CPU seconds are medians of the rounds; memory is
what a stage adds, and of a whole run that of its largest process.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ |= {"OMP_NUM_THREADS": "1", "MICROCALC_ISOLATED": "1"}  # before NumPy; decoders run in this process

import numpy as np
from pydicom import dcmread, uid
from scipy.spatial import cKDTree

from benchmarks.candidates_benchmark import SPACING_MM, mammogram
from benchmarks.radiomics_benchmark import FOREGROUND, engines, specks
from benchmarks.topology_benchmark import by_dilation, from_outlines, places
from benchmarks.turns import in_turns, loop_seconds, print_table
from benchmarks.whole_runs import whole_runs
from library.dicom_samples import mammogram_dataset
from MicrocalcAILib.base.limits import BYTE_BUDGET
from MicrocalcAILib.base.parameters import CandidateParameters
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.features import FeatureSettings
from MicrocalcAILib.networks import image
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.reading.dicom_pixels import decode_frame
from MicrocalcAILib.reading.dicom_safety import check_image_attributes, read_header, read_pixel_data
from MicrocalcAILib.segmentation.breast import find_breast
from MicrocalcAILib.segmentation.candidates import find_candidates
from MicrocalcAILib.segmentation.neighborhoods import sums_around
from references import contrast
from references.candidates import dice, with_scikit_image

_SYNTAXES = {
    "uncompressed": uid.ExplicitVRLittleEndian,
    "run-length": uid.RLELossless,
    "JPEG-LS": uid.JPEGLSLossless,
    "JPEG 2000": uid.JPEG2000Lossless,
}
_HEADINGS = ("stage", "product, CPU s", "peer", "peer, CPU s", "ratio", "product, MB", "peer, MB", "agreement")
_FRAME = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))


class Stage(NamedTuple):
    """Some work, a peer that does the same, and how the two results agree, in words."""

    name: str
    product: Callable[[], Any]
    peer_name: str = ""
    peer: Callable[[], Any] | None = None
    agreement: Callable[[Any, Any], str] = lambda _ours, _theirs: ""


def _largest_difference(ours: Any, theirs: Any) -> str:
    difference = np.abs(np.asarray(ours, np.float64) - theirs)
    return f"largest difference {np.nanmax(difference):.1e}"


def stages(folder: Path) -> Iterator[Stage]:
    """From reading to writing, on one simulated image of 3328 × 4084 pixels."""
    pixels, mask = mammogram()
    for name, syntax in _SYNTAXES.items():
        path = folder / f"{name}.dcm"
        dataset = mammogram_dataset(pixels.astype(np.uint16), 16)
        if syntax != uid.ExplicitVRLittleEndian:
            dataset.compress(syntax)
        dataset.save_as(path, enforce_file_format=True)
        yield Stage(
            f"decoding, {name}",
            lambda path=path: _decoded(path),
            "pydicom",
            lambda path=path: dcmread(path).pixel_array,
            _largest_difference,
        )
    yield Stage("breast", lambda: find_breast(Mammogram(pixels, SPACING_MM)))
    parameters = CandidateParameters()
    yield Stage(
        "candidates",
        lambda: find_candidates(pixels, mask, SPACING_MM, parameters),
        "scikit-image",
        lambda: with_scikit_image(pixels, mask, SPACING_MM, parameters),
        lambda ours, theirs: f"Dice of the pixels {dice(ours, theirs):.4f}",
    )
    chance = np.random.default_rng(0)
    points = chance.uniform(0, 150, (16_000, 2))
    yield Stage(
        "neighborhoods of 16,000 candidates",
        lambda: sums_around(points, points, np.ones(len(points)), (3.0, 6.0, 12.0))[:, :, 0],
        "SciPy's k-d tree",
        lambda: np.stack([cKDTree(points).query_ball_point(points, mm, return_length=True) for mm in (3, 6, 12)], 1),
        _largest_difference,
    )
    yield Stage(
        "view of the networks",
        lambda: image.local_contrast(pixels, mask, SPACING_MM[0]),
        "SciPy",
        lambda: contrast.local_contrast(pixels, mask, SPACING_MM[0]),
        _largest_difference,
    )
    ours, theirs, _ = engines(*specks(), FOREGROUND, FeatureSettings.pyradiomics_defaults())
    yield Stage("radiomics of 300 calcifications", ours, "pyradiomics, on crops", theirs, _largest_difference)
    labels, ids, boxes = places(100)
    yield Stage(
        "topology of 100 calcifications",
        lambda: from_outlines(labels, ids, boxes),
        "masks transformed once, dilated",
        lambda: by_dilation(labels, ids, boxes, transform_once=True),
        _largest_difference,
    )
    marks = np.zeros(pixels.shape, np.uint32)
    marks[::97, ::97] = 1
    yield Stage(
        "writing a label map",
        lambda: write_volume(marks, SPACING_MM, *_FRAME, folder / "ours.nrrd"),
        "SimpleITK",
        lambda: _written_by_itk(marks, folder / "theirs.nrrd"),
    )


def _decoded(path: Path) -> Any:
    header = read_header(path)
    check_image_attributes(header, BYTE_BUDGET)
    return decode_frame(header, read_pixel_data(path, header, BYTE_BUDGET)).stored


def _written_by_itk(values: Any, path: Path) -> None:
    import SimpleITK as sitk

    sitk.WriteImage(sitk.GetImageFromArray(values[np.newaxis]), str(path), useCompression=True)


def _row(stage: Stage, rounds: int) -> tuple[str, ...]:
    ways = {"product": stage.product} | ({} if stage.peer is None else {"peer": stage.peer})
    costs = in_turns(ways, rounds)
    ours = costs["product"]
    if stage.peer is None:
        return stage.name, f"{ours.cpu_seconds:.3f}", "", "", "", f"{ours.added_mb:.0f}", "", ""
    theirs = costs["peer"]
    return (
        stage.name,
        f"{ours.cpu_seconds:.3f}",
        stage.peer_name,
        f"{theirs.cpu_seconds:.3f}",
        f"{theirs.cpu_seconds / ours.cpu_seconds:.1f}",
        f"{ours.added_mb:.0f}",
        f"{theirs.added_mb:.0f}",
        stage.agreement(ours.result, theirs.result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10, help="in the calls with several images")
    arguments = parser.parse_args()

    def rows(folder: Path) -> Iterator[tuple[str, ...]]:
        for stage in stages(folder):
            yield _row(stage, arguments.rounds)
        for name, cost in whole_runs(folder, arguments.rounds, arguments.images):
            yield name, f"{cost.cpu_seconds:.1f}", "", "", "", f"{cost.peak_mb:.0f}", "", ""

    print(f"An empty loop of ten million rounds takes {loop_seconds():.2f} s.\n")
    with tempfile.TemporaryDirectory() as name:
        print_table(_HEADINGS, rows(Path(name)))
    print(f"\nAt the end the loop takes {loop_seconds():.2f} s.")


if __name__ == "__main__":
    main()
