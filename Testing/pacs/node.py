"""A node in a process of its own, for tests that kill it: ``node.py FOLDER PORT ARCHIVE``.

The analysis is replaced by results at stated places, so that hundreds of images take seconds.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dicom_results import analysis_of, heatmap
from MicrocalcAILib.analysis import save_analysis
from MicrocalcAILib.base.files import folder_replaced_on_success
from MicrocalcAILib.dicom.objects import write_exam
from MicrocalcAILib.export.results import OVERLAY_FILE
from MicrocalcAILib.pacs.addresses import archive
from MicrocalcAILib.pacs.inbox import Inbox, Limits
from MicrocalcAILib.pacs.listener import listening, work_off

QUIET_SECONDS = 0.2


def known_results(image: Path, folder: Path) -> None:
    with folder_replaced_on_success(folder, "analysis.json") as temporary:
        save_analysis(dataclasses.replace(analysis_of(image), heatmaps=(heatmap(),)), temporary)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(temporary / OVERLAY_FILE)


def objects(results: Sequence[Path], images: Sequence[Path], failed: Sequence[Path], folder: Path) -> object:
    return write_exam(results, images, folder, ["sr"], failed=failed)


if __name__ == "__main__":
    inbox = Inbox(Path(sys.argv[1]), Limits(quiet_seconds=QUIET_SECONDS))
    with listening(inbox, "NODE", int(sys.argv[2])):
        print("ready", flush=True)
        while True:
            work_off(list(inbox.jobs()), known_results, objects, archive(sys.argv[3]))
