"""``microcalc elastography phantom``: simulated elastography screens with exactly known values."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "Simulate elastography screens (B-mode, color box, bar, ruler) and write the exact values behind their colors."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    from ..color_scale import table_names
    from ..elastogram import Unit
    from ..phantom import BarPlace, Content, Layout

    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="gets a file of each kind per screen")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="number of screens (default: 1)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="screen i uses seed S + i (default: 0)")
    parser.add_argument("--frames", type=int, default=1, metavar="N", help="frames of each DICOM cine (default: 1)")
    parser.add_argument(
        "--refreshed-every", type=int, default=5, metavar="N", help="frames of a cine per elastogram (default: 5)"
    )
    parser.add_argument("--content", choices=list(Content), type=Content, default=Content.LESION)
    parser.add_argument("--layout", choices=list(Layout), type=Layout, default=Layout.OVER_UNDER)
    parser.add_argument("--bar", choices=list(BarPlace), type=BarPlace, default=BarPlace.RIGHT, help="place of the bar")
    parser.add_argument("--table", choices=table_names(), default="supersonic", help="color table")
    parser.add_argument("--unit", choices=list(Unit), type=Unit, default=Unit.KILOPASCAL)
    parser.add_argument(
        "--scale",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="ends of the color bar (default: 0 180 kPa, 0 8 m/s, 0 1 strain)",
    )
    parser.add_argument("--high-at-bottom", action="store_true", help="turn an upright bar upside down")
    parser.add_argument("--opacity", type=float, default=0.5, help="share of color, 0.05 to 1 (default: 0.5)")
    parser.add_argument("--lesion-kpa", type=float, default=110.0, help="stiffness of the lesion's core (default: 110)")
    parser.add_argument("--lesion-diameter", type=float, default=9.0, metavar="MM", help="(default: 9)")
    parser.add_argument("--void", type=float, default=0.04, metavar="SHARE", help="of the box (default: 0.04)")
    parser.add_argument("--spacing", type=float, default=0.1, metavar="MM", help="pixel spacing (default: 0.1)")
    parser.add_argument(
        "--jpeg", type=int, metavar="QUALITY", help="compress with this JPEG quality (default: lossless)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Simulate and write; screen i is finished before screen i + 1 is begun."""
    from dataclasses import replace

    from MicrocalcAILib.base.errors import ParameterError

    from ..elastogram import Unit
    from ..phantom import PhantomParameters, simulate_cine
    from ..phantom.output import write_screens

    if not 1 <= arguments.count <= 100_000:
        raise ParameterError("The number of screens is 1 to 100,000.")
    usual_scales = {Unit.KILOPASCAL: (0.0, 180.0), Unit.METERS_PER_SECOND: (0.0, 8.0), Unit.STRAIN: (0.0, 1.0)}
    parameters = PhantomParameters(
        content=arguments.content,
        layout=arguments.layout,
        bar_place=arguments.bar,
        unit=arguments.unit,
        scale=tuple(arguments.scale or usual_scales[arguments.unit]),
        high_at_top=not arguments.high_at_bottom,
        color_table=arguments.table,
        opacity=arguments.opacity,
        lesion_kpa=arguments.lesion_kpa,
        lesion_diameter_mm=arguments.lesion_diameter,
        void_share=arguments.void,
        spacing_mm=arguments.spacing,
        jpeg_quality=arguments.jpeg,
    )
    for number in range(arguments.count):
        cine = simulate_cine(
            replace(parameters, seed=arguments.seed + number), arguments.frames, arguments.refreshed_every
        )
        name = f"elastogram_{number:04d}"
        write_screens(cine, arguments.output, name)
        print(f"{name}: screen, values and truth written")
    return 0
