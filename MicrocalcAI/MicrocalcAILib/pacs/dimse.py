"""Archives that speak DIMSE: C-FIND, C-GET, C-STORE (PS3.4, PS3.7)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from ..base.files import replaced_on_success
from .archive import ArchiveError, Instance, Query
from .storage import IMAGE_CLASSES, SYNTAXES

_PENDING, _SUCCESS, _WARNINGS = (0xFF00, 0xFF01), 0x0000, (0xB000, 0xB006, 0xB007)
_SECONDS = 60.0


class NodeArchive:
    """See :class:`~.archive.Archive`."""

    def __init__(self, title: str, host: str, port: int, our_title: str, authorities: Path | None = None) -> None:
        self._title, self._host, self._port, self._our_title = title, host, port, our_title
        self._tls = None if authorities is None else (ssl.create_default_context(cafile=authorities), host)

    def find(self, query: Query) -> list[Instance]:
        patient = {"PatientID": query.patient_id, "StudyInstanceUID": query.study_uid, "StudyDate": query.dates}
        found = []
        for study in self._search("STUDY", **patient):
            of_study = {"StudyInstanceUID": study.StudyInstanceUID}
            for series in self._search("SERIES", **of_study, SeriesInstanceUID="", Modality=query.modality):
                of_series = {**of_study, "SeriesInstanceUID": series.SeriesInstanceUID}
                for image in self._search("IMAGE", **of_series, SOPInstanceUID="", SOPClassUID=""):
                    found.append(
                        Instance(
                            str(study.StudyInstanceUID),
                            str(series.SeriesInstanceUID),
                            str(image.SOPInstanceUID),
                            str(image.get("SOPClassUID", "")),
                        )
                    )
        return found

    def _search(self, level: str, **keys: str) -> list[Dataset]:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = level
        for name, value in keys.items():
            setattr(identifier, name, value)
        found = []
        with self._associated([build_context(StudyRootQueryRetrieveInformationModelFind)]) as association:
            for status, answer in association.send_c_find(identifier, StudyRootQueryRetrieveInformationModelFind):
                code = status.Status if status else None
                if code in _PENDING and answer is not None:
                    found.append(answer)
                elif code != _SUCCESS:
                    raise _refused("search", code)
        return found

    def fetch(self, instances: Sequence[Instance], folder: Path) -> Iterator[Path]:
        received: SimpleQueue[Path | Exception | None] = SimpleQueue()

        def store(event: evt.Event) -> int:
            path = folder / f"{event.request.AffectedSOPInstanceUID}.dcm"
            with replaced_on_success(path) as temporary:
                temporary.write_bytes(event.encoded_dataset())
            received.put(path)
            return _SUCCESS

        def retrieve() -> None:
            try:
                for wanted in instances:
                    self._get(wanted, store)
                received.put(None)
            except Exception as error:
                received.put(error)

        Thread(target=retrieve, daemon=True).start()
        while (file := received.get()) is not None:
            if isinstance(file, Exception):
                raise file
            yield file

    def _get(self, wanted: Instance, store: Any) -> None:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "IMAGE"
        identifier.StudyInstanceUID, identifier.SeriesInstanceUID = wanted.study_uid, wanted.series_uid
        identifier.SOPInstanceUID = wanted.sop_uid
        classes = [wanted.sop_class] if wanted.sop_class else list(IMAGE_CLASSES)
        contexts = [build_context(StudyRootQueryRetrieveInformationModelGet)]
        contexts += [build_context(one, list(SYNTAXES)) for one in classes]
        roles = [build_role(one, scp_role=True) for one in classes]
        with self._associated(contexts, roles, [(evt.EVT_C_STORE, store)]) as association:
            for status, _ in association.send_c_get(identifier, StudyRootQueryRetrieveInformationModelGet):
                code = status.Status if status else None
                if code not in (*_PENDING, _SUCCESS):
                    raise _refused("retrieval", code)

    def send(self, files: Sequence[Path]) -> None:
        contents = [dcmread(path) for path in files]
        wanted = {(content.SOPClassUID, content.file_meta.TransferSyntaxUID) for content in contents}
        with self._associated([build_context(kind, syntax) for kind, syntax in sorted(wanted)]) as association:
            for path, content in zip(files, contents, strict=True):
                try:
                    status = association.send_c_store(content)
                except ValueError as error:  # no presentation context was accepted for it
                    raise ArchiveError(f"The archive does not take objects like {path.name}.") from error
                code = status.Status if status else None
                if code not in (_SUCCESS, *_WARNINGS):
                    raise _refused(f"storage of {path.name}", code)

    @contextmanager
    def _associated(
        self, contexts: Sequence[Any], roles: Sequence[Any] = (), handlers: Sequence[Any] = ()
    ) -> Iterator[Association]:
        entity = AE(ae_title=self._our_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _SECONDS
        association = entity.associate(
            self._host,
            self._port,
            contexts=list(contexts),
            ae_title=self._title,
            ext_neg=list(roles) or None,
            evt_handlers=list(handlers),
            tls_args=self._tls,
        )
        if not association.is_established:
            raise ArchiveError(
                f"There is no DICOM connection to {self._title}: check address, port and that it knows the title "
                f"“{self._our_title}”."
            )
        try:
            yield association
        finally:
            association.release()


def _refused(what: str, code: int | None) -> ArchiveError:
    if code is None:
        return ArchiveError(f"The connection broke during {what}; try again.")
    return ArchiveError(f"The archive refused the {what} (status {code:04X}).")
