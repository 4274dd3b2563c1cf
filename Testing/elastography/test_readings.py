"""Readings: repeats, two readers, consensus, the table, and the cohort that reads it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastography.elastogram_examples import disk, elastogram_of
from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcElastographyLib.assessment import assess
from MicrocalcElastographyLib.cohort.lesions import read_cohort
from MicrocalcElastographyLib.cohort.quantities import recognize
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.measurement import LesionRegions
from MicrocalcElastographyLib.protocol import Status, repeat_spread
from MicrocalcElastographyLib.readings import (
    CONSENSUS,
    QUANTITY_COLUMNS,
    Reading,
    agreement,
    lesion_summary,
    next_repeat,
    one_row_per_lesion,
    read_readings,
    reader_summary,
    reading_of,
    readings_of_records,
    records_of,
    references_beside,
    table_of,
    with_reading,
    with_readings,
    write_readings,
)
from MicrocalcElastographyLib.resources import resource_path
from MicrocalcElastographyLib.results import write_readings_files


def add_readings(path: Path, readings: list[Reading]) -> pd.DataFrame:
    table = with_readings(path, readings)
    write_readings(table, path)
    return table


def stiffness(lesion: str, reader: str, *values: float, **more: object) -> list[Reading]:
    return [
        Reading(lesion, reader, number, elasticity_mean_kpa=value, elasticity_max_kpa=value + 5, **more)  # type: ignore[arg-type]
        for number, value in enumerate(values, 1)
    ]


@given(st.lists(st.floats(0.5, 300.0), min_size=1, max_size=9))
def test_the_spread_of_repeats_is_that_of_their_quartiles(values: list[float]) -> None:
    found = repeat_spread(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.interquartile_range == pytest.approx(np.subtract(*np.percentile(values, [75, 25])))
    assert found.relative_interquartile_range == pytest.approx(found.interquartile_range / np.median(values))


def test_repeats_without_a_value_are_refused() -> None:
    for values in ([], [50.0, float("nan")]):
        with pytest.raises(ParameterError):
            repeat_spread(values)


def test_two_readers_within_twenty_percent_agree_and_their_mean_counts() -> None:
    table = table_of([*stiffness("L1", "A", 60, 62, 64), *stiffness("L1", "B", 70, 70, 70)])
    found = agreement(table, "elasticity_mean_kpa")
    assert found is not None
    assert (found.status, found.value) == ("agreed", 66.0)
    assert found.discrepancy == pytest.approx(8 / 66)


def test_a_lesion_has_its_speed_beside_its_stiffness_and_the_words_of_its_readings() -> None:
    readings = [
        Reading("L1", "A", 1, box_speed_mean_m_s=4.0, elasticity_assessment="soft", stiff_rim="absent", profile="Mach"),
        Reading("L1", "A", 2, box_speed_mean_m_s=5.0, elasticity_assessment="soft", stiff_rim="absent"),
        Reading("L1", "B", 1, box_speed_mean_m_s=5.5, elasticity_assessment="hard", stiff_rim="absent"),
        Reading("L2", "A", 1, elasticity_assessment="soft"),
        Reading("L2", CONSENSUS, 1, elasticity_assessment="intermediate"),
    ]
    table = one_row_per_lesion(table_of(readings)).set_index("lesion")
    assert table.loc["L1", "box_speed_mean_m_s"] == 5.0
    assert pd.isna(table.loc["L2", "box_speed_mean_m_s"])
    assert table["elasticity_assessment"].to_dict() == {"L1": "soft / hard", "L2": "intermediate"}
    assert table["stiff_rim"].to_dict() == {"L1": "absent", "L2": ""}
    assert table.loc["L1", "profile"] == "Mach"


def test_more_than_twenty_percent_needs_consensus_and_the_third_reading_settles_it() -> None:
    apart = [*stiffness("L1", "A", 50), *stiffness("L1", "B", 70)]
    found = agreement(table_of(apart), "elasticity_mean_kpa")
    assert found is not None
    assert found.status == "needs consensus"
    assert found.discrepancy == pytest.approx(20 / 60)
    settled = agreement(table_of([*apart, *stiffness("L1", CONSENSUS, 66)]), "elasticity_mean_kpa")
    assert settled is not None
    assert (settled.status, settled.value, settled.consensus) == ("settled by consensus", 66.0, 66.0)
    assert settled.readers == {"A": 50.0, "B": 70.0}
    assert agreement(table_of(apart), "elasticity_mean_kpa", largest_discrepancy=0.5).status == "agreed"  # type: ignore[union-attr]


def test_exactly_twenty_percent_is_agreed() -> None:
    found = agreement(table_of([*stiffness("L1", "A", 90), *stiffness("L1", "B", 110)]), "elasticity_mean_kpa")
    assert found is not None
    assert (found.discrepancy, found.status) == (pytest.approx(0.2), "agreed")


@pytest.mark.parametrize("value", [50.0, 0.0])
def test_identical_readers_agree_with_a_discrepancy_of_zero(value: float) -> None:
    table = table_of([*stiffness("L1", "A", value), *stiffness("L1", "B", value)])
    found = agreement(table, "elasticity_mean_kpa")
    assert found is not None
    assert (found.discrepancy, found.status) == (0.0, "agreed")
    (row,) = one_row_per_lesion(table).to_dict("records")
    assert (row["discrepancy_percent"], row["agreement"]) == (0.0, "agreed")


def test_what_nobody_measured_has_no_agreement() -> None:
    assert agreement(table_of(stiffness("L1", "A", 50)), "strain_ratio") is None


def test_one_row_per_lesion_takes_the_mean_of_repeats_then_of_readers() -> None:
    readings = [
        *stiffness("L1", "A", 40, 50, 60, patient="P1", outcome="benign"),
        *stiffness("L1", "B", 56, patient="P1", outcome="benign"),
        *stiffness("L2", "A", 50),
        *stiffness("L2", "B", 90),
        *stiffness("L2", CONSENSUS, 80),
        *stiffness("L3", "A", 70),
    ]
    table = one_row_per_lesion(table_of(readings)).set_index("lesion")
    assert table["elasticity_mean_kpa"].to_dict() == {"L1": 53.0, "L2": 80.0, "L3": 70.0}
    assert table["agreement"].to_dict() == {"L1": "agreed", "L2": "settled by consensus", "L3": "one reader"}
    assert table["readers"].to_dict() == {"L1": 2, "L2": 2, "L3": 1}
    assert table.loc["L2", "discrepancy_percent"] == pytest.approx(57.1)
    assert table.loc["L2", "discrepancy_of"] == "elasticity_mean_kpa"
    assert table.loc["L1", "largest_spread_percent"] == pytest.approx(20.0)
    assert (table.loc["L1", "patient"], table.loc["L1", "outcome"]) == ("P1", "benign")


def test_readings_accumulate_in_a_table_and_keep_what_people_added(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    add_readings(path, stiffness("L1", "A", 60, 61))
    text = path.read_text()
    path.write_text("\n".join(f"{line},{'note' if n == 0 else 'checked'}" for n, line in enumerate(text.splitlines())))
    table = add_readings(path, stiffness("L1", "B", 64))
    assert len(table) == 3
    again = read_readings(path)
    assert again["note"].tolist()[:2] == ["checked", "checked"]
    assert again["elasticity_mean_kpa"].tolist() == [60.0, 61.0, 64.0]
    assert again["strain_ratio"].isna().all()


def test_the_same_reading_is_not_added_twice_and_the_table_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    add_readings(path, stiffness("L1", "A", 60))
    before = path.read_bytes()
    with pytest.raises(ResultError, match="was read before"):
        add_readings(path, stiffness("L1", "A", 61))
    assert path.read_bytes() == before


def test_something_else_than_a_table_of_readings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    for text in ("", "a,b\n1,2\n", "lesion,reader,repeat\nL1,A,one\n"):
        path.write_text(text)
        with pytest.raises(ResultError):
            read_readings(path)


def test_scores_are_written_as_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    write_readings(table_of([Reading("L1", elasticity_score=4), Reading("L2")]), path)
    assert path.read_text().splitlines()[1].split(",")[12] == "4"


def test_every_column_is_recognized_by_the_cohort() -> None:
    assert {name: recognize(name).key for name in QUANTITY_COLUMNS if recognize(name)} == {  # type: ignore[union-attr]
        "elasticity_mean_kpa": "elasticity_mean",
        "elasticity_max_kpa": "elasticity_max",
        "elasticity_min_kpa": "elasticity_min",
        "elasticity_sd_kpa": "elasticity_sd",
        "stiffness_ratio": "stiffness_ratio",
        "strain_ratio": "strain_ratio",
        "size_ratio": "size_ratio",
        "elasticity_score": "score",
        "tsukuba_score": "score",
        "lesion_size_mm": "size",
        "depth_mm": "depth",
        "void_percent": "void",
    }
    assert len(QUANTITY_COLUMNS) == 12


def test_the_cohort_reads_the_table_and_finds_the_same_value_per_lesion(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    readings = []
    for number in range(20):
        outcome, middle = ("malignant", 90.0) if number % 2 else ("benign", 45.0)
        for reader in ("A", "B"):
            values = middle + random.normal(0, 8, 3)
            readings += stiffness(f"L{number}", reader, *values, outcome=outcome, patient=f"P{number}")
    readings += stiffness("L0", CONSENSUS, 48.0, outcome="benign", patient="P0")
    path, lesions = tmp_path / "readings.csv", tmp_path / "lesions.csv"
    table = add_readings(path, readings)
    own = one_row_per_lesion(table)
    own.to_csv(lesions, index=False)

    from_readings, from_lesions = read_cohort([path]), read_cohort([lesions])

    assert from_readings.readings is not None
    assert len(from_readings.readings) == 121
    assert from_readings.malignant.sum() == from_lesions.malignant.sum() == 10
    for cohort in (from_readings, from_lesions):
        values = cohort.values["elasticity_mean_kpa"].to_numpy()
        assert np.allclose(values, own["elasticity_mean_kpa"], atol=1e-3)
        assert {"elasticity_mean_kpa", "elasticity_max_kpa"} <= {variable.name for variable in cohort.parameters}


def test_a_strain_map_leaves_the_elasticity_empty() -> None:
    values = np.full((80, 100), 0.5)
    lesion, fat = disk((80, 100), (40, 60), 10), disk((80, 100), (40, 25), 6)
    values[lesion.mask] = 0.2
    assessment = assess(elastogram_of(values, Unit.STRAIN, value_range=(0.0, 1.0)), LesionRegions(lesion, fat))
    reading = reading_of(assessment.measurement, assessment.scores, assessment.checks, "L1")
    assert reading.elasticity_mean_kpa is None
    assert reading.strain_ratio == pytest.approx(2.5)
    assert (reading.elasticity_score, reading.tsukuba_score) == (5, 4)


def test_published_cut_offs_stand_beside_the_statistic_they_belong_to_without_a_verdict() -> None:
    entries = references_beside(Reading("L1", elasticity_mean_kpa=70.0, elasticity_max_kpa=85.0))
    found = {(entry["quantity"], entry["cutoff"]) for entry in entries}
    assert {("elasticity_mean_kpa", value) for value in (62, 64, 50, 41.9)} <= found
    assert ("elasticity_max_kpa", 80) in found
    assert ("elasticity_mean_kpa", 80) not in found
    assert all(entry["source"] and entry["statistic"] for entry in entries)
    assert not any("verdict" in key or "malignant" in key for entry in entries for key in entry)


def test_the_list_of_cut_offs_can_be_edited(tmp_path: Path) -> None:
    content = json.loads(resource_path("reference_cutoffs.json").read_text())
    content["cutoffs"] = content["cutoffs"][:1]
    content["cutoffs"][0]["value"] = 71
    path = tmp_path / "own.json"
    path.write_text(json.dumps(content))
    entries = references_beside(Reading("L1", elasticity_mean_kpa=70.0), path)
    assert [entry["cutoff"] for entry in entries] == [71.0]


def test_a_reading_needs_a_lesion_and_repeats_from_one() -> None:
    with pytest.raises(ParameterError):
        Reading(" ")
    with pytest.raises(ParameterError):
        Reading("L1", repeat=0)


def test_repeats_go_on_after_the_highest_of_the_same_lesion_and_reader() -> None:
    readings = [*stiffness("A", "1", 10.0, 11.0, 12.0), *stiffness("A", "2", 10.0)]
    assert [next_repeat(readings, lesion, reader) for lesion, reader in (("A", "1"), ("A", "2"), ("B", "1"))] == [
        4,
        2,
        1,
    ]
    assert next_repeat([readings[2]], "A", "1") == 4


def test_a_repeat_is_stored_once() -> None:
    readings = with_reading((), Reading("A", "1", 1))
    with pytest.raises(ResultError, match="Repeat 1 of lesion “A” by reader “1” is stored already"):
        with_reading(readings, Reading("A", "1", 1))
    assert with_reading(readings, Reading("A", "1", 2))[0] is readings[0]


def test_readings_come_back_from_json_and_ignore_what_another_version_added() -> None:
    readings = tuple(stiffness("A", "1", 10.123456789, 11.0, outcome="benign"))
    records = json.loads(json.dumps(records_of(readings)))
    assert readings_of_records(records) == readings
    assert readings_of_records([{**record, "invented_later": 1} for record in records]) == readings


def test_summary_of_a_lesion_tells_repeats_spread_and_difference() -> None:
    readings = [*stiffness("A", "1", 90.0, 100.0, 110.0), *stiffness("A", "2", 130.0, 130.0), *stiffness("B", "1", 5.0)]
    found = lesion_summary(readings, "A")
    first, second, mean, _maximum = (sentence for _, sentence in found)
    assert first == ("Reader 1: 3 of 3 repeats, mean 100 kPa, interquartile range 10% of the median (limit 30%).")
    assert second.startswith("Reader 2: 2 of 3 repeats, mean 130 kPa")
    assert [status for status, _ in found[:3]] == [Status.PASS, Status.WARN, Status.WARN]
    assert "1 and 2 differ by 26% (limit 20%); needs consensus, value 115 kPa" in mean
    assert lesion_summary(readings, "C") == ()


def test_summary_of_strain_names_the_ratio() -> None:
    readings = [Reading("A", "1", number, strain_ratio=value) for number, value in enumerate((2.0, 3.0, 4.0), 1)]
    ((status, sentence),) = lesion_summary(readings, "A")
    assert sentence.startswith("Reader 1: 3 of 3 repeats, mean strain ratio 3.00, interquartile range 33%")
    assert status is Status.WARN


def test_summary_of_the_readers_is_their_intraclass_correlation_and_limits() -> None:
    pairs = {"A": (50.0, 52.0), "B": (80.0, 78.0), "C": (120.0, 126.0), "D": (30.0, 31.0)}
    readings = [
        reading
        for lesion, values in pairs.items()
        for reader, value in zip(("1", "2"), values, strict=True)
        for reading in stiffness(lesion, reader, value)
    ]
    mean = reader_summary(readings)[0]
    differences = np.array([one - other for one, other in pairs.values()])
    upper = differences.mean() + 1.96 * differences.std(ddof=1)
    assert "4 lesions read by 1 and 2: ICC(2,1) 0.99" in mean
    assert f"bias {differences.mean():.2f} kPa" in mean
    assert f"to {upper:.2f} kPa" in mean
    assert reader_summary(readings[:4]) == ()  # two lesions
    assert reader_summary([]) == ()


def test_consensus_is_no_third_reader_of_the_summary() -> None:
    readings = [
        reading
        for lesion in "ABC"
        for reader, value in (("1", 50.0), (CONSENSUS, 60.0))
        for reading in stiffness(lesion, reader, value + ord(lesion))
    ]
    assert reader_summary(readings) == ()


def test_files_of_readings_hold_rows_lesions_and_agreement(tmp_path: Path) -> None:
    readings = [*stiffness("A", "1", 90.0, 110.0), *stiffness("A", "2", 104.0), *stiffness("B", "1", 30.0)]
    paths = write_readings_files(readings, tmp_path / "out")
    assert [path.name for path in paths] == ["readings.csv", "lesions.csv", "readings.json"]
    pd.testing.assert_frame_equal(
        read_readings(paths[0])[["lesion", "repeat"]], table_of(readings)[["lesion", "repeat"]]
    )
    assert list(pd.read_csv(paths[1])["elasticity_mean_kpa"]) == [102.0, 30.0]
    record = json.loads(paths[2].read_text())
    assert len(record["readings"]) == 4
    assert any("1 and 2 differ by 4%" in sentence for sentence in record["agreement"]["A"])
    with pytest.raises(ParameterError, match="no reading to write"):
        write_readings_files([], tmp_path)
