"""A queue on disk: what arrived, what was analyzed, what was sent. A kill at any instant loses nothing.

The files themselves are the state, and each takes its name only when it is complete::

    STUDY/images/IMAGE.dcm          arrived
    STUDY/results/IMAGE/…           analyzed (or results/IMAGE.failed: why not)
    STUDY/objects/IMAGE/KIND.dcm    to be sent
    STUDY/objects/IMAGE.sent        all of them were accepted

Names are digests of UIDs.
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
class Job:
    """An image of a complete study, and where its results and objects go."""

    image: Path

    @property
    def study(self) -> Path:
        return self.image.parents[1]

    @property
    def results(self) -> Path:
        return self.study / "results" / self.image.stem

    @property
    def objects(self) -> Path:
        return self.study / "objects" / self.image.stem

    @property
    def failed(self) -> Path:
        """Says why the image could not be analyzed."""
        return self.study / "results" / f"{self.image.stem}.failed"

    @property
    def sent(self) -> Path:
        """Is there when all objects were accepted."""
        return self.study / "objects" / f"{self.image.stem}.sent"

    @property
    def done(self) -> bool:
        return self.sent.exists() or self.failed.exists()

    def fail(self, reason: str) -> None:
        with replaced_on_success(self.failed) as temporary:
            temporary.write_text(f"{reason}\n", encoding="utf-8")

    def mark_sent(self) -> None:
        with replaced_on_success(self.sent) as temporary:
            temporary.touch()


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

    def jobs(self, now: float | None = None) -> Iterator[Job]:
        """Images of complete studies that are neither sent nor failed, oldest studies first."""
        now = time.time() if now is None else now
        for study in sorted(self.folder.iterdir(), key=lambda folder: folder.stat().st_mtime):
            images = sorted((study / "images").glob("[!.]*.dcm"))
            latest = max((image.stat().st_mtime for image in images), default=now)
            if now - latest >= self.limits.quiet_seconds:
                yield from (job for job in map(Job, images) if not job.done)
