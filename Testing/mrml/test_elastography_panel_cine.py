"""The panel's slider over a cine, its steadiest frames, profiles of scanners, and what the scanner printed."""

from dataclasses import replace

import numpy as np
import pytest

from mrml.elastography_panel import convert, discard, make_panel
from mrml.elastography_scene import simulated


@pytest.fixture
def panel(slicer, monkeypatch, tmp_path):
    monkeypatch.setenv("MICROCALC_PROFILES", str(tmp_path / "profiles"))
    panel = make_panel(monkeypatch, tmp_path / "settings")
    yield panel
    discard(panel)


def cine_of(slicer, screens):
    """A color volume with a frame in each slice, 0.1 mm pixels."""
    pixels = np.stack([screen.frame for screen in screens])
    return slicer.util.addVolumeFromArray(pixels, np.diag([-0.1, -0.1, 1, 1]), "Cine", "vtkMRMLVectorVolumeNode")


def test_the_steadiest_frames_are_marked_and_the_one_to_measure_is_shown(slicer, panel):
    from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_cine

    panel.enter()
    panel.parameters.inputVolume = cine_of(
        slicer, simulate_cine(PhantomParameters(seed=4), frames=3, refreshed_every=1)
    )
    panel.onParametersChanged()
    slider = panel.ui.cineSlider
    assert (slider.minimum(), slider.maximum()) == (0, 2)
    panel.ui.cineButton.click()
    strip, sentence = panel.ui.cineLabel.text().split("\n")
    assert len(strip) == 3
    assert strip.count("◆") == 1
    assert strip.count("▬") == 2
    assert panel.parameters.frame == slider.value() == strip.index("◆")
    assert "SD over time" in sentence
    slider.setValue(2 - slider.value() // 2)
    assert panel.parameters.frame == slider.value()


def test_a_single_screen_has_no_slider(panel, tmp_path):
    convert(panel, tmp_path)
    assert panel.ui.cineSlider.isHidden()
    assert panel.ui.cineButton.isHidden()


def test_corrections_are_kept_as_a_profile_that_reads_the_next_screen(panel, tmp_path):
    def unlabeled(seed):
        screen = simulated(seed=seed)
        frame = screen.frame.copy()
        frame[screen.bar.top - 12 : screen.bar.bottom + 12, screen.bar.right + 2 :] = 0
        return replace(screen, frame=frame)

    convert(panel, tmp_path, unlabeled(0), "First")
    parameters = panel.parameters
    parameters.isRangeFromPicture, parameters.upperEnd, parameters.lowerEnd = False, 180.0, 0.0
    assert not panel.ui.profileButton.isEnabled()
    panel.ui.profileEdit.setText("our scanner")
    panel.ui.profileButton.click()
    assert "Kept as “our scanner”" in panel.ui.statusLabel.text()
    convert(panel, tmp_path, unlabeled(3), "Second")
    assert "Profile of the scanner: our scanner" in panel.ui.summaryLabel.text()
    assert "our scanner" in panel.ui.warningsLabel.text()


def test_what_the_scanner_printed_stands_beside_what_is_measured():
    from MicrocalcElastographySlicer.measurementtexts import ratioRows

    row = {"region": "printed on the screen", "quantity": "mean", "value": 31.0, "unit": "kPa",
           "remark": "measured here 30.4 kPa"}  # fmt: skip
    assert ratioRows([row]) == [
        ("printed on the screen, mean", "31.0 kPa", ("measured here 30.4 kPa", "measured here 30.4 kPa"))
    ]
