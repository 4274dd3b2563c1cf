"""Results show themselves in notebooks, and the example notebooks run and hold what they show."""

import base64
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from editing_scene import editing_scene
from MicrocalcAILib.base.notebook import card, dots, small
from MicrocalcElastographyLib.elastogram import Elastogram, Quality, Unit

EXAMPLES = Path(__file__).resolve().parents[2] / "Resources" / "Examples"
# Absolute paths of any system, in texts with links, markup and pictures in base64.
PATHS = re.compile(r"((?<![\w.:/<+=\-])/\w[\w.\-]*/\w|file:/|/home/|/tmp/|/root/|/Users/|[A-Z]:\\\\)")


def test_a_mammogram_and_its_analysis_show_themselves():
    scene = editing_scene()
    for shown in (scene.mammogram._repr_html_(), scene.analysis._repr_html_()):
        (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', shown)
        assert base64.b64decode(picture).startswith(b"\x89PNG")
        assert len(shown) < 200_000
    text = scene.analysis._repr_html_()
    assert f"{len(scene.analysis.calcifications)} calcifications" in text
    assert "<table" in text
    assert "not for diagnosis" in text


def test_an_empty_result_shows_itself_too():
    assert card("0 calcifications") == "<div><b>0 calcifications</b></div>"
    assert small(np.full((3, 3), np.nan)).max() == 0
    assert dots((50, 40), (0, 0, 0, 0), [], []).max() == 0


def test_what_stands_in_a_result_is_text_and_no_markup():
    assert "<script>" not in card("<script>", ["<script>alert(1)</script>"])


def test_a_screen_with_names_on_it_is_not_shown():
    values = np.full((40, 60), 20, np.float32)
    quality = Quality.__new__(Quality)
    frame = np.full((200, 300, 3), 255, np.uint8)
    elastogram = Elastogram(values, np.ones(values.shape, bool), Unit.KILOPASCAL, quality, frame=frame)
    text = elastogram._repr_html_()
    assert "median 20, 20 to 20 kPa" in text
    assert "spacing unknown" in text


@pytest.mark.parametrize("name", ["mammogram", "elastogram_and_cohort"])
def test_stored_notebooks_were_run_and_tell_no_paths(name):
    import nbformat

    text = (EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(text) < 400_000
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert not PATHS.search(re.sub(r"[A-Za-z0-9+/=]{200,}", "", str(output)))  # pictures look like paths
            assert "stderr" not in str(output.get("name"))


def test_stored_notebooks_have_the_cells_that_their_program_writes():
    sys.path.insert(0, str(EXAMPLES))
    import make_notebooks
    import nbformat

    for name, texts in make_notebooks.NOTEBOOKS.items():
        notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
        assert [cell.source for cell in notebook.cells] == [str(text) for text in texts]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mammogram", "elastogram_and_cohort"])
def test_example_notebooks_run(name, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # for the kernel, which is a process of its own
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert list(tmp_path.iterdir()) == []
