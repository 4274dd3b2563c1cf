"""``microcalc pacs``: mammograms from an archive, results back to it."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import MissingPackageError, ParameterError, ResultError
from .terminal import options_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from ..pacs.archive import Archive, Instance
    from ..pacs.inbox import Inbox

_ARCHIVE = "https://… of a DICOMweb service, or TITLE@HOST:PORT of a DICOM node"
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_FOR_AN_IMAGE = 1800.0
_OBJECTS = ("sr", "seg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per way of working."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    find = actions.add_parser("find", help="count the mammograms that fit")
    fetch = actions.add_parser("analyze", help="fetch mammograms, analyze them, send the results back")
    for command in (find, fetch):
        command.add_argument("--archive", required=True, metavar="ADDRESS", help=_ARCHIVE)
        command.add_argument("--patient", default="", metavar="ID")
        command.add_argument("--study", default="", metavar="UID", help="Study Instance UID")
        command.add_argument("--dates", default="", metavar="FROM-TO", help="20260101-20260131")
    listen = actions.add_parser("listen", help="be a node: analyze every study that is sent here")
    listen.add_argument("node", metavar="TITLE:PORT", help="our title and port")
    listen.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this computer only)")
    listen.add_argument("--allow", action="append", default=[], metavar="TITLE", help="callers; default: any")
    listen.add_argument(
        "--quiet", type=float, default=30.0, metavar="SECONDS", help="a study is complete after so long"
    )
    listen.add_argument("--certificate", type=Path, metavar="PEM", help="with --key: TLS")
    listen.add_argument("--key", type=Path, metavar="PEM")
    listen.add_argument("--once", action="store_true", help="work off what is there, take nothing new, and end")
    for command in (fetch, listen):
        command.add_argument("--folder", required=True, type=Path, metavar="DIR", help="queue, results and objects")
        command.add_argument("--send", metavar="ADDRESS", help="archive for the objects: " + _ARCHIVE)
        command.add_argument(
            "--objects", type=lambda text: text.split(","), default=list(_OBJECTS), help="as of export dicom (sr,seg)"
        )
        command.add_argument("--parameters", type=Path, metavar="FILE", help="as of analyze")
    for command in (find, fetch, listen):
        command.add_argument("--title", default="MICROCALC", help="our title towards archives")
        command.add_argument(
            "--authorities", type=Path, metavar="PEM", help="TLS: certificates that archives are checked with"
        )


def run(arguments: argparse.Namespace) -> int:
    """Find, analyze or listen."""
    try:
        return {"find": _find, "analyze": _analyze, "listen": _listen}[arguments.action](arguments)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"Archives need the package {error.name}, which is not installed (pip install “microcalc[pacs]”)."
        ) from error


def _found(arguments: argparse.Namespace) -> tuple[Archive, list[Instance]]:
    from ..pacs.addresses import archive
    from ..pacs.archive import Query

    query = Query(arguments.patient, arguments.study, arguments.dates)
    source = archive(arguments.archive, arguments.title, arguments.authorities)
    return source, source.find(query)


def _find(arguments: argparse.Namespace) -> int:
    _, found = _found(arguments)
    print(f"{len(found)} images in {len({instance.study_uid for instance in found})} studies")
    return 0


def _analyze(arguments: argparse.Namespace) -> int:
    from ..pacs.inbox import Inbox, Limits

    source, found = _found(arguments)
    inbox = Inbox(arguments.folder, Limits(quiet_seconds=0))
    arriving = arguments.folder / ".arriving"
    by_uid = {instance.sop_uid: instance for instance in found}
    try:
        for path in source.fetch(found, arriving):
            instance = by_uid[path.name.removesuffix(".dcm")]
            inbox.take(path.read_bytes(), instance.study_uid, instance.sop_uid)
            path.unlink()
    finally:
        if arriving.exists():
            for left in arriving.iterdir():
                left.unlink()
            arriving.rmdir()
    return _work_off(inbox, arguments)


def _listen(arguments: argparse.Namespace) -> int:
    from ..pacs.inbox import Inbox, Limits
    from ..pacs.listener import listening

    title, colon, port = arguments.node.rpartition(":")
    if not (title and colon and port.isdecimal()):
        raise ParameterError(f"“{arguments.node}” is no node; write TITLE:PORT.")
    inbox = Inbox(arguments.folder, Limits(quiet_seconds=arguments.quiet))
    if arguments.once:
        return _work_off(inbox, arguments)
    with listening(inbox, title, int(port), arguments.host, arguments.allow, _tls(arguments), _say) as bound:
        _say(f"Listening as {title} at {arguments.host}:{bound}.")
        try:
            while True:
                _work_off(inbox, arguments)
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        except KeyboardInterrupt:
            _say("Stopped; what waits in the queue is worked off at the next start.")
            return 130


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    import ssl

    if not arguments.certificate and not arguments.key:
        return None
    if not (arguments.certificate and arguments.key):
        raise ParameterError("TLS needs both --certificate and --key.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(arguments.certificate, arguments.key)
    except (OSError, ssl.SSLError) as error:
        raise ParameterError("The certificate or its key cannot be read; give two PEM files.") from error
    return context


def _work_off(inbox: Inbox, arguments: argparse.Namespace) -> int:
    from ..dicom.objects import write_exam
    from ..pacs.addresses import archive
    from ..pacs.listener import work_off

    target = archive(arguments.send, arguments.title, arguments.authorities) if arguments.send else None
    jobs = list(inbox.jobs())
    if not jobs:
        return 0
    with _analyzer(arguments.parameters) as analyze:
        finished = work_off(
            jobs,
            analyze,
            lambda results, images, failed, folder: write_exam(
                results, images, folder, arguments.objects, failed=failed
            ),
            target,
            _say,
        )
    _say(f"{finished} of {len(jobs)} studies analyzed" + (" and sent." if target else "."))
    return 0 if finished == len(jobs) else 1


@contextmanager
def _analyzer(parameters: Path | None) -> Iterator[Callable[[Path, Path], None]]:
    """Analyzes in a worker process, which stays for the next image: one that brings a decoder down is replaced."""
    from ..base.progress import no_progress
    from ..batch.capacity import default_memory_limit_mb
    from ..batch.work import FAILED, FullDiskError, Job
    from ..batch.worker_process import Limits, TaskName, WorkerError, WorkerProcess
    from . import analyze

    asked = ["image", "--output", "results", *(["--parameters", parameters] if parameters else [])]
    task = TaskName(analyze.TASK, analyze.task_options(options_of(analyze, asked)))
    worker = WorkerProcess(task, Limits(_SECONDS_FOR_AN_IMAGE, default_memory_limit_mb(1)))

    def analyze_image(image: Path, results: Path) -> None:
        job = Job(str(image.absolute()), str(results.absolute()), image.name, True, False, {})
        try:
            row = worker.run(job, no_progress)
        except FullDiskError as error:  # no fault of the image
            raise WorkerError(str(error)) from error
        if row["status"] == FAILED:
            raise ResultError(row["reason"])

    try:
        yield analyze_image
    finally:
        worker.close()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
