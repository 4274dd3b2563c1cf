"""``microcalc wheels``: all packages in a folder, for a computer without a network."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

_HERE = {"Windows": "windows", "Linux": "linux", "Darwin": "macos"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder for the packages; made if it is not there")
    parser.add_argument(
        "--python",
        default="3.12",
        metavar="VERSION",
        help="of the computer without a network: 3.11 to 3.14; Slicer 5.10 and 5.12 have 3.12 (default: %(default)s)",
    )
    parser.add_argument(
        "--platform",
        default=_HERE.get(platform.system(), "linux"),
        metavar="SYSTEM",
        help="of that computer: windows, macos, macos-intel, linux (default: this one)",
    )
    parser.add_argument(
        "--slicer", action="store_true", help="for Slicer's Python, which brings some packages and has its extension"
    )
    parser.add_argument(
        "--extras", default="", metavar="A,B", help="extras of the package: cluster, dicom, pacs, networks …"
    )


def run(arguments: argparse.Namespace) -> int:
    """Fill the folder, and say how it is used."""
    from ..base import wheel_folder

    target = wheel_folder.Target(arguments.python, arguments.platform)
    extras = wheel_folder.extra_requirements([extra for extra in arguments.extras.split(",") if extra])
    needed = wheel_folder.slicer_requirements() if arguments.slicer else wheel_folder.own_requirements()
    if not arguments.slicer:
        wheel_folder.add_own_wheel(arguments.folder)
    wheels = wheel_folder.fill(arguments.folder, [*needed, *extras], target)
    lock = wheel_folder.LOCK_FILE
    size = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    print(f"{len(wheels)} packages, {size:.0f} MB, for Python {target.python} on {target.system}; hashes: {lock}")
    if arguments.slicer:
        print("In Slicer: open Microcalc AI, press “From a folder…” and choose this folder.")
    else:
        print("There: pip install --no-index --find-links FOLDER microcalc")
        print(f"With every hash checked: pip install --no-index --find-links FOLDER --require-hashes -r FOLDER/{lock}")
    return 0
