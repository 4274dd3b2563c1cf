"""A queue on disk: what arrived, what was analyzed, what was sent. A kill at any instant loses nothing.

The files themselves are the state, and each takes its name only when it is complete::

    STUDY/images/IMAGE.dcm          arrived
    STUDY/results/IMAGE/…           analyzed (or results/IMAGE.failed: why not)
    STUDY/objects/IMAGES/KIND.dcm   about all these images, to be sent
    STUDY/objects/IMAGES.sent       all of them were accepted (or IMAGES.failed: why none could be made)

Names are digests of UIDs. Images that come late make another set of images, and new objects about all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base.files import replaced_on_success
from .archive import ArchiveError
from .storage import LARGEST_FILE, name_of


@dataclass(frozen=True)
class Limits:
    """How much is taken.

    Parameters
    ----------
    largest_file : int
        Bytes of one image.
    images_per_study, studies : int
        Further ones are refused.
    quiet_seconds : float
        A study is complete when nothing came for so long.
    """

    largest_file: int = LARGEST_FILE
    images_per_study: int = 64
    studies: int = 10_000
    quiet_seconds: float = 30.0


@dataclass(frozen=True)
class StudyJob:
    """The images of a complete study, and where their results and objects go."""

    folder: Path
    images: tuple[Path, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    def results(self, image: Path) -> Path:
        return self.folder / "results" / image.stem

    def has_failed(self, image: Path) -> bool:
        return _failure(self.results(image)).exists()

    def fail(self, image: Path, reason: str) -> None:
        """Set an image aside that cannot be analyzed."""
        _say_failed(self.results(image), reason)

    @property
    def objects(self) -> Path:
        """Of these very images."""
        return self.folder / "objects" / name_of(" ".join(image.stem for image in self.images))

    def fail_objects(self, reason: str) -> None:
        """Set the study aside until further images come."""
        _say_failed(self.objects, reason)

    def mark_sent(self) -> None:
        with replaced_on_success(_sent(self.objects)) as temporary:
            temporary.touch()

    @property
    def done(self) -> bool:
        return _sent(self.objects).exists() or _failure(self.objects).exists()


def _sent(folder: Path) -> Path:
    return folder.with_suffix(".sent")


def _failure(folder: Path) -> Path:
    return folder.with_suffix(".failed")


def _say_failed(folder: Path, reason: str) -> None:
    with replaced_on_success(_failure(folder)) as temporary:
        temporary.write_text(f"{reason}\n", encoding="utf-8")


class Inbox:
    """The queue in a folder."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.folder, self.limits = folder, limits or Limits()
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, content: bytes, study_uid: str, sop_uid: str) -> Path:
        """Store an image; when this returns it is on the disk. The same image twice is stored once.

        Raises
        ------
        ArchiveError
            When a limit is reached.
        """
        if len(content) > self.limits.largest_file:
            raise ArchiveError("An image is larger than allowed; it was not taken.")
        images = self.folder / name_of(study_uid) / "images"
        path = images / f"{name_of(sop_uid)}.dcm"
        if not path.exists():
            if images.exists() and sum(1 for _ in images.glob("*.dcm")) >= self.limits.images_per_study:
                raise ArchiveError("A study has more images than allowed; the further ones were not taken.")
            if not images.exists() and sum(1 for _ in self.folder.iterdir()) >= self.limits.studies:
                raise ArchiveError("The queue is full; nothing was taken.")
        with replaced_on_success(path) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return path

    def jobs(self, now: float | None = None) -> Iterator[StudyJob]:
        """Complete studies whose objects were not sent yet, oldest first."""
        now = time.time() if now is None else now
        for study in sorted(self.folder.iterdir(), key=lambda folder: folder.stat().st_mtime):
            images = sorted((study / "images").glob("[!.]*.dcm"))
            latest = max((image.stat().st_mtime for image in images), default=now)
            job = StudyJob(study, tuple(images))
            if images and now - latest >= self.limits.quiet_seconds and not job.done:
                yield job
