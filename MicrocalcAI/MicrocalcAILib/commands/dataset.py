"""``microcalc dataset``: annotated mammograms in one form, from public sets, corrected results or a study's answers."""

from __future__ import annotations

import argparse
from pathlib import Path

from .terminal import show_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    from ..dataset.layouts import LAYOUTS

    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    corrected = actions.add_parser("from-results", help="results that a reader corrected in the panel")
    corrected.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="exports of the panel")
    corrected.add_argument(
        "--images", type=Path, metavar="DIR", help="folder below which the images are; they are found by their digests"
    )
    corrected.add_argument(
        "--patients", type=Path, metavar="TABLE", help="CSV: image (name of its results' folder), patient"
    )
    corrected.set_defaults(act=_from_results)

    sources = "; ".join(f"{name}: {source}" for name, (_, source) in LAYOUTS.items())
    imported = actions.add_parser("import", help="a public set in its published layout, or own tables", epilog=sources)
    imported.add_argument("layout", choices=LAYOUTS, metavar="LAYOUT", help=", ".join(LAYOUTS))
    imported.add_argument("folder", type=Path, metavar="FOLDER", help="where it was unpacked")
    imported.set_defaults(act=_import)
    answered = actions.add_parser("from-study", help="what the readers of a study agree on")
    answered.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
    answered.add_argument(
        "--consensus",
        choices=("majority", "any", "all"),
        default="majority",
        help="how many readers have to say so; an adjudicator's reading counts alone (default: %(default)s)",
    )
    answered.set_defaults(act=_from_study)

    for action in (corrected, answered, imported):
        action.add_argument("--output", type=Path, required=True, metavar="DATASET", help="the dataset's folder")
        action.add_argument("--copy-images", action="store_true", help="copy the images (default: name their paths)")


def run(arguments: argparse.Namespace) -> int:
    """Write the dataset, and say what is in it."""
    arguments.act(arguments)
    from ..dataset.dataset import read_dataset

    dataset = read_dataset(arguments.output)
    for warning in dataset.record["warnings"]:
        print(f"Warning: {warning['message']}")
    print(
        f"{len(dataset.images)} images of {dataset.record['patients']} patients, calcifications outlined one by one in "
        f"{len(dataset.outlined)}, {len(dataset.boxes)} boxes of lesions → {arguments.output}"
    )
    return 0


def _from_results(arguments: argparse.Namespace) -> None:
    from ..dataset.from_results import dataset_from_results
    from ..evaluation.patients import read_patients

    dataset_from_results(
        arguments.folders,
        arguments.output,
        images=arguments.images,
        patients=read_patients(arguments.patients) if arguments.patients else None,
        copies_images=arguments.copy_images,
        progress=show_progress,
    )


def _from_study(arguments: argparse.Namespace) -> None:
    from ..study.as_dataset import dataset_from_study

    dataset_from_study(
        arguments.study,
        arguments.output,
        rule=arguments.consensus,
        copies_images=arguments.copy_images,
        progress=show_progress,
    )


def _import(arguments: argparse.Namespace) -> None:
    from ..dataset.layouts import import_dataset

    import_dataset(
        arguments.layout,
        arguments.folder,
        arguments.output,
        copies_images=arguments.copy_images,
        progress=show_progress,
    )
