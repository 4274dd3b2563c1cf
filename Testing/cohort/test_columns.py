"""Which column is what, and which values are possible."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cohort.cohort_tables import MakeCohort, as_cells
from MicrocalcElastographyLib.cohort.columns import ColumnChoices
from MicrocalcElastographyLib.cohort.lesions import DENSE, build_cohort
from MicrocalcElastographyLib.cohort.numbers import AmbiguousNumbers, as_number, read_numbers
from MicrocalcElastographyLib.cohort.quantities import recognize
from MicrocalcElastographyLib.cohort.table import TableError

TWO = ["benign", "malignant"]


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("Elasticity (kPa)", "elasticity"),
        ("E", "elasticity"),
        ("kPa", "elasticity"),
        ("Emean", "elasticity_mean"),
        ("E mean (kPa)", "elasticity_mean"),
        ("elasticity_mean_kpa", "elasticity_mean"),
        ("E_max_kPa", "elasticity_max"),
        ("SWE SD", "elasticity_sd"),
        ("SWV (m/s)", "velocity"),
        ("SWE mean (m/s)", "velocity"),
        ("E-ratio", "stiffness_ratio"),
        ("Strain ratio", "strain_ratio"),
        ("E/B ratio", "size_ratio"),
        ("Tsukuba score", "score"),
        ("Lesion size (mm)", "size"),
        ("Tumor diameter cm", "size_cm"),
        ("ACR density", "density"),
        ("BI-RADS", "birads"),
        ("Distribution pattern", "distribution"),
        ("Final histology", "histology"),
        ("AI probability", "probability"),
        ("Age at exam", "age"),
        ("弹性模量（kPa）", "elasticity"),
        ("弹性模量最大值", "elasticity_max"),
        ("平均弹性值(kPa)", "elasticity_mean"),
        ("应变比", "strain_ratio"),
        ("弹性评分", "score"),
        ("年龄", "age"),
        ("乳腺密度", "density"),
        ("BI-RADS分类", "birads"),
        ("Elastizität (kPa)", "elasticity"),
        ("Steifigkeit, Mittelwert", "elasticity_mean"),
        ("Dehnungsverhältnis", "strain_ratio"),
        ("Läsionsgröße (mm)", "size"),
        ("Alter", "age"),
        ("Brustdichte", "density"),
    ],
)
def test_usual_headings_are_recognized(heading: str, key: str) -> None:
    quantity = recognize(heading)
    assert quantity is not None
    assert quantity.key == key


@pytest.mark.parametrize("heading", ["Image", "stage", "Outcome", "package", "Tissue E", "Alternative", "备注"])
def test_other_headings_are_not_taken_for_measurements(heading: str) -> None:
    assert recognize(heading) is None


@pytest.mark.parametrize(
    ("text", "value"), [("88.3", 88.3), ("88,3", 88.3), ("-1e3", -1000.0), (".5", 0.5), ("88.3 kPa", 88.3)]
)
def test_numbers_with_point_comma_or_unit_are_read(text: str, value: float) -> None:
    assert as_number(text, "kPa") == value


@pytest.mark.parametrize("text", ["about 5", "1,234.5", "1,119", "5-6", "<5", "nan", "inf", "٥x"])
def test_what_is_not_plainly_a_number_is_none(text: str) -> None:
    assert as_number(text) is None


@pytest.mark.parametrize(
    "values",
    [
        ["benign", "malignant"],
        ["B", "M"],
        ["0", "1"],
        ["no", "yes"],
        ["Non-malignant", "Invasive carcinoma"],
        ["negative", "DCIS"],
        ["control", "case"],
    ],
)
def test_the_outcome_is_understood_in_its_usual_words(make_cohort: MakeCohort, values: list[str]) -> None:
    cohort = make_cohort(diagnosis=values, elasticity_kpa=[40, 80])
    assert cohort.malignant.tolist() == [False, True]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1,119.5", "1,119"], [1119.5, 1119]),
        (["45.7", "1,119"], [45.7, 1119]),
        (["45,7", "1,119"], [45.7, 1.119]),
        (["1.119,5", "1.119"], [1119.5, 1119]),
        (["1.119", "2.5"], [1.119, 2.5]),
        (["1 119", "12"], [1119, 12]),
        (["0,119", "0,250"], [0.119, 0.25]),
    ],
)
def test_the_numbers_of_a_column_say_together_what_their_commas_mean(texts: list[str], values: list[float]) -> None:
    assert read_numbers(texts) == values


def test_a_comma_that_may_mean_thousands_raises_a_question(make_cohort: MakeCohort) -> None:
    with pytest.raises(AmbiguousNumbers):
        read_numbers(["1,119", "12"])
    columns = {"outcome": TWO, "signal": ["1,119", "950"], "elasticity_kpa": [40, 80]}
    with pytest.raises(TableError, match=r"“signal” holds “1,119” in row 2, which may be 1\.119 or 1119"):
        make_cohort(ColumnChoices(parameters=("signal",)), **columns)
    cohort = make_cohort(ColumnChoices(parameters=("signal",), decimal="point"), **columns)
    assert cohort.values["signal"].tolist() == [1119, 950]


def test_a_value_beyond_the_scale_is_its_limit_and_said(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=TWO, elasticity_kpa=["<2", ">300 kPa"])
    assert cohort.values["elasticity_kpa"].tolist() == [2, 300]
    (warning,) = (warning for warning in cohort.warnings if warning.code == "censored-value")
    assert "rows 2, 3" in warning.message


def test_category_four_of_a_spreadsheet_is_category_four(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=[*TWO, "benign"], elasticity_kpa=[40, 80, 50], birads=["4.0", "4a类", "BI-RADS 4"])
    assert cohort.values["birads"].tolist() == ["4", "4A", "4"]


@pytest.mark.parametrize("values", [["良性", "恶性"], ["gutartig", "bösartig"], ["0.0", "1.0"], ["nein", "ja"]])
def test_the_outcome_is_understood_in_other_languages(make_cohort: MakeCohort, values: list[str]) -> None:
    for heading in ("良恶性", "Dignität", "outcome"):
        cohort = make_cohort(**{heading: values, "elasticity_kpa": [40, 80]})
        assert cohort.malignant.tolist() == [False, True]


def test_numbers_of_an_unknown_quantity_are_named_and_can_be_mapped(make_cohort: MakeCohort) -> None:
    columns = {
        "outcome": TWO * 4, "elasticity_kpa": [40, 80, 41, 82, 43, 85, 44, 90], "Q3": [1.5, 2, 3, 4, 5, 6, 7, 8]
    }  # fmt: skip
    (warning,) = (w for w in make_cohort(**columns).warnings if w.code == "unrecognized-numbers")
    assert "“Q3”" in warning.message
    mapped = make_cohort(ColumnChoices(quantities={"Q3": "strain_ratio"}), **columns)
    assert mapped.variable("Q3").key == "strain_ratio"
    assert not mapped.warnings
    with pytest.raises(TableError, match="no known quantity; choose one of: elasticity_sd"):
        make_cohort(ColumnChoices(quantities={"Q3": "softness"}), **columns)


def test_values_named_as_malignant_decide_and_the_rest_is_benign(make_cohort: MakeCohort) -> None:
    choices = ColumnChoices(outcome="pathology", malignant_values=("dcis", "IDC"))
    cohort = make_cohort(choices, pathology=["FA", "DCIS", "IDC"], elasticity_kpa=[40, 80, 90])
    assert cohort.malignant.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (
            {"diagnosis": ["A", "B2"], "elasticity_kpa": [1, 2]},
            "No column says in plain words which lesions were malignant",
        ),
        ({"diagnosis": ["benign", "benign"], "elasticity_kpa": [1, 2]}, "No column says"),
    ],
)
def test_a_table_without_a_clear_outcome_is_refused(
    make_cohort: MakeCohort, columns: dict[str, list[object]], reason: str
) -> None:
    with pytest.raises(TableError, match=reason):
        make_cohort(**columns)


def test_a_chosen_outcome_with_unclear_values_asks_for_the_malignant_ones(make_cohort: MakeCohort) -> None:
    with pytest.raises(TableError, match="say which values mean malignant"):
        make_cohort(ColumnChoices(outcome="diagnosis"), diagnosis=["FA", "IDC"], elasticity_kpa=[1, 2])
    with pytest.raises(TableError, match="never holds “x”"):
        make_cohort(ColumnChoices(outcome="d", malignant_values=("x",)), d=TWO, elasticity_kpa=[1, 2])
    with pytest.raises(TableError, match="one group only"):
        make_cohort(ColumnChoices(outcome="d"), d=["benign", "benign"], elasticity_kpa=[1, 2])


def test_a_column_that_does_not_exist_is_answered_with_those_that_do(make_cohort: MakeCohort) -> None:
    with pytest.raises(TableError, match="no column “emax”; its columns are: outcome, elasticity_kpa"):
        make_cohort(ColumnChoices(parameters=("emax",)), outcome=TWO, elasticity_kpa=[1, 2])


def test_columns_may_be_named_in_another_spelling(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(ColumnChoices(outcome="OUT COME"), out_come=TWO, elasticity_kpa=[1, 2])
    assert cohort.malignant.sum() == 1


@pytest.mark.parametrize(
    ("column", "bad", "message"),
    [
        ("elasticity_kpa", "-3", r"outside the possible range 0.1 to 1000 kPa in row 3; a void is a missing value"),
        ("elasticity_kpa", "0", "a void is a missing value"),
        ("elasticity_kpa", "soft", "not a number in row 3"),
        ("elasticity_kpa", "1e400", "not finite in row 3"),
        ("age", "140", "possible range 0 to 120 years in row 3"),
        ("elasticity_score", "6", "possible range 1 to 5 in row 3"),
        ("mammographic probability", "35", "possible range 0 to 1 in row 3"),
        ("birads", "7", "not a known category in row 3"),
        ("breast density", "E", "not a known category in row 3"),
    ],
)
def test_impossible_values_are_refused_with_their_row(
    make_cohort: MakeCohort, column: str, bad: str, message: str
) -> None:
    good = {"birads": "4", "breast density": "B", "elasticity_score": "3", "mammographic probability": "0.5"}
    with pytest.raises(TableError, match=message):
        make_cohort(outcome=TWO, kpa_max=[40, 80], **{column: [good.get(column, "50"), bad]})


def test_a_mean_above_the_maximum_is_refused(make_cohort: MakeCohort) -> None:
    with pytest.raises(TableError, match="“Emean” is larger than “Emax” in row 3"):
        make_cohort(outcome=TWO, Emean=[40, 90], Emax=[50, 80])


def test_unusual_values_are_kept_with_a_warning(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=TWO, elasticity_kpa=[40, 400])
    assert cohort.values["elasticity_kpa"].tolist() == [40, 400]
    assert [warning.code for warning in cohort.warnings] == ["unusual-value"]
    assert "row 3" in cohort.warnings[0].message


def test_spellings_of_categories_are_unified(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(
        outcome=TWO * 3,
        elasticity_kpa=[40, 80, 41, 81, 42, 82],
        birads=["BI-RADS 4a", "4A", "BIRADS 5", "5", "3", "category 3"],
        acr_density=["ACR a", "type B", "c", "4", "D", "1"],
        distribution=["Clustered", "clustered", "CLUSTERED", "scattered", "Scattered", "scattered"],
    )
    assert cohort.values["birads"].tolist() == ["4A", "4A", "5", "5", "3", "3"]
    assert cohort.values["acr_density"].tolist() == ["A", "B", "C", "D", "D", "A"]
    assert cohort.values["distribution"].nunique() == 2
    assert cohort.values[DENSE].tolist() == ["no (A, B)", "no (A, B)", "yes (C, D)", "yes (C, D)", "yes (C, D)",
                                            "no (A, B)"]  # fmt: skip


def test_lesions_without_an_outcome_are_left_out_with_a_warning(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=["benign", None, "malignant"], elasticity_kpa=[40, 50, 80])
    assert len(cohort.malignant) == 2
    assert cohort.warnings[0].message == "Row 3 without an outcome left out."


def test_missing_values_are_counted(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=TWO * 2, elasticity_kpa=[40, None, 50, 80], age=[40, 50, None, None])
    counts = cohort.missing.set_index("variable")["missing"]
    assert counts.to_dict() == {"elasticity_kpa": 1, "age": 2}


def test_histology_is_described_but_never_a_predictor(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=TWO * 2, elasticity_kpa=[40, 80, 50, 90], histology=["FA", "IDC", "FA", "DCIS"])
    assert cohort.variable("histology").describes_outcome


def test_a_category_that_splits_as_the_outcome_does_is_found_without_its_name(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(
        outcome=TWO * 15, elasticity_kpa=list(range(20, 50)), type=["x", "y"] * 15, side=["left", "left", "right"] * 10
    )
    assert cohort.variable("type").describes_outcome
    assert not cohort.variable("side").describes_outcome


def test_identifiers_free_text_and_constants_are_left_out_with_the_reason(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(
        outcome=TWO * 5,
        elasticity_kpa=list(range(30, 40)),
        comment=[f"free text {number}" for number in range(10)],
        device=["Aixplorer"] * 10,
        nothing=[None] * 10,
    )
    roles = cohort.columns.set_index("column")["role"]
    assert roles["comment"] == "left out: free text or an identifier"
    assert roles["device"] == "left out: the same value in every row"
    assert roles["nothing"] == "left out: no values"


def test_numbers_of_an_unknown_name_are_parameters_when_nothing_else_is(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=TWO * 5, marker=list(np.linspace(0, 1, 10)))
    assert [variable.name for variable in cohort.parameters] == ["marker"]


def test_named_parameters_replace_the_guess(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(
        ColumnChoices(parameters=("age",)), outcome=TWO * 3, elasticity_kpa=[1, 2, 3, 4, 5, 6], age=[30] * 3 + [50] * 3
    )
    assert [variable.name for variable in cohort.parameters] == ["age"]


def test_a_column_that_is_ignored_takes_no_part(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(ColumnChoices(ignored=("age",)), outcome=TWO, elasticity_kpa=[1, 2], age=["old", "young"])
    assert "age" not in cohort.values


# --- readers and repeats -------------------------------------------------------------------------------------------


def _long_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lesion": ["a"] * 4 + ["b"] * 4,
            "reader": ["1", "1", "2", "2"] * 2,
            "repeat": ["1", "2"] * 4,
            "outcome": ["malignant"] * 4 + ["benign"] * 4,
            "elasticity_kpa": [80, 82, 90, None, 40, 42, 44, 46],
        }
    )


def test_a_lesion_is_the_mean_over_repeats_then_over_readers() -> None:
    cohort = build_cohort(as_cells(_long_table()))
    assert cohort.values["elasticity_kpa"].tolist() == [(81 + 90) / 2, (41 + 45) / 2]
    assert cohort.readings is not None
    assert len(cohort.readings) == 8
    assert cohort.malignant.tolist() == [True, False]


def test_a_joint_reading_replaces_the_mean_of_the_readers() -> None:
    table = _long_table()
    joint = pd.DataFrame(
        {"lesion": ["a"], "reader": ["Consensus"], "repeat": ["1"], "outcome": ["malignant"], "elasticity_kpa": [70]}
    )
    cohort = build_cohort(as_cells(pd.concat([table, joint], ignore_index=True)))
    assert cohort.values["elasticity_kpa"].tolist() == [70, 43]


def test_one_column_per_reader_and_repeat_equals_one_row_each() -> None:
    wide = pd.DataFrame(
        {
            "id": ["a", "b"],
            "outcome": ["malignant", "benign"],
            "Elasticity (kPa) R1 M1": [80, 40],
            "Elasticity (kPa) R1 M2": [82, 42],
            "Elasticity (kPa) R2 M1": [90, 44],
            "Elasticity (kPa) R2 M2": [None, 46],
        }
    )
    cohort = build_cohort(as_cells(wide))
    reference = build_cohort(as_cells(_long_table()))
    assert cohort.values["elasticity kpa"].tolist() == reference.values["elasticity_kpa"].tolist()
    assert cohort.readings is not None
    assert sorted(cohort.readings["reader"].unique()) == ["1", "2"]


def test_a_wide_table_needs_no_lesion_column_and_loses_no_lesion_without_a_reading() -> None:
    wide = pd.DataFrame(
        {"outcome": ["malignant", "benign", "benign"], "SR reader 1": [2, 1, None], "SR reader 2": [3, 1, None]}
    )
    cohort = build_cohort(as_cells(wide))
    assert len(cohort.malignant) == 3
    assert cohort.values["sr"].tolist()[:2] == [2.5, 1.0]


def test_readings_without_a_lesion_column_are_refused() -> None:
    with pytest.raises(TableError, match="name the column that tells the lesions apart"):
        build_cohort(as_cells(_long_table().drop(columns="lesion")))


def test_the_same_reading_twice_is_refused_with_its_rows() -> None:
    table = pd.concat([_long_table(), _long_table().iloc[[0]]], ignore_index=True)
    with pytest.raises(TableError, match="same lesion and reading stands in rows 2, 10"):
        build_cohort(as_cells(table))


def test_a_lesion_that_is_benign_in_one_row_and_malignant_in_another_is_refused() -> None:
    table = _long_table()
    table.loc[1, "outcome"] = "benign"
    with pytest.raises(TableError, match="outcome differs between rows of the same lesion: rows 2, 3, 4, 5"):
        build_cohort(as_cells(table))


def test_lesions_of_one_patient_stay_together(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(patient=["p", "p", "q"], lesion=["1", "2", "1"], outcome=["benign", "malignant", "benign"],
                         elasticity_kpa=[1, 2, 3])  # fmt: skip
    assert cohort.patients.tolist() == ["p", "p", "q"]
    assert cohort.values.index.tolist() == ["p / 1", "p / 2", "q / 1"]
