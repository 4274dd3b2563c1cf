"""Installing packages from the panel: with a network, without one, and never more than what is named."""

import importlib.metadata
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from MicrocalcSlicerShared import dependencies


@pytest.fixture
def missing(monkeypatch):
    """One package is missing and one is too old, until pip is called."""
    lines = ["not-there-yet>=1", "numpy>=99"]
    monkeypatch.setattr(dependencies, "missingPackages", lambda: list(lines))
    return lines


@pytest.fixture
def pip(slicer, missing, monkeypatch):
    """Slicer's questions and its pip; what it was asked for, and the file of constraints as it was then."""

    class Pip:
        answer, asked, options, constraints, error = True, [], [], "", None

        def confirm(self, text):
            self.asked = [*self.asked, text]
            return self.answer

        def install(self, options):
            self.options = options
            self.constraints = Path(options[options.index("--constraint") + 1]).read_text()
            if self.error is not None:
                raise self.error
            missing.clear()

    pip = Pip()
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", pip.confirm, raising=False)
    monkeypatch.setattr(slicer.util, "pip_install", pip.install, raising=False)
    return pip


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "für die Klinik"
    folder.mkdir()
    (folder / "not_there_yet-1.0-py3-none-any.whl").touch()
    return folder


def test_packages_come_from_a_folder_without_a_network(pip, folder):
    dependencies.installFromFolder(folder)
    assert pip.options[:3] == ["--no-index", "--find-links", str(folder)]
    assert pip.options[-2:] == ["not-there-yet>=1", "numpy>=99"]


def test_nothing_that_is_there_is_replaced_but_what_the_question_names(pip, folder):
    dependencies.installFromFolder(folder)
    kept = dict(line.split("==") for line in pip.constraints.splitlines())
    assert kept["pydicom"] == importlib.metadata.version("pydicom")
    assert "numpy" not in kept
    assert f"numpy>=99 (replaces {importlib.metadata.version('numpy')})" in pip.asked[0]


def test_the_same_holds_with_a_network(pip):
    dependencies.installPackages()
    assert "pydicom==" in pip.constraints
    assert "numpy==" not in pip.constraints
    assert "replaces" in pip.asked[0]


def test_only_what_is_missing_is_installed(pip, missing, folder):
    missing.clear()
    dependencies.installPackages()
    dependencies.installFromFolder(folder)
    assert pip.options == []


def test_a_folder_without_packages_is_told(pip, tmp_path):
    with pytest.raises(dependencies.InstallationError, match="holds no packages"):
        dependencies.installFromFolder(tmp_path)
    assert pip.asked == []


def test_a_folder_for_another_system_is_told(pip, folder):
    pip.error = RuntimeError("Command 'pip install' returned non-zero exit status 1")
    with pytest.raises(dependencies.InstallationError, match="made for this Python"):
        dependencies.installFromFolder(folder)


def test_a_package_index_that_is_not_reached_is_told_with_what_to_do(pip, monkeypatch):
    pip.error = RuntimeError("Command 'pip install' returned non-zero exit status 1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with pytest.raises(dependencies.InstallationError, match=r"not reached.*microcalc wheels.*From a folder"):
        dependencies.installPackages()


def test_a_failure_although_the_index_answers_is_told_as_it_is(pip, monkeypatch):
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(403)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")
    pip.error = RuntimeError("no space left on device")
    with pytest.raises(dependencies.InstallationError, match="no space left"):
        dependencies.installPackages()
    server.shutdown()


def test_the_panel_offers_a_folder_only_while_packages_are_missing(panel, missing, monkeypatch, folder, pip):
    import qt

    panel.showDependencies()
    assert not panel.ui.folderButton.isHidden()
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    panel.ui.folderButton.click()
    assert pip.options
    assert panel.ui.folderButton.isHidden()


def test_a_library_of_another_installation_is_told(panel, monkeypatch):
    import MicrocalcAILib

    panel.showDependencies()
    assert panel.ui.dependencyFrame.isHidden()
    monkeypatch.setattr(MicrocalcAILib, "__file__", "/python/site-packages/MicrocalcAILib/__init__.py")
    panel.showDependencies()
    assert not panel.ui.dependencyFrame.isHidden()
    assert panel.ui.installButton.isHidden()
    assert "pip uninstall microcalc" in panel.ui.dependencyLabel.text()
