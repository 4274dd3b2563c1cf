"""A task of the batch engine whose files say what shall happen: words instead of images, in real worker processes."""

import os
import signal
import sys
import time
from pathlib import Path

from MicrocalcAILib.base.errors import ModelError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.batch.inputs import find_inputs
from MicrocalcAILib.batch.plan import plan
from MicrocalcAILib.batch.run import run_batch
from MicrocalcAILib.batch.work import Finished
from MicrocalcAILib.batch.worker_process import Limits, TaskName
from MicrocalcAILib.batch.workers import LocalWorkers


class Words:
    """Counts the letters of a text file; some words are traps."""

    def __init__(self, options):
        if options.get("model") == "missing":
            raise ModelError("The model is missing; train one.")
        self.options = options

    def signature(self):
        return {"parameters": {"factor": self.options.get("factor", 1)}, "models": {"name": "letters"}}

    def run(self, path, options, progress):
        text = Path(path).read_text(encoding="utf-8")
        progress("counting", 0, 1)
        _fall_into_trap(text, self.options)
        letters = len(text) * self.options.get("factor", 1)

        def write(folder, name):
            (folder / "letters.txt").write_text(f"{letters} {options.get('unit', 'letters')} in {name}")
            time.sleep(self.options.get("seconds_to_write", 0))
            (folder / "pid.txt").write_text(str(os.getpid()))

        openmp = {name: os.environ.get(name, "") for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")}
        return Finished({"letters": letters, **openmp, "warnings": []}, write)


def _fall_into_trap(text, options):
    if text == "segmentation fault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif text == "abort":
        os.abort()
    elif text == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif text == "hang":
        while True:
            time.sleep(0.1)
    elif text == "hang in a child":
        import subprocess

        subprocess.run(["sleep", "600"], check=False)
    elif text == "memory":
        hoard = bytearray(400 * 2**20)
        hoard[::4096] = b"x" * len(hoard[::4096])
        time.sleep(600)
    elif text == "print":
        print("a library prints this")
        os.write(1, b"and a C library that\n")
    elif text == "fault":
        raise ZeroDivisionError("Jane Doe")
    elif text == "damaged":
        raise UnreadableImageError("The file is damaged; export it again.")
    elif text == "other":
        raise UnsupportedImageError("This is a letter, not an image.")
    elif text == "slow":
        time.sleep(options.get("slow", 1.0))


class Silent:
    """Hears everything and says nothing."""

    def __init__(self):
        self.heard = []

    def starts(self, total):
        self.heard.append(("starts", total))

    def begins(self, item):
        self.heard.append(("begins", item.name))

    def progress(self, item, stage, done, total):
        self.heard.append((stage, item.name))

    def ended(self, item, row, folder):
        self.heard.append((row["status"], item.name))


def count_words(root, output, workers=2, **options):
    """Run the task on a folder, as a command would."""
    items = plan(find_inputs([root], output))
    task = TaskName("batch_tasks:Words", options)
    return run_batch(items, output, task, LocalWorkers(workers), Limits(60.0, 2048.0), Silent())


if __name__ == "__main__":
    count_words(Path(sys.argv[1]), Path(sys.argv[2]), slow=0.05, seconds_to_write=0.05)
