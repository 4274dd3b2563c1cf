"""``microcalc analyze-exam``: images below a folder, analyzed, and put together as exams."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..analysis import ANALYSIS_FILE, Analysis, load_admission, load_analysis
from ..base.errors import MicrocalcError, ParameterError
from ..base.files import folder_replaced_on_success
from ..base.json_progress import JsonProgress
from ..batch.inputs import absolute
from ..batch.plan import Item
from ..batch.worker_process import TaskName
from ..exam.exam import EXAM_FILE, save_exam
from ..exam.examine import ExamImage, examine, prepare
from ..exam.grouping import ExamGroup, group_images
from ..exam.identity import ImageIdentity, identify
from ..reading import Mammogram, read_mammogram
from ..report.pictures import write_pictures
from . import analyze, batch_options
from .terminal import shown_name

IMAGES, EXAMS = "images", "exams"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of ``analyze``, and what is known of the patient and her nipples."""
    analyze.add_arguments(parser)
    group = parser.add_argument_group("exams")
    group.add_argument(
        "--nipple",
        nargs=3,
        action="append",
        default=[],
        metavar=("IMAGE", "Y_MM", "X_MM"),
        help="where the nipple is in an image, from its first pixel; its name as in summary.csv; may be given again",
    )
    group.add_argument(
        "--after-surgery",
        choices=("L", "R"),
        action="append",
        default=[],
        help="a breast that had surgery or radiation; may be given again",
    )


def run(arguments: argparse.Namespace) -> int:
    """Analyze every image, then every exam; exams are made of the images that could be analyzed."""
    reporter = batch_options.reporter_of(arguments, analyze.found_words)
    try:
        if arguments.pseudonyms is not None:
            raise ParameterError(
                "Exams are grouped by patient and need no pseudonyms: their results hold digests, not names; leave "
                "--pseudonyms out."
            )
        nipples = _nipples(arguments.nipple)
        output = arguments.output / IMAGES
        items = analyze.planned(arguments)
        if unknown := nipples.keys() - {item.name for item in items}:
            raise ParameterError(f"There is no image “{sorted(unknown)[0]}”; name it as in summary.csv.")
        task = TaskName(analyze.TASK, analyze.task_options(arguments))
    except MicrocalcError as error:
        reporter.stopped(str(error))
        return 2
    images_only = argparse.Namespace(**{**vars(arguments), "output": output})
    status = batch_options.run(items, task, images_only, reporter, analyze.MEGABYTES_PER_RESULT)
    if status not in (0, 1):
        return status
    tell = JsonProgress() if arguments.json_progress else None
    for group, folder in write_exams(items, arguments.output, nipples, arguments.after_surgery):
        if tell:
            tell.say(exam=group.key, folder=str(absolute(folder)))
        else:
            print(f"exam {group.key}: {shown_name(_words(group))} → {shown_name(folder)}", flush=True)
    if tell:
        tell.say(result=str(absolute(arguments.output / EXAMS)))
    return status


def write_exams(
    items: Sequence[Item],
    output: Path,
    nipples: Mapping[str, tuple[float, float]],
    after_surgery: Sequence[str] = (),
) -> Iterator[tuple[ExamGroup, Path]]:
    """Put analyzed images together as exams, and write each with its pictures; yields each with its folder.

    Parameters
    ----------
    items : sequence of Item
        Those without results below ``output``/images are left out; their exams say so by what is missing.
    output : Path
    nipples : mapping
        Name of an image to where a reader put its nipple (y, x) in mm.
    after_surgery : sequence of {"L", "R"}
    """
    done = {item.name: item for item in items if (output / IMAGES / item.folder / ANALYSIS_FILE).is_file()}
    for group in group_images([_identity(item, output / IMAGES) for item in done.values()]):
        folder = output / EXAMS / group.key
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder_replaced_on_success(folder, EXAM_FILE) as new:
            images: dict[str, ExamImage] = {}
            for number, identity in enumerate((*group.images, *group.priors), start=1):
                item = done[identity.name]
                analysis = load_analysis(output / IMAGES / item.folder)
                mammogram = read_mammogram(item.path, analysis.spacing_mm)
                if not _is_of(analysis, mammogram):
                    continue  # the exam says that this image could not be analyzed
                write_pictures(mammogram, analysis, new, number)
                images[identity.name] = prepare(mammogram, analysis, identity, nipples.get(identity.name), item.folder)
            save_exam(examine(group, images, after_surgery), new)
        yield group, folder


def _is_of(analysis: Analysis, mammogram: Mammogram) -> bool:
    """Whether an analysis was made of this image: another may lie in its folder, whose own analysis failed."""
    digest = analysis.provenance.get("source", {}).get("sha256")
    return digest is None or digest == mammogram.source["sha256"]


def _identity(item: Item, output: Path) -> ImageIdentity:
    return identify(item.path, item.name, load_admission(output / item.folder))


def _nipples(given: Sequence[Sequence[str]]) -> dict[str, tuple[float, float]]:
    try:
        return {name: (float(y_mm), float(x_mm)) for name, y_mm, x_mm in given}
    except ValueError:
        raise ParameterError("--nipple takes the image's name and two numbers in mm: down, and to the right.") from None


def _words(group: ExamGroup) -> str:
    prior = f", prior of {group.priors[0].date}" if group.priors else ""
    return ", ".join(image.label for image in group.images) + prior
