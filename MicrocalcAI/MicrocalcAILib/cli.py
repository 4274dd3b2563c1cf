"""The command line: ``microcalc COMMAND …``. Each command lives in its own file under ``commands``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from . import __version__
from .base.errors import MicrocalcError
from .base.progress import Cancelled
from .commands.terminal import shown_name

# name -> module with add_arguments(parser) and run(arguments) -> exit status; what the command does, for --help
COMMANDS = {
    "analyze": ("MicrocalcAILib.commands.analyze", "outline, group and describe the calcifications of mammograms"),
    "analyze-exam": ("MicrocalcAILib.commands.analyze_exam", "analyze images and put them together as exams"),
    "report": ("MicrocalcAILib.commands.report", "write one page about an exam, as HTML or PDF"),
    "phantom": ("MicrocalcAILib.commands.phantom", "simulate mammograms with exact truth"),
    "evaluate": ("MicrocalcAILib.commands.evaluate", "compare analyses with the truth"),
    "evaluate-detector": ("MicrocalcAILib.commands.evaluate_detector", "judge a lesion detector on images with boxes"),
    "evaluate-exams": (
        "MicrocalcAILib.commands.evaluate_exams",
        "judge places, findings and changes in simulated exams",
    ),
    "reader-study": ("MicrocalcAILib.commands.reader_study", "compare modalities that several readers read"),
    "study": ("MicrocalcAILib.commands.study", "plan a reader study, read cases, collect and analyze the answers"),
    "dataset": ("MicrocalcAILib.commands.dataset", "annotated images, public or corrected here, in one form"),
    "export": ("MicrocalcAILib.commands.export", "write results as DICOM objects: CAD report, segmentation, marks"),
    "pacs": ("MicrocalcAILib.commands.pacs", "mammograms from an archive, results back; or be a node that analyzes"),
    "classify": ("MicrocalcAILib.commands.classify", "judge clusters whose features were measured"),
    "prepare": ("MicrocalcAILib.commands.prepare", "compile the calculations for this computer, once"),
    "wheels": ("MicrocalcAILib.commands.wheels", "fill a folder with all packages, for a computer without a network"),
    "train": ("MicrocalcAILib.commands.train", "train a model"),
    "elastography": ("MicrocalcElastographyLib.commands.elastography", "measure or simulate ultrasound elastograms"),
    "cohort": ("MicrocalcElastographyLib.commands.cohort", "statistics of an elastography study"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; refusals become one sentence on standard error and exit status 2.

    141, as in shells, when the reader of the output closed it early.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when PyTorch loads: idle threads take no CPU time
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="microcalc", description="Breast microcalcifications in mammograms. Research software, not for diagnosis."
    )
    parser.add_argument("--version", action="version", version=f"microcalc {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((argument for argument in argv if not argument.startswith("-")), None)
    for name, (module_name, help_text) in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        if name == chosen:  # only its module is imported
            module = importlib.import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    try:
        status = int(arguments.run(arguments))
        sys.stdout.flush()
        return status
    except Cancelled:
        print("Cancelled; nothing was changed.", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has stopped (“| head”); without this, Python complains again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MicrocalcError as error:
        print(f"microcalc: {shown_name(error)}", file=sys.stderr)
        return 2
