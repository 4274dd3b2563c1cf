"""Analyze a whole folder of mammograms with Slicer, without a window.

    Slicer --no-splash --no-main-window --python-script process_folder.py IMAGES RESULTS [--spacing MM]
        [--false-marks PER_CM2] [--heatmap detection] [--heatmap malignancy] [--boxes]

Every image below IMAGES gets a folder of results below RESULTS (tables, segmentation, picture, JSON), and
RESULTS/summary.csv has one row per file. Started again, it goes on where it was: what was made from the same image by
the same method is left alone. An image that fails does not stop the others; the exit status is 1 then.

The packages that the analysis needs are installed once with the button “Install…” of the module Microcalc AI.
"""

import argparse
import sys
import time

import slicer

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAISlicer.folderrun import FAILED
from MicrocalcAISlicer.logic import MicrocalcAILogic

SECONDS_BETWEEN_LOOKS = 0.2


def main(arguments):
    """Analyze; 0 when every image has results, 1 when some failed, 2 when nothing could be done."""
    parser = argparse.ArgumentParser(description="Analyze a folder of mammograms.")
    parser.add_argument("images", help="folder with images, searched with its subfolders")
    parser.add_argument("results", help="folder for the results")
    parser.add_argument("--spacing", type=float, metavar="MM", help="pixel spacing; wins over what the files say")
    parser.add_argument("--false-marks", type=float, metavar="PER_CM2", help="operating point: false marks per cm²")
    parser.add_argument("--heatmap", action="append", default=[], choices=("detection", "malignancy"))
    parser.add_argument("--boxes", action="store_true", help="also detect lesions")
    given = parser.parse_args(arguments)
    try:
        run = MicrocalcAILogic().processFolder(
            given.images,
            given.results,
            spacingMm=given.spacing,
            falseMarksPerCm2=given.false_marks,
            heatmaps=given.heatmap,
            detector="default" if given.boxes else None,
            waitForCompletion=False,
        )
        told = 0
        while not run.update() or told < len(run.rows):
            for row in run.rows[told:]:
                told += 1
                print(f"{told} of {run.total}: {row['image']}: {row['status']} {row['reason']}".rstrip())
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except MicrocalcError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if any(row["status"] == FAILED for row in run.rows) else 0


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except SystemExit as stop:  # wrong arguments
        status = stop.code
    slicer.util.exit(status)
