"""Calculations are compiled in the background, with a progress line, and the effect waits for it."""

import pytest

from MicrocalcAISlicer import kernelpreparation
from MicrocalcAISlicer.kernelpreparation import KernelPreparation
from MicrocalcSlicerShared.analysisprocess import AnalysisProcessError
from mrml.editor_scene import Editor, analyzed_session, unmarked_specks


class Child:
    """A child process that says what a test tells it."""

    def __init__(self, arguments):
        self.arguments, self.says, self.isKilled = list(arguments), [], False

    def messages(self):
        said, self.says = self.says, []
        if isinstance(said, Exception):
            raise said
        return said

    def kill(self):
        self.isKilled = True


@pytest.fixture
def children(monkeypatch):
    """The child processes that were started on a computer where nothing is compiled."""
    started = []
    monkeypatch.setattr(kernelpreparation, "are_compiled", lambda: False)
    monkeypatch.setattr(
        kernelpreparation,
        "preparation",
        KernelPreparation(lambda arguments: started.append(Child(arguments)) or started[-1]),
    )
    return started


def test_compiling_is_begun_once_told_and_ended(children):
    preparation = kernelpreparation.preparation
    preparation.begin()
    preparation.begin()
    (child,) = children
    assert child.arguments == ["-m", "MicrocalcAILib", "prepare", "--json-progress"]
    child.says = [{"stage": "compiling, once for this computer", "done": 17, "total": 0}]
    assert "17 so far" in preparation.update()
    child.says = [{"result": "", "compiled": 50}]
    assert preparation.update() == ""
    assert not preparation.isRunning
    assert child.isKilled


def test_what_is_compiled_already_is_not_compiled_again(children, monkeypatch):
    monkeypatch.setattr(kernelpreparation, "are_compiled", lambda: True)
    kernelpreparation.preparation.begin()
    assert children == []


def test_a_failure_is_told_and_not_tried_again_and_again(children):
    preparation = kernelpreparation.preparation
    preparation.begin()
    children[0].says = AnalysisProcessError("no memory")
    assert "no memory" in preparation.update()
    preparation.begin()
    assert len(children) == 1


def test_a_panel_that_goes_away_ends_the_child(children):
    kernelpreparation.preparation.begin()
    kernelpreparation.preparation.stop()
    assert children[0].isKilled
    assert kernelpreparation.preparation.sentence == ""


def test_an_effect_that_is_selected_before_any_panel_compiles_and_a_click_meanwhile_says_why(slicer, children):
    editor = Editor(analyzed_session())
    peak = unmarked_specks(editor.session, lowest_contrast=3.0)[0].peak
    marked = len(editor.session.marks.pixels)
    (child,) = children
    editor.click(peak)
    assert len(editor.session.marks.pixels) == marked
    assert "being compiled" in editor.said
    child.says = [{"result": "", "compiled": 50}]
    editor.click(peak)
    assert len(editor.session.marks.pixels) == marked + 1
