"""``microcalc elastography …``: measure, look through cines, compute strain, keep profiles of scanners, simulate."""

from __future__ import annotations

import argparse

from . import cine, measure, phantom, profile, strain

_ACTIONS = {"measure": measure, "cine": cine, "strain": strain, "profile": profile, "phantom": phantom}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, module in _ACTIONS.items():
        module.add_arguments(actions.add_parser(name, help=module.HELP, description=module.HELP))


def run(arguments: argparse.Namespace) -> int:
    """Run one sub-command."""
    return _ACTIONS[arguments.action].run(arguments)
