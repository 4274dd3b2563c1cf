"""An archive that nobody here wrote: Orthanc on this computer, empty for each test."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")
pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")

_PLUGINS = Path("/usr/share/orthanc/plugins")
_SECONDS = 30.0


@dataclass(frozen=True)
class Orthanc:
    """Addresses of a running archive."""

    http: int
    dimse: int

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.http}/dicom-web"

    @property
    def node(self) -> str:
        return f"ORTHANC@127.0.0.1:{self.dimse}"

    def ask(self, path: str) -> object:
        """An answer of its own interface."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}") as answer:
            return json.load(answer)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def orthanc(tmp_path):
    program = shutil.which("Orthanc")
    if program is None or not (_PLUGINS / "libOrthancDicomWeb.so").exists():
        pytest.skip("Orthanc is not installed (Debian packages orthanc and orthanc-dicomweb)")
    running = Orthanc(free_port(), free_port())
    folder = tmp_path / "orthanc"
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(_PLUGINS / "libOrthancDicomWeb.so")],
        "HttpPort": running.http,
        "DicomPort": running.dimse,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowStore": True,
        "DicomModalities": {"us": ["MICROCALC", "127.0.0.1", 1]},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        [program, str(folder / "settings.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + _SECONDS
        while True:
            try:
                running.ask("/system")
                break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > end or process.poll() is not None:
                    pytest.skip("Orthanc did not start on this computer")
                time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait()
