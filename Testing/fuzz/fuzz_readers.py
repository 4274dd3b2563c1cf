"""Damage files of every kind and read them: ``python Testing/fuzz/fuzz_readers.py --cases 30000``.

Prints how many cases ended how;
those with an error that is not ours, or that take too long, are kept in a folder.
The process itself must survive: crashes of decoders are counted by the sentence that they become.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / name) for name in ("MicrocalcAI", "MicrocalcElastography", "Testing")]

from fuzz.mutations import mutated
from fuzz.targets import Target, make_targets
from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.base.guarded import LONGEST_SECONDS

_RESEALED = 0.7  # of the damaged files get right checksums
SLOWEST_SECONDS = 12 * LONGEST_SECONDS
"""A decoder is ended earlier; what takes longer counts as a hang."""


def fuzz(folder: Path, cases: int, seed: int, kept: Path, targets: str = "") -> dict[str, Counter[str]]:
    """Read that many damaged files.

    Parameters
    ----------
    folder : Path
        Where the sound files are made; damaged ones take their place.
    cases : int
        Files damaged; each meets all readers of its kind.
    seed : int
    kept : Path
        Gets the files that went wrong.
    targets : str
        Only those whose name holds this.

    Returns
    -------
    dict
        Per kind of file how often each outcome came: ``read``, ``refused``, ``decoder crashed``, ``decoder too slow``,
        ``hang``, or the name of an error that is not ours.
    """
    chosen = [(target, target.path.read_bytes()) for target in make_targets(folder) if targets in target.name]
    for target, _ in chosen:  # sound files first: kernels are compiled, and each is read by one of its readers
        if not any(outcome == "read" for outcome, _ in _outcomes(target)):
            raise AssertionError(f"the sound file {target.name} is not read")
    outcomes: dict[str, Counter[str]] = {target.name: Counter() for target, _ in chosen}
    chance = random.Random(seed)
    for case in range(cases):
        target, sound = chosen[case % len(chosen)]
        content = mutated(sound, chance)
        if chance.random() < _RESEALED:
            content = target.resealed(content)
        target.path.write_bytes(content)
        for outcome, detail in _outcomes(target):
            outcomes[target.name][outcome] += 1
            if detail:
                kept.mkdir(parents=True, exist_ok=True)
                (kept / f"{seed}-{case}-{target.path.name}").write_bytes(content)
                (kept / f"{seed}-{case}.txt").write_text(detail, encoding="utf-8")
        target.path.write_bytes(sound)
    return outcomes


def _outcomes(target: Target) -> list[tuple[str, str]]:
    found = []
    for reader in target.readers:
        begin, outcome, detail = time.monotonic(), "read", ""
        try:
            reader(target.path)
        except MicrocalcError as refusal:
            sentence = str(refusal)
            outcome = "refused"
            if "makes its decoder crash" in sentence:
                outcome = "decoder crashed"
            elif "takes longer than" in sentence:
                outcome = "decoder too slow"
            if not sentence.endswith("."):
                outcome = detail = f"no sentence: {sentence}"
        except Exception as error:
            outcome, detail = f"{type(error).__module__}.{type(error).__name__}", traceback.format_exc()
        if time.monotonic() - begin > SLOWEST_SECONDS:
            outcome = detail = "hang"
        found.append((outcome, detail))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", default="", help="only files whose name holds this")
    parser.add_argument("--kept", type=Path, default=Path("out/fuzz"), help="folder for files that went wrong")
    arguments = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="microcalc-fuzz-") as folder:
        outcomes = fuzz(Path(folder), arguments.cases, arguments.seed, arguments.kept, arguments.targets)
    for name, counts in outcomes.items():
        print(f"{name:28}", ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    total = sum(outcomes.values(), Counter())
    print(f"{arguments.cases} files, {total.total()} readings, {time.monotonic() - begin:.0f} s:", dict(total))
    expected = {"read", "refused", "decoder crashed", "decoder too slow"}
    return 0 if set(total) <= expected else 1


if __name__ == "__main__":
    raise SystemExit(main())
