"""``microcalc elastography profile``: corrections kept for all screens of a scanner's layout."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import NO_PROFILE, add_reading, calibration_of

if TYPE_CHECKING:
    from ..profiles import Profile

HELP = "Keep what was corrected on one screen for all screens of the same layout: save, list, remove."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(dest="profile_action", required=True, metavar="ACTION")
    save = actions.add_parser("save", help="keep what is given here for all screens of this layout")
    save.add_argument("name", metavar="NAME", help="of the profile, e.g. the scanner and its preset")
    save.add_argument("file", metavar="FILE", type=Path, help="a screen of the layout")
    save.add_argument("--frame", type=int, default=0, metavar="N", help="of a cine, counted from 0 (default: 0)")
    add_reading(save.add_argument_group("what is right (whatever is left out goes on being read from each screen)"))
    actions.add_parser("list", help="the profiles there are")
    actions.add_parser("remove", help="delete a profile of your own").add_argument("name", metavar="NAME")


def run(arguments: argparse.Namespace) -> int:
    """Save, list or remove."""
    from ..profiles import ProfileStore, known_profiles

    if arguments.profile_action == "list":
        for profile in known_profiles():
            print(f"{profile.name}: {_text(profile)}")
    elif arguments.profile_action == "remove":
        ProfileStore().remove(arguments.name)
        print(f"Removed “{arguments.name}”.")
    else:
        _save(arguments)
    return 0


def _save(arguments: argparse.Namespace) -> None:
    from MicrocalcAILib.base.errors import ParameterError

    from ..profiles import ProfileStore
    from ..reading import read_screen
    from ..screen_calibration import profile_of

    if arguments.profile not in (None, NO_PROFILE) or arguments.name == NO_PROFILE:
        raise ParameterError("A profile is made of what is given, not of another profile; give it a name of its own.")
    arguments.profile = NO_PROFILE
    screen = read_screen(arguments.file, arguments.frame)
    profile = profile_of(arguments.name, screen, calibration_of(arguments))
    path = ProfileStore().save(profile)
    print(f"Saved “{profile.name}” ({_text(profile)}): {path}")


def _text(profile: Profile) -> str:
    from ..profiles import CORRECTABLE

    parts = ", ".join(CORRECTABLE[part] for part in profile.corrected)
    device = f", {profile.device}" if profile.device else ""
    rows, columns = profile.size
    return f"{parts} of screens of {columns} × {rows} pixels{device}, {len(profile.landmarks)} landmarks"
