"""``microcalc phantom``: simulated mammograms with exact truth."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..phantom import Background


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="gets dicom/, nrrd/ and truth/")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="number of images (default: 1)")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="image i depends on the seed and on i alone (default: 0)"
    )
    parser.add_argument(
        "--background",
        nargs="+",
        default=[],
        metavar="KIND|IMAGE|TABLE",
        help="“power-law” (a simulated breast), image files, or a CSV table of images (image, spacing_mm, patient, "
        "split); several are used in turn (default: power-law)",
    )
    parser.add_argument(
        "--victre",
        type=Path,
        metavar="FILE",
        help="also use projections (CC) of this labeled breast of VICTRE, e.g. pc_1_crop.mhd "
        "(github.com/DIDSR/VICTRE_PIPELINE)",
    )
    parser.add_argument("--split", default="train", help="rows of a table of images to use (default: train)")
    parser.add_argument(
        "--spacing",
        type=float,
        metavar="MM",
        help="pixel spacing of a simulated breast (default: 0.07), or of image files whose own is not known or wrong",
    )
    parser.add_argument(
        "--view", choices=("CC", "MLO"), help="of a simulated breast (default: CC), or of image files that do not say"
    )
    parser.add_argument(
        "--morphology",
        nargs="+",
        default=[],
        metavar="WORD",
        help="BI-RADS words to choose from, as “fine-pleomorphic”",
    )
    parser.add_argument("--distribution", nargs="+", default=[], metavar="WORD", help="BI-RADS words to choose from")
    parser.add_argument("--clusters", type=int, metavar="N", help="clusters in each image (default: 1 to 3)")
    parser.add_argument(
        "--format", nargs="+", choices=("dicom", "nrrd"), default=["dicom", "nrrd"], help="(default: both)"
    )
    parser.add_argument("--json-progress", action="store_true", help="report progress as lines of JSON")


def run(arguments: argparse.Namespace) -> int:
    """Simulate and write; image i is finished before image i + 1 is begun."""
    from ..base.errors import ParameterError
    from ..phantom import PhantomParameters, simulate
    from ..phantom.calcifications import MORPHOLOGIES
    from ..phantom.writer import write_phantom

    if arguments.count < 1 or arguments.seed < 0:
        raise ParameterError("Give a count of at least 1 and a seed of at least 0.")
    choices = {"clusters": (arguments.clusters, arguments.clusters)} if arguments.clusters is not None else {}
    hyphened = {name.replace(" ", "-"): name for name in MORPHOLOGIES}
    parameters = PhantomParameters(
        morphologies=tuple(hyphened.get(word, word) for word in arguments.morphology),
        distributions=tuple(arguments.distribution),
        **choices,
    )
    makers = _victre_makers(arguments)
    words = arguments.background or ([] if makers else ["power-law"])
    makers = [maker for word in words for maker in _background_makers(word, arguments)] + makers
    for index in range(arguments.count):
        _report(arguments.json_progress, index, arguments.count)
        seed = [arguments.seed, index]
        background = makers[index % len(makers)](seed)
        specks = background.bright_specks if background.kind == "image" else []
        name = f"phantom_{index + 1:04d}"
        write_phantom(arguments.output, name, simulate(background, seed, parameters), arguments.format, specks)
    _report(arguments.json_progress, arguments.count, arguments.count)
    return 0


def _victre_makers(arguments: argparse.Namespace) -> list[Callable[[list[int]], Background]]:
    """Projections of the volume that was given, none without one."""
    from ..base.errors import ParameterError
    from ..phantom import ProjectionParameters, read_victre_volume, victre_background

    if arguments.victre is None:
        return []
    if arguments.view == "MLO":
        raise ParameterError("A VICTRE breast is compressed for a CC view; ask for CC.")
    volume = read_victre_volume(arguments.victre)
    projection = ProjectionParameters(spacing_mm=0.07 if arguments.spacing is None else arguments.spacing)
    return [lambda seed: victre_background(volume, seed, projection)]


def _background_makers(word: str, arguments: argparse.Namespace) -> list[Callable[[list[int]], Background]]:
    """Functions of the seed; a file is read once."""
    from ..phantom import BreastParameters, image_background, power_law_background
    from ..reading.reader import read_mammogram
    from ..training.backgrounds import read_backgrounds

    spacing_mm = 0.07 if arguments.spacing is None else arguments.spacing
    if word == "power-law":
        breast = BreastParameters(view=arguments.view or "CC", spacing_mm=spacing_mm)
        return [lambda seed: power_law_background(seed, breast)]
    if word.lower().endswith(".csv"):
        images = read_backgrounds(Path(word), arguments.split)
        backgrounds = [(image_background(image.read()), image.patient) for image in images]
        return [
            _always(replace(background, parameters={**background.parameters, "patient": patient}))
            for background, patient in backgrounds
        ]
    mammogram = read_mammogram(Path(word), spacing_mm=arguments.spacing)
    background = image_background(replace(mammogram, view=mammogram.view or arguments.view))
    return [_always(background)]


def _always(background: Background) -> Callable[[list[int]], Background]:
    return lambda seed: background


def _report(as_json: bool, done: int, total: int) -> None:
    if as_json:
        print(json.dumps({"stage": "phantoms", "done": done, "total": total}), flush=True)
    elif done:
        print(f"{done} of {total} phantoms", flush=True)
