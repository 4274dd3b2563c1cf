"""Nothing leaves the computer unasked: every main flow runs with sockets refused, in all its processes."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What may be installed beside the default, by the name it is imported with.
OPTIONAL = ("highdicom", "pynetdicom", "dicomweb_client", "distributed", "imblearn", "torch", "onnx", "openvino")
DEFAULT = ("rapidocr", "onnxruntime", "lightgbm", "sklearn", "matplotlib", "jinja2", "firthmodels", "statsmodels")


@pytest.fixture
def offline(tmp_path):
    """Run Python where every socket is refused; fails when one was asked for, whatever became of it."""
    asked = tmp_path / "sockets.txt"
    folders = [ROOT / "Testing" / "no_network", ROOT / "MicrocalcAI", ROOT / "MicrocalcElastography"]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, folders)), MICROCALC_SOCKETS=str(asked))

    def run(*arguments):
        finished = subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env=environment,
            cwd=tmp_path,
        )
        assert not asked.exists(), asked.read_text(encoding="utf-8")
        assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
        return finished.stdout

    run.asked = asked
    return run


def microcalc(offline, *arguments):
    return offline("-m", "MicrocalcAILib", *arguments)


def test_a_socket_would_be_noticed_also_when_its_refusal_is_swallowed(offline):
    code = "import urllib.request\ntry: urllib.request.urlopen('http://127.0.0.1:9')\nexcept OSError: pass"
    with pytest.raises(AssertionError, match=r"getaddrinfo|connect"):
        offline("-c", code)


@pytest.mark.parametrize(
    "names", [pytest.param(DEFAULT, id="default"), pytest.param(OPTIONAL, id="optional", marks=pytest.mark.slow)]
)
def test_importing_packages_asks_for_no_network(offline, names):
    installed = [name for name in names if importlib.util.find_spec(name) is not None]
    assert len(installed) > 2
    offline("-c", "import " + ", ".join(installed))


def test_no_telemetry_of_others_comes_along():
    """OpenVINO sends usage data when it is imported; nothing here depends on it, and no source file imports it."""
    needed = {line.split(">")[0].split("[")[0].strip() for line in importlib.metadata.requires("rapidocr") or []}
    assert not any("openvino" in name for name in needed)
    for file in (*ROOT.glob("Microcalc*/**/*.py"),):
        assert "import openvino" not in file.read_text(encoding="utf-8"), file.name


@pytest.mark.slow
def test_analyze_and_export_ask_for_no_network(offline, tmp_path):
    microcalc(offline, "phantom", "--count", 1, "--seed", 5, "--format", "dicom", "--output", "phantoms")
    (image,) = (tmp_path / "phantoms").rglob("*.dcm")
    microcalc(offline, "analyze", image, "--output", "results")
    (result,) = {file.parent for file in (tmp_path / "results").rglob("calcifications.csv")}
    microcalc(offline, "export", "dicom", result, "--source", image, "--output", "objects")
    assert list((tmp_path / "objects").rglob("*.dcm"))


@pytest.mark.slow
def test_a_batch_with_workers_asks_for_no_network(offline, tmp_path):
    microcalc(offline, "phantom", "--count", 2, "--seed", 6, "--format", "nrrd", "--output", "phantoms")
    microcalc(offline, "analyze", tmp_path / "phantoms" / "nrrd", "--workers", 2, "--output", "results")
    assert (tmp_path / "results" / "summary.csv").read_text(encoding="utf-8").count("\n") == 3


@pytest.mark.slow
def test_an_elastogram_whose_screen_is_read_asks_for_no_network(offline, tmp_path):
    code = (
        "from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_screen, write_dicom\n"
        "from pathlib import Path\nwrite_dicom([simulate_screen(PhantomParameters())], Path('screen.dcm'))"
    )
    offline("-c", code)
    regions = ("--lesion", "20,15,4,3.6 mm", "--fat", "11,13,1.6,1.6 mm")
    microcalc(offline, "elastography", "measure", tmp_path / "screen.dcm", *regions, "--output", "measured")
    assert list((tmp_path / "measured").iterdir())


@pytest.mark.slow
def test_a_cohort_asks_for_no_network(offline, tmp_path):
    microcalc(offline, "cohort", "simulate", "--output", "cohort.csv")
    microcalc(offline, "cohort", "analyze", "cohort.csv", "--resamples", 100, "--output", "study")
    assert (tmp_path / "study" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("file", ["test_classifier_model.py", "test_detector_training.py"])
def test_training_asks_for_no_network(offline, file):
    """The tests of the trainers, in processes without sockets."""
    options = ("-q", "-p", "no:cacheprovider", "--rootdir", ROOT, "-m", "not slow")
    offline("-m", "pytest", *options, ROOT / "Testing" / "library" / file)
