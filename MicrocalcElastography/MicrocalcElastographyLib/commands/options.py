"""Options that several elastography commands share: what cannot be read from a file."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from MicrocalcAILib.base.errors import ParameterError, WarningRecord

if TYPE_CHECKING:
    from ..calibration import Calibration
    from ..geometry import Rectangle
    from ..profiles import Profile

NO_PROFILE = "none"


def add_reading(group: argparse._ArgumentGroup) -> None:
    """Add the options of a calibration."""
    from ..color_scale import table_names
    from ..elastogram import Unit

    group.add_argument("--unit", type=Unit, choices=list(Unit), help="of the scale or of the map of values")
    group.add_argument("--range", nargs=2, type=float, metavar=("FIRST", "LAST"),
                       help="values at the upper and the lower end of the color bar (left and right if it lies); for "
                       "strain 1 at the soft and 0 at the hard end")  # fmt: skip
    group.add_argument("--opacity", type=float, metavar="SHARE", help="of the color, 0.05 to 1")
    group.add_argument("--color-table", choices=table_names(), help="bundled color table when no bar is shown")
    for option, what in (("--box", "elastography box"), ("--bar", "color bar")):
        group.add_argument(option, nargs=4, type=int, metavar=("LEFT", "TOP", "RIGHT", "BOTTOM"),
                           help=f"{what} in pixels, right and bottom not part of it")  # fmt: skip
    group.add_argument("--profile", metavar="NAME",
                       help="profile of the scanner (see “elastography profile list”), or “none” (default: the one of "
                       "the screen's layout, if there is one)")  # fmt: skip
    group.add_argument("--spacing", nargs="+", type=float, metavar="MM", help="pixel size: one number, or row column")


def spacing_of(arguments: argparse.Namespace) -> tuple[float, float] | None:
    """Distance of rows and of columns as given, in mm."""
    if arguments.spacing is None:
        return None
    if len(arguments.spacing) > 2:
        raise ParameterError("The pixel size is one number, or the distance of rows and the distance of columns.")
    return arguments.spacing[0], arguments.spacing[-1]


def calibration_of(arguments: argparse.Namespace) -> Calibration:
    """What the options say about a screen."""
    from ..calibration import Calibration

    return Calibration(
        box=_rectangle(arguments.box),
        bar=_rectangle(arguments.bar),
        color_table=arguments.color_table,
        values_at_ends=None if arguments.range is None else (arguments.range[0], arguments.range[1]),
        unit=arguments.unit,
        opacity=arguments.opacity,
        spacing_mm=spacing_of(arguments),
        profiles=profiles_of(arguments.profile),
    )


def profiles_of(name: str | None) -> tuple[Profile, ...]:
    """The profiles that may be applied: all that are known, the one of a name, or none."""
    from ..profiles import known_profiles

    if name == NO_PROFILE:
        return ()
    known = known_profiles()
    chosen = tuple(profile for profile in known if name in (None, profile.name))
    if name is not None and not chosen:
        names = ", ".join(profile.name for profile in known) or "none"
        raise ParameterError(f"There is no profile “{name}”; there are: {names}.")
    return chosen


def check_profile(arguments: argparse.Namespace, warnings: Iterable[WarningRecord]) -> None:
    """Refuse a screen to which the profile that was asked for by name was not applied."""
    said = {warning.code: warning.message for warning in warnings}
    if arguments.profile in (None, NO_PROFILE) or "profile-applied" in said:
        return
    raise ParameterError(
        said.get("profile-refused")
        or f"The profile “{arguments.profile}” is of another layout than this screen, or all it says was given; leave "
        "--profile out, or save a profile of this layout."
    )


def _rectangle(numbers: list[int] | None) -> Rectangle | None:
    from ..geometry import Rectangle

    return None if numbers is None else Rectangle(numbers[1], numbers[0], numbers[3], numbers[2])
