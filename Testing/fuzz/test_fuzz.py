"""A slice of the fuzzer: damaged files of every kind are read or refused in a sentence."""

from __future__ import annotations

import random

from fuzz.fuzz_readers import fuzz
from fuzz.mutations import mutated


def test_damage_is_read_or_refused_in_a_sentence(tmp_path):
    kept = tmp_path / "kept"
    outcomes = fuzz(tmp_path / "files", 240, 1, kept)
    found = {outcome for counts in outcomes.values() for outcome in counts}
    assert found <= {"read", "refused", "decoder crashed", "decoder too slow"}, sorted(kept.glob("*"))
    assert {"read", "refused"} <= found
    assert all(counts.total() > 0 for counts in outcomes.values())


def test_the_same_seed_makes_the_same_damage():
    content = bytes(range(256)) * 20
    twice = [[mutated(content, chance) for _ in range(50)] for chance in (random.Random(3), random.Random(3))]
    assert twice[0] == twice[1]
    assert all(damaged != content for damaged in twice[0][:5])
