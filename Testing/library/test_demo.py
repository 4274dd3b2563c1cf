"""The demonstration on real films: one page each, and what was found of the known cluster."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from real_data import films

SCRIPT = Path(__file__).parents[2] / "Resources" / "Examples" / "demo.py"


@pytest.mark.slow
def test_the_demo_writes_two_pages_and_says_how_much_of_a_known_cluster_it_found(monkeypatch, tmp_path, capsys):
    specification = importlib.util.spec_from_file_location("demo", SCRIPT)
    demo = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(demo)
    assert demo._films() == films()
    right = [film for film in films() if film.stem in ("1-132", "1-133")]  # the others take their time
    monkeypatch.setattr(demo, "_films", lambda: right)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--output", str(tmp_path)])
    demo.main()
    said = capsys.readouterr().out
    views = re.findall(r"(R CC|R MLO): found (\d+) of (\d+)", said)
    assert [view for view, *_ in views] == ["R CC", "R MLO"]
    for view, found, true in views:
        assert 20 <= int(true) <= demo.COUNT
        assert 0 < int(found) <= int(true)
        with Image.open(tmp_path / "known-cluster" / f"{view.replace(' ', '-')}.png") as picture:
            red, green, _blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(int), -1, 0)
        assert (green > red + 100).sum() > 50  # some were found
    assert re.search(r"Finding \d is the known cluster, seen in R CC", said)
    for name in ("real", "known-cluster"):
        assert "Research software" in (tmp_path / name / "report.html").read_text(encoding="utf-8")
