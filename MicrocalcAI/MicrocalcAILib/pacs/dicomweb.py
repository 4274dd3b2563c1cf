"""Archives that speak DICOMweb: QIDO-RS, WADO-RS, STOW-RS (PS3.18)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from requests.exceptions import RequestException

from ..base.files import replaced_on_success
from .archive import ArchiveError, Instance, Query

_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = "00080016", "00080018", "0020000D", "0020000E"


class WebArchive:
    """See :class:`~.archive.Archive`."""

    def __init__(self, url: str, authorities: Path | None = None) -> None:
        from requests import Session

        session = Session()
        session.trust_env = False  # no proxy, no stored password: only what the user named is contacted
        if authorities is not None:
            session.verify = str(authorities)
        self._client = DICOMwebClient(url=url, session=session)

    def find(self, query: Query) -> list[Instance]:
        filters = {"PatientID": query.patient_id, "StudyInstanceUID": query.study_uid, "StudyDate": query.dates}
        filters = {name: value for name, value in filters.items() if value}
        if query.modality:
            filters["ModalitiesInStudy"] = query.modality
        with _answered():
            studies = self._client.search_for_studies(search_filters=filters)
            return [found for study in studies for found in self._of_study(_value(study, _STUDY), query.modality)]

    def _of_study(self, study_uid: str, modality: str) -> Iterator[Instance]:
        limit = {"Modality": modality} if modality else {}
        for series in self._client.search_for_series(study_uid, search_filters=limit):
            uid = _value(series, _SERIES)
            for image in self._client.search_for_instances(study_uid, uid):
                yield Instance(study_uid, uid, _value(image, _SOP_INSTANCE), _value(image, _SOP_CLASS))

    def fetch(self, instances: Sequence[Instance], folder: Path) -> Iterator[Path]:
        for wanted in instances:
            with _answered():
                image = self._client.retrieve_instance(wanted.study_uid, wanted.series_uid, wanted.sop_uid)
            path = folder / f"{wanted.sop_uid}.dcm"
            with replaced_on_success(path) as temporary:
                image.save_as(temporary, enforce_file_format=True)
            yield path

    def send(self, files: Sequence[Path]) -> None:
        for path in files:
            with _answered():
                answer = self._client.store_instances([dcmread(path)])
            if answer.get("FailedSOPSequence"):
                raise ArchiveError(f"The archive did not accept {path.name}.")


@contextmanager
def _answered() -> Iterator[None]:
    """What goes wrong between us and the archive becomes one sentence."""
    try:
        yield
    except RequestException as error:
        answered = getattr(error.response, "status_code", None)
        said = f"it answered with status {answered}" if answered else "there is no connection"
        raise ArchiveError(f"The archive cannot be used: {said}.") from error


def _value(entry: dict[str, Any], tag: str) -> str:
    values = entry.get(tag, {}).get("Value", [])
    return str(values[0]) if values else ""
