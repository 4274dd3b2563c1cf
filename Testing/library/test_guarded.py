"""A decoder that crashes, hangs or takes too much costs one sentence, and the next file is read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hostile_decoders as decoders
from MicrocalcAILib.base import guarded as guarded_module
from MicrocalcAILib.base.errors import UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.base.guarded import ISOLATED_VARIABLE, already_guarded, guarded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def not_isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ISOLATED_VARIABLE, raising=False)


def process_of_the_decoder() -> int:
    return int(guarded(decoders.double, [1.0]).facts["process"])


def test_arrays_come_back_as_they_were_and_from_another_process():
    facts, (doubled, above, empty) = guarded(decoders.double, [1.0, 2.5])
    np.testing.assert_array_equal(doubled, [2.0, 5.0])
    np.testing.assert_array_equal(above, [False, True])
    assert empty.shape == (0, 3)
    assert empty.dtype == np.uint16
    assert facts["process"] != os.getpid()
    assert doubled.flags.writeable


def test_the_process_is_kept_for_the_next_file():
    assert process_of_the_decoder() == process_of_the_decoder()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_becomes_one_sentence_and_the_next_file_is_read(number):
    with pytest.raises(UnreadableImageError, match=rf"crash \({signal.Signals(number).name}\).*export it again\.$"):
        guarded(decoders.crash, number)
    assert process_of_the_decoder() > 0


@pytest.mark.parametrize("decoder", [decoders.hang, decoders.spin])
def test_a_hang_is_ended(decoder):
    with pytest.raises(UnreadableImageError, match=r"longer than 0\.5 seconds"):
        guarded(decoder, seconds=0.5)
    assert process_of_the_decoder() > 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no limit on the memory of a process")
def test_too_much_memory_is_refused_and_the_process_stays():
    before = process_of_the_decoder()
    with pytest.raises(UnreadableImageError, match="more memory"):
        guarded(decoders.take_memory, 2**30, memory=2**28)
    assert process_of_the_decoder() == before
    assert guarded(decoders.take_memory, 2**20).arrays[0].size == 2**20


def test_refusals_keep_their_kind_and_other_errors_become_a_refusal():
    with pytest.raises(UnsupportedImageError, match="no mammogram"):
        guarded(decoders.refuse)
    with pytest.raises(UnreadableImageError, match="cannot be decoded"):
        guarded(decoders.fail)


def test_what_libraries_print_is_no_answer():
    assert guarded(decoders.chatter).facts == {"said": True}


def test_an_interrupted_call_leaves_no_answer_for_the_next_one(monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(guarded_module._Child, "_exchange", interrupted)
        with pytest.raises(KeyboardInterrupt):
            guarded(decoders.double, [1.0])
    np.testing.assert_array_equal(guarded(decoders.double, [4.0]).arrays[0], [8.0])


def test_a_process_that_may_be_lost_decodes_directly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(ISOLATED_VARIABLE, "1")
    assert already_guarded()
    assert process_of_the_decoder() == os.getpid()
    with pytest.raises(UnreadableImageError, match="cannot be decoded"):
        guarded(decoders.fail)


def test_the_process_ends_with_its_owner_even_while_it_hangs():
    code = (
        "import os, signal, threading, time, hostile_decoders as d; from MicrocalcAILib.base.guarded import guarded\n"
        "print(guarded(d.double, [1.0]).facts['process'], flush=True)\n"
        "threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()\n"
        "guarded(d.hang, seconds=0.2)\n"
    )
    folders = [ROOT / "MicrocalcAI", ROOT / "Testing" / "library"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    owner = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=100)
    assert owner.returncode == -signal.SIGKILL
    decoder, deadline = int(owner.stdout), time.monotonic() + 30
    while Path(f"/proc/{decoder}").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not Path(f"/proc/{decoder}").exists()


def test_no_process_is_started_where_none_is_needed():
    code = (
        "import MicrocalcAILib.reading, MicrocalcAILib.analysis, MicrocalcAILib.base.guarded as g\n"
        "assert g._child is None"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "MicrocalcAI")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=100)
