"""A child process that speaks the protocol of ``analyze --json-progress``; its first argument says how it ends."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def say(**message):
    print(json.dumps(message), flush=True)


def main(ending, *arguments):
    say(pid=os.getpid())
    print("a line that is no message")
    say(stage="Candidates", done=1, total=4)
    if ending == "result":
        folder = Path(arguments[arguments.index("--output") + 1])
        write_result(Path(arguments[arguments.index("analyze") + 1]), folder)
        say(result=str(folder))
    elif ending == "folder":
        return analyze_folder(*(Path(arguments[arguments.index(word) + 1]) for word in ("analyze", "--output")))
    elif ending == "error":
        say(error="The image is blank; choose another one.")
        return 2
    elif ending == "crash":
        raise RuntimeError("details for the log")
    elif ending == "hang":
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        say(stage=f"grandchild {grandchild.pid}", done=0, total=0)
        time.sleep(60)
    return 0


def analyze_folder(images, output):
    """What ``analyze --json-progress`` says of a folder; images whose name begins with ``bad`` fail."""
    files = [path for path in sorted(images.rglob("*.nrrd")) if not path.name.startswith(".")]
    if not files:
        say(error="There is no file below these folders; choose the folder that holds the images.")
        return 2
    say(stage="images", done=0, total=len(files))
    for number, file in enumerate(files, 1):
        name = file.relative_to(images)
        say(image=str(name))
        say(stage="breast", done=0, total=8)
        say(stage="images", done=number, total=len(files))
        if file.name.startswith("bad"):
            say(error="The image is blank; choose another one.", image=name.as_posix(), status="failed")
        else:
            folder = name.with_suffix("").as_posix()
            write_result(file, output / folder)
            say(result=str(output / folder), image=name.as_posix(), status="done", folder=folder, calcifications=1)
    (output / "summary.csv").write_text("image,status\n")
    return 1


def write_result(image, folder):
    """Mark the brightest pixel of the image as a single calcification."""
    import numpy as np
    import pandas as pd
    import SimpleITK as sitk

    from MicrocalcAILib.analysis import Analysis, save_analysis

    volume = sitk.ReadImage(str(image))
    pixels = sitk.GetArrayFromImage(volume)[0]
    row, column = np.unravel_index(np.argmax(pixels), pixels.shape)
    labels = np.zeros(pixels.shape, np.int32)
    labels[row, column] = 1
    calcifications = pd.DataFrame({"id": [1], "cluster_id": [0], "row": [float(row)], "column": [float(column)]})
    clusters = pd.DataFrame(columns=["id", "name", "count", "row", "column", "extent_mm", "mean_probability"])
    spacing = volume.GetSpacing()
    analysis = Analysis(
        labels,
        calcifications,
        clusters,
        (spacing[1], spacing[0]),
        1.0,
        origin_lps_mm=volume.GetOrigin(),
        direction_lps=volume.GetDirection(),
    )
    folder.mkdir(parents=True)
    save_analysis(analysis, folder)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
