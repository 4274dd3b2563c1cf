"""An AI node of a research PACS: takes what a modality sends, has it analyzed, and sends the results on."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from ..base.errors import ResultError, UnreadableImageError, UnsupportedImageError
from .archive import Archive, ArchiveError
from .inbox import Inbox, StudyJob
from .storage import IMAGE_CLASSES, SYNTAXES, study_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = "127.0.0.1"
_SUCCESS, _OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
_MOST_ASSOCIATIONS = 8


@contextmanager
def listening(
    inbox: Inbox,
    title: str,
    port: int,
    host: str = LOOPBACK,
    allowed: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    on_refusal: Callable[[str], None] = lambda sentence: None,
) -> Iterator[int]:
    """Take images while the block runs; yields the port (an own one where 0 was given).

    Parameters
    ----------
    inbox : Inbox
    title : str
        Our application entity title; others are refused.
    port, host
        Only this computer reaches ``127.0.0.1``, the default.
    allowed : sequence of str
        Titles of callers; empty: any.
    tls : SSLContext, optional
    on_refusal : callable
        Is told why something was not taken, without names of patients.
    """

    def store(event: evt.Event) -> int:
        try:
            content = event.encoded_dataset()
            inbox.take(content, study_of(content), str(event.request.AffectedSOPInstanceUID))
        except ArchiveError as error:
            on_refusal(str(error))
            return _OUT_OF_RESOURCES
        except OSError as error:
            on_refusal(f"An image could not be stored: {error.strerror}.")
            return _OUT_OF_RESOURCES
        except Exception as error:  # whatever a stranger sends, the node goes on
            on_refusal(f"An object could not be understood ({type(error).__name__}).")
            return _CANNOT_UNDERSTAND
        return _SUCCESS

    entity = AE(ae_title=title)
    entity.require_called_aet = True
    entity.require_calling_aet = list(allowed)
    entity.maximum_associations = _MOST_ASSOCIATIONS
    entity.add_supported_context(Verification)
    for kind in IMAGE_CLASSES:
        entity.add_supported_context(kind, list(SYNTAXES))
    handlers: list[Any] = [(evt.EVT_C_STORE, store)]
    server = entity.start_server((host, port), block=False, evt_handlers=handlers, ssl_context=tls)
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()


def work_off(
    jobs: Sequence[StudyJob],
    analyze: Callable[[Path, Path], None],
    make_objects: Callable[[Sequence[Path], Sequence[Path], Sequence[Path], Path], object],
    target: Archive | None,
    on_failure: Callable[[str], None] = lambda sentence: None,
) -> int:
    """Analyze the images of studies, make the objects of each study and send them; gives how many were finished.

    What was done before an interruption is not done again. A refused image is set aside with its reason, and the
    objects of its study say so; when the archive cannot be reached the study stays in the queue.

    Parameters
    ----------
    jobs : sequence of StudyJob
    analyze : callable
        Image, folder for its results; raises ResultError for an image that cannot be analyzed.
    make_objects : callable
        Results, their images, images that failed, folder for the objects; raises ResultError, UnreadableImageError or
        UnsupportedImageError for a study without objects. Other errors end the work, and nothing is set aside.
    target : Archive, optional
        None: objects stay in the queue's folder.
    on_failure : callable
        Is told why, without names of patients.
    """
    finished = 0
    for job in jobs:
        for image in job.images:
            if job.has_failed(image) or job.results(image).exists():
                continue
            try:
                analyze(image, job.results(image))
            except ResultError as error:
                job.fail(image, str(error))
                on_failure(f"Image {image.stem}: {error}")
        failed = [image for image in job.images if job.has_failed(image)]
        analyzed = [image for image in job.images if image not in failed]
        try:
            make_objects([job.results(image) for image in analyzed], analyzed, failed, job.objects)
        except (ResultError, UnreadableImageError, UnsupportedImageError) as error:
            job.fail_objects(str(error))
            on_failure(f"Study {job.name}: {error}")
            continue
        try:
            if target is not None:
                target.send(sorted(job.objects.glob("[!.]*.dcm")))
        except ArchiveError as error:
            on_failure(f"Study {job.name} waits in the queue: {error}")
            continue
        job.mark_sent()
        finished += 1
    return finished
