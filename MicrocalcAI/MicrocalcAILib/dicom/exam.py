"""Which results belong to which image file, for one image or all of an exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..analysis import ANALYSIS_FILE, Analysis, load_analysis
from ..base.errors import MicrocalcError, ResultError
from ..base.files import is_hidden
from ..base.provenance import sha256_of_file
from .source import FailedImage, SourceImage, StudyImage, digests_of, read_failed, read_source


@dataclass(frozen=True)
class Analyzed:
    """An image, what was found in it, the folder of its results, and a name that no other image of the exam has."""

    source: SourceImage
    results: Path
    name: str


def read_exam(results: Sequence[Path], images: Sequence[Path], given: Mapping[str, str]) -> list[Analyzed]:
    """Read the results of one image, or of all images of an exam, with their image files.

    Parameters
    ----------
    results : sequence of Path
        Folders of results, or folders that hold such folders.
    images : sequence of Path
        The files that were analyzed, or folders that hold them, in any order; files that belong to no result are left
        alone.
    given : mapping
        Patient and study of images that are no DICOM files; see :func:`~.given.given_attributes`.

    Raises
    ------
    ResultError
        When there is no result, a result has no image, or two belong to one image.
    """
    folders = [folder for path in results for folder in _result_folders(path)]
    analyses = [load_analysis(folder) for folder in folders]
    by_digest = _by_digest(images, analyses)
    exam = []
    for folder, analysis, name in zip(folders, analyses, _names(folders), strict=True):
        image = next((by_digest.pop(digest) for digest in digests_of(analysis) if digest in by_digest), None)
        if image is None:
            raise ResultError(
                f"None of the files is the image of the results “{folder.name}”; give the file that was analyzed, once."
            )
        exam.append(Analyzed(read_source(image, analysis, given), folder, name))
    return exam


def read_failures(images: Sequence[Path]) -> list[FailedImage]:
    """Read DICOM images of the exam that could not be analyzed; those that cannot even be named are left out."""
    found = []
    for image in images:
        with suppress(MicrocalcError):
            found.append(read_failed(image, datetime.fromtimestamp(image.stat().st_mtime, UTC)))
    return found


def check_study(images: Sequence[StudyImage]) -> None:
    """Refuse images of different patients or studies.

    Raises
    ------
    ResultError
    """
    for name in ("PatientID", "StudyInstanceUID"):
        if len({str(image.dataset.get(name)) for image in images}) > 1:
            raise ResultError("These images are of different patients or studies; write the objects of each apart.")


def _result_folders(path: Path) -> list[Path]:
    if (path / ANALYSIS_FILE).is_file():
        return [path]
    found = sorted(
        file.parent for file in path.rglob(ANALYSIS_FILE) if file.is_file() and not is_hidden(file.parent, path)
    )
    if not found:
        raise ResultError(f"“{path.name}” holds no results; give a folder that “microcalc analyze” wrote.")
    return found


def _by_digest(images: Sequence[Path], analyses: Sequence[Analysis]) -> dict[str, Path]:
    """The image files by their digests; the only one also by that of the only results, so that its reader can judge."""
    if not all(image.exists() for image in images):
        missing = next(image for image in images if not image.exists())
        raise ResultError(f"There is no image “{missing.name}”; give the file that was analyzed.")
    files = [
        file
        for image in images
        for file in (sorted(image.rglob("*")) if image.is_dir() else [image])
        if file.is_file() and (file == image or not is_hidden(file, image))
    ]
    if len(analyses) == len(files) == 1:
        return dict.fromkeys(digests_of(analyses[0]), files[0])
    return {sha256_of_file(file): file for file in files}


def _names(folders: Sequence[Path]) -> list[str]:
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) == len(names):
        return names
    return [f"{number}_{name}" for number, name in enumerate(names, start=1)]
