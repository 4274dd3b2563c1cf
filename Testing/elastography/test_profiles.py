"""Profiles of scanners: a correction made once serves all screens of its layout, and never against what they show."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcElastographyLib.calibration import Calibration
from MicrocalcElastographyLib.commands import elastography
from MicrocalcElastographyLib.commands.options import check_profile
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.phantom import Layout, PhantomParameters, SimulatedScreen, simulate_screen, write_dicom
from MicrocalcElastographyLib.profiles import Profile, ProfileStore, known_profiles
from MicrocalcElastographyLib.profiles.landmarks import landmarks_of
from MicrocalcElastographyLib.reading import read_screen
from MicrocalcElastographyLib.readings import read_readings
from MicrocalcElastographyLib.screen.frame import ScreenFrame
from MicrocalcElastographyLib.screen_calibration import find_calibration, profile_of
from MicrocalcElastographyLib.text import Word
from real_data import more_data

LESION = "20,15,4,3.6 mm"


def screen(seed: int = 0, **changes: object) -> SimulatedScreen:
    return simulate_screen(PhantomParameters(seed=seed, **changes))  # type: ignore[arg-type]


def without_labels(shown: SimulatedScreen) -> np.ndarray:
    """The screen with the numbers of its bar wiped off; its unit stays."""
    frame = shown.frame.copy()
    frame[shown.bar.top - 12 : shown.bar.bottom + 12, shown.bar.right + 2 :] = 0
    return frame


@pytest.fixture(scope="module")
def profile() -> Profile:
    """Of a screen whose bar has no numbers; the user entered them."""
    given = Calibration(values_at_ends=(180.0, 0.0))
    return profile_of("clinic", ScreenFrame(without_labels(screen())), given)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MICROCALC_PROFILES", str(tmp_path / "profiles"))

    def run_command(*words: object) -> int:
        parser = argparse.ArgumentParser()
        elastography.add_arguments(parser)
        return elastography.run(parser.parse_args([str(word) for word in words]))

    return run_command


def codes(calibration: Calibration) -> list[str]:
    return [warning.code for warning in calibration.warnings]


def test_a_correction_serves_the_next_screen_of_the_layout_and_is_named(profile: Profile) -> None:
    frame = ScreenFrame(without_labels(screen(seed=3)))
    assert find_calibration(frame).values_at_ends is None
    found = find_calibration(frame, Calibration(profiles=(profile,)))
    assert found.values_at_ends == (180.0, 0.0)
    assert found.missing == ()
    assert (found.profile, found.sources["values_at_ends"]) == ("clinic", "profile “clinic”")
    assert "profile-applied" in codes(found)


def test_it_serves_an_enlarged_copy_too(profile: Profile) -> None:
    picture = Image.fromarray(without_labels(screen(seed=4)))
    large = picture.resize((round(1.3 * picture.width), round(1.3 * picture.height)), Image.Resampling.BICUBIC)
    found = find_calibration(ScreenFrame(np.array(large)), Calibration(profiles=(profile,)))
    assert (found.profile, found.values_at_ends) == ("clinic", (180.0, 0.0))


def test_it_is_refused_in_a_sentence_where_the_screen_shows_another_scale(profile: Profile) -> None:
    found = find_calibration(ScreenFrame(screen(scale=(0.0, 300.0)).frame), Calibration(profiles=(profile,)))
    assert found.values_at_ends == (300.0, 0.0)
    assert found.profile is None
    message = next(warning.message for warning in found.warnings if warning.code == "profile-refused")
    assert "180 to 0" in message
    assert "300 to 0" in message


def test_screens_of_another_layout_or_device_are_left_alone(profile: Profile) -> None:
    beside = ScreenFrame(without_labels(screen(layout=Layout.SIDE_BY_SIDE)))
    assert find_calibration(beside, Calibration(profiles=(profile,))).values_at_ends is None
    other = ScreenFrame(without_labels(screen()), source={"device": "Other"})
    assert find_calibration(other, Calibration(profiles=(replace(profile, device="One"),))).values_at_ends is None


def test_a_dicom_file_tells_the_device_and_a_profile_of_it_needs_no_words(tmp_path: Path) -> None:
    write_dicom([screen()], tmp_path / "screen.dcm")
    frame = read_screen(tmp_path / "screen.dcm")
    known = Profile.of_screen("device", frame, (), {"unit": Unit.KILOPASCAL}, {})
    assert known.device.casefold() == "elastography phantom"
    assert known.fits(frame, ())
    assert not known.fits(replace(frame, source={**frame.source, "device": "Another"}), ())


def test_the_same_misreading_is_corrected_again_with_a_warning() -> None:
    """Whoever corrects 300 to 180 means all screens that read 300, and none that reads 240."""
    given = Calibration(values_at_ends=(180.0, 0.0))
    known = profile_of("corrects", ScreenFrame(screen(scale=(0.0, 300.0)).frame), given)
    assert known.misread == {"values_at_ends": (300.0, 0.0)}
    again = find_calibration(ScreenFrame(screen(seed=2, scale=(0.0, 300.0)).frame), Calibration(profiles=(known,)))
    assert again.values_at_ends == (180.0, 0.0)
    assert "profile-applied" in codes(again)
    other = find_calibration(ScreenFrame(screen(scale=(0.0, 240.0)).frame), Calibration(profiles=(known,)))
    assert other.values_at_ends == (240.0, 0.0)


def test_what_the_user_gives_wins_over_a_profile(profile: Profile) -> None:
    given = Calibration(values_at_ends=(60.0, 0.0), profiles=(profile,))
    found = find_calibration(ScreenFrame(without_labels(screen())), given)
    assert (found.values_at_ends, found.profile) == ((60.0, 0.0), None)


def test_landmarks_are_terms_of_ultrasound_and_no_names() -> None:
    place = Rectangle(10, 10, 20, 60)
    words = [Word(text, 0.99, place) for text in ("Anna Muster", "SWE", "M 8/65 dB/Low", "Gen Muster", "12345", "S 5")]
    assert [mark.text for mark in landmarks_of(words, (100, 100))] == ["swe", "m db low"]


def test_a_screen_without_words_that_tell_it_apart_is_refused() -> None:
    with pytest.raises(ParameterError, match="layout"):
        profile_of("blank", ScreenFrame(np.zeros((200, 300, 3), np.uint8)), Calibration(values_at_ends=(1.0, 0.0)))
    with pytest.raises(ParameterError, match="keeps corrections"):
        profile_of("nothing", ScreenFrame(screen().frame), Calibration())


def test_a_profile_survives_its_file(profile: Profile, tmp_path: Path) -> None:
    whole = replace(profile, corrected={
        "box": Rectangle(1, 2, 30, 40), "bar": Rectangle(5, 6, 70, 80), "color_table": "jet", "unit": Unit.KILOPASCAL,
        "values_at_ends": (180.0, 0.0), "opacity": 0.5, "spacing_mm": (0.1, 0.2),
    })  # fmt: skip
    store = ProfileStore(tmp_path)
    store.save(whole)
    assert store.profiles() == {"clinic": whole}
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text("utf-8").replace('"kPa"', '"bar"'), "utf-8")
    with pytest.raises(ParameterError, match="no profile of this version"):
        store.profiles()


def test_profiles_are_saved_listed_used_and_removed_by_command(run, tmp_path: Path, capsys) -> None:
    first, second = (tmp_path / f"{name}.png" for name in ("first", "second"))
    Image.fromarray(without_labels(screen())).save(first)
    Image.fromarray(without_labels(screen(seed=5))).save(second)
    run("profile", "save", "our scanner", first, "--range", "180", "0")
    run("profile", "list")
    assert "our scanner: ends of the bar of screens of" in capsys.readouterr().out
    output = tmp_path / "out"
    assert run("measure", second, "--lesion", LESION, "--output", output) == 0
    assert "profile “our scanner”" in capsys.readouterr().out
    (reading,) = read_readings(output / "readings.csv").to_dict("records")
    assert reading["profile"] == "our scanner"
    assert "profile-applied" in reading["warnings"]
    run("profile", "remove", "our scanner")
    with pytest.raises(ParameterError, match="There is no profile “our scanner”"):
        run("profile", "remove", "our scanner")


def test_a_profile_that_was_asked_for_by_name_is_applied_or_the_screen_refused() -> None:
    asked = argparse.Namespace(profile="clinic")
    check_profile(asked, [WarningRecord("profile-applied", "The profile “clinic” gave the unit.")])
    with pytest.raises(ParameterError, match="another layout"):
        check_profile(asked, [])
    with pytest.raises(ParameterError, match="but the screen shows"):
        check_profile(asked, [WarningRecord("profile-refused", "180 to 0, but the screen shows 300 to 0")])
    check_profile(argparse.Namespace(profile="none"), [])


def test_bundled_profiles_are_sound_and_their_names_are_taken(tmp_path: Path) -> None:
    bundled = known_profiles(ProfileStore(tmp_path))
    assert [profile.name for profile in bundled] == ["SuperSonic Mach 30, window capture"]
    with pytest.raises(ParameterError, match="comes along"):
        ProfileStore(tmp_path).save(bundled[0])


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_the_bundled_profile_fits_the_real_frame(factor: float) -> None:
    picture = Image.open(more_data("swe/mach30_frame.png")).convert("RGB")
    rows, columns = round(factor * picture.height), round(factor * picture.width)
    frame = ScreenFrame(np.array(picture.resize((columns, rows), Image.Resampling.BICUBIC)))
    found = find_calibration(frame, Calibration(profiles=known_profiles()))
    assert found.profile == "SuperSonic Mach 30, window capture"
    assert found.values_at_ends == (300.0, 0.0)
    assert found.bar == pytest.approx([factor * edge for edge in (138, 1380, 358, 1400)], abs=2)
