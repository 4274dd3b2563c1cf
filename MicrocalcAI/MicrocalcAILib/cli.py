"""The command line: ``microcalc COMMAND …``. Each command lives in its own file under ``commands``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from . import __version__
from .errors import MicrocalcError
from .progress import Cancelled

# name -> module with HELP, add_arguments(parser) and run(arguments) -> exit status
COMMANDS = {
    "analyze": "MicrocalcAILib.commands.analyze",
    "phantom": "MicrocalcAILib.commands.phantom",
    "evaluate": "MicrocalcAILib.commands.evaluate",
    "train": "MicrocalcAILib.commands.train",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; refusals become one sentence on standard error and exit status 2."""
    parser = argparse.ArgumentParser(
        prog="microcalc", description="Breast microcalcifications in mammograms. Research software, not for diagnosis."
    )
    parser.add_argument("--version", action="version", version=f"microcalc {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module_name in COMMANDS.items():
        module = importlib.import_module(module_name)
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except Cancelled:
        print("Cancelled; nothing was changed.", file=sys.stderr)
        return 130
    except MicrocalcError as error:
        print(f"microcalc: {error}", file=sys.stderr)
        return 2
