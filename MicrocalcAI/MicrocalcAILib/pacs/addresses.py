"""From the address that a user gives to the archive behind it."""

from __future__ import annotations

from pathlib import Path

from ..base.errors import ParameterError
from .archive import Archive
from .dicomweb import WebArchive
from .dimse import NodeArchive


def archive(address: str, our_title: str = "MICROCALC", tls: Path | None = None) -> Archive:
    """The archive at an address.

    Parameters
    ----------
    address : str
        ``http(s)://…`` of a DICOMweb service, or ``TITLE@HOST:PORT`` of a DICOM node.
    our_title : str
        Our own application entity title, for nodes that ask for it.
    tls : Path, optional
        Certificates of authorities (PEM) that the other side is checked with; nodes are reached through TLS then.

    Raises
    ------
    ParameterError
        When the address is neither.
    """
    if address.startswith(("http://", "https://")):
        return WebArchive(address.rstrip("/"), tls)
    title, at, place = address.partition("@")
    host, colon, port = place.rpartition(":")
    if not (at and colon and title and host and port.isdecimal()):
        raise ParameterError(f"“{address}” is no archive; write https://… (DICOMweb) or TITLE@HOST:PORT.")
    return NodeArchive(title, host, int(port), our_title, tls)
