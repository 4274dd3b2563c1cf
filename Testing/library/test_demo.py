"""The demonstration on real films, as a machine without PyTorch runs it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from MicrocalcAILib.networks import runtime
from real_data import films

SCRIPT = Path(__file__).parents[2] / "Resources" / "Examples" / "demo.py"


@pytest.mark.slow
def test_the_demo_says_how_much_of_a_known_cluster_it_found_and_where_to_look(monkeypatch, tmp_path, capsys):
    specification = importlib.util.spec_from_file_location("demo", SCRIPT)
    demo = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(demo)
    assert demo._films() == films()
    monkeypatch.setattr(demo, "_films", lambda: films()[-1:])  # the others take their time
    monkeypatch.setattr(runtime, "has_torch", lambda: False)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--output", str(tmp_path)])
    demo.main()
    lines = capsys.readouterr().out.splitlines()
    found, true = map(int, re.search(r"found (\d+) of (\d+)", lines[-1]).groups())
    assert true == 32
    assert 12 <= found <= 32
    assert (tmp_path / "exam" / "R-MLO" / "clusters.csv").is_file()
    with Image.open(tmp_path / "simulated" / "comparison" / "found.png") as picture:
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(int), -1, 0)
    assert (green > red + 100).sum() > 50  # some were found
    assert (red > np.maximum(green, blue) + 100).sum() > 20  # the faintest were not
