"""What a run over many images takes, and that nothing is lost when it is killed.

    python Testing/benchmarks/batch_benchmark.py measure IMAGES OUTPUT [--workers 2]
    python Testing/benchmarks/batch_benchmark.py kill IMAGES OUTPUT [--kills 20] [--workers 2] [--seed 0]

``measure`` prints images per hour, CPU seconds and peak memory per image. ``kill`` ends runs with SIGKILL at random
instants, resumes each with the same command, and compares what lies there at the end with one run that was left alone.
"""

import argparse
import csv
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
    """Kill runs; each new one starts where the killed one stopped, and from nothing once all is done."""
    chance = random.Random(arguments.seed)
    whole = arguments.output / "whole"
    start = time.monotonic()
    subprocess.run(command(arguments, whole), check=False, stdout=subprocess.DEVNULL)
    longest = time.monotonic() - start
    lost = differ = rounds = kills = 0
    while kills < arguments.kills:
        output = arguments.output / f"killed_{rounds}"
        rounds += 1
        while True:
            process = subprocess.Popen(command(arguments, output), stdout=subprocess.DEVNULL)
            try:
                instant = chance.uniform(0, longest) if kills < arguments.kills else None
                process.wait(timeout=instant)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                print(f"kill {kills} after {instant:.1f} s: {finished(output)} results", flush=True)
        missing, other = compared(whole, output)
        lost += missing
        differ += other
    print(f"{kills} kills in {rounds} rounds of {len(summary(whole))} images: {lost} lost, {differ} differ")
    return 1 if lost or differ else 0


def finished(output):
    return len(list(output.rglob("microcalc_result.json")))


def compared(whole, killed):
    """How many rows and results of the run that was left alone are missing, or differ, in the one that was killed."""
    expected, found = ({row["image"]: row for row in summary(output)} for output in (whole, killed))
    leftovers = [path for path in killed.rglob(".*") if path.name != ".microcalc.lock"]
    missing = len(expected.keys() - found.keys()) + len(leftovers)
    differ = 0
    for image, row in expected.items():
        cells = {name: value for name, value in row.items() if name not in (*TIMES, "status")}
        other = found.get(image, {})
        if any(other.get(name) != value for name, value in cells.items()):
            differ += 1
        for file in (path for path in (whole / row["folder"]).iterdir() if row["folder"] and path.suffix != ".json"):
            twin = killed / row["folder"] / file.name
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
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="further options of analyze")
    arguments = parser.parse_args()
    return {"measure": measure, "kill": kill}[arguments.what](arguments)


if __name__ == "__main__":
    raise SystemExit(main())
