"""What a run over many images takes, and that nothing is lost when it is killed.

    python Testing/benchmarks/batch_benchmark.py measure IMAGES OUTPUT [--workers 2]
    python Testing/benchmarks/batch_benchmark.py kill IMAGES OUTPUT [--kills 20] [--longest 240] [--alone 10] [--seed 0]

``measure`` prints images per hour, CPU seconds and peak memory per image. ``kill`` ends a run with SIGKILL at random
instants up to ``--longest`` seconds after its start, resumes it with the same command, and at the end counts what is
lost, and compares the files of some images with those of images that were analyzed alone.
"""

import argparse
import csv
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

TIMES = ("seconds", "cpu_seconds", "peak_memory_mb")


def command(arguments, output):
    options = ["--workers", str(arguments.workers), *arguments.options]
    return [sys.executable, "-m", "MicrocalcAILib", "analyze", *arguments.images, "--output", str(output), *options]


def summary(output):
    with (output / "summary.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measure(arguments):
    start = time.monotonic()
    subprocess.run(command(arguments, arguments.output), check=False)
    hours = (time.monotonic() - start) / 3600
    rows = [row for row in summary(arguments.output) if row["status"] == "done"]
    cells = {name: [float(row[name]) for row in rows] for name in TIMES}
    print(f"{len(rows)} images, {arguments.workers} workers: {len(rows) / hours:.0f} images per hour")
    for name, values in cells.items():
        print(f"{name}: median {median(values):.1f}, highest {max(values):.1f}")


def kill(arguments):
    """Kill one run again and again; the same command resumes it until all is done."""
    chance = random.Random(arguments.seed)
    for number in range(1, arguments.kills + 1):
        process = subprocess.Popen(command(arguments, arguments.output), stdout=subprocess.DEVNULL)
        instant = chance.uniform(0, arguments.longest)
        try:
            process.wait(timeout=instant)
            print(f"all was done before kill {number}; give more images or a smaller --longest")
            return 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(f"kill {number} after {instant:.1f} s: {finished(arguments.output)} results", flush=True)
    subprocess.run(command(arguments, arguments.output), check=False, stdout=subprocess.DEVNULL)
    rows = summary(arguments.output)
    lost = sum(row["status"] not in ("done", "finished before") for row in rows)
    lost += sum(path.name not in (".microcalc.lock", ".written.sha256") for path in arguments.output.rglob(".*"))
    chosen = chance.sample(rows, min(arguments.alone, len(rows)))
    missing, differ = compared(arguments, chosen)
    print(
        f"{arguments.kills} kills, {len(rows)} images: {lost} lost or left half written; "
        f"{len(chosen)} of them analyzed alone: {missing} files missing, {differ} differ"
    )
    return 1 if lost or missing or differ else 0


def finished(output):
    return len(list(output.rglob("microcalc_result.json")))


def compared(arguments, rows):
    """How many files of these results are missing, or differ, from those of images that are analyzed on their own."""
    missing = differ = 0
    common = Path(os.path.commonpath([Path(image).resolve() for image in arguments.images]))
    for number, row in enumerate(rows):
        alone = arguments.output.with_name(f"{arguments.output.name}_alone") / str(number)
        single = argparse.Namespace(**{**vars(arguments), "images": [str(common / row["image"])]})
        subprocess.run(command(single, alone), check=False, stdout=subprocess.DEVNULL)
        whole = alone / summary(alone)[0]["folder"]
        for file in (path for path in whole.iterdir() if path.suffix != ".json" and not path.name.startswith(".")):
            twin = arguments.output / row["folder"] / file.name
            missing += not twin.is_file()
            differ += twin.is_file() and twin.read_bytes() != file.read_bytes()
    return missing, differ


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "kill"))
    parser.add_argument("images", nargs="+")
    parser.add_argument("output", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=240.0, help="seconds from a start to the latest kill")
    parser.add_argument("--alone", type=int, default=10, help="images whose files are compared")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="further options of analyze")
    arguments = parser.parse_args()
    return {"measure": measure, "kill": kill}[arguments.what](arguments)


if __name__ == "__main__":
    raise SystemExit(main())
