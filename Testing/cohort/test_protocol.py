"""A study with a protocol: what was fixed beforehand, the flow of participants, hypotheses, checklists."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.cli import main
from MicrocalcElastographyLib.cohort.analysis import CohortAnalysis, StudyOptions, analyze_cohort
from MicrocalcElastographyLib.cohort.cautions import study_cautions
from MicrocalcElastographyLib.cohort.checklists import FOR_THE_AUTHOR, filled_checklists
from MicrocalcElastographyLib.cohort.diagnostics import GivenCutoff
from MicrocalcElastographyLib.cohort.lesions import Cohort
from MicrocalcElastographyLib.cohort.outputs import study_figures
from MicrocalcElastographyLib.cohort.protocol import StudyProtocol, example_protocol, read_protocol
from MicrocalcElastographyLib.cohort.report import study_report
from MicrocalcElastographyLib.cohort.verdicts import hypothesis_results, study_flow
from MicrocalcElastographyLib.flow_figure import flow_figure

WriteProtocol = Callable[..., StudyProtocol]


@pytest.fixture
def protocol_of(tmp_path: Path) -> WriteProtocol:
    """Write entries as a JSON protocol and read it."""

    def read(**entries: object) -> StudyProtocol:
        path = tmp_path / "protocol.json"
        path.write_text(json.dumps(entries), encoding="utf-8")
        return read_protocol(path)

    return read


@pytest.fixture(scope="module")
def study(published_cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> CohortAnalysis:
    path = tmp_path_factory.mktemp("protocol") / "protocol.toml"
    path.write_text(example_protocol(300), encoding="utf-8")
    options = StudyOptions(
        resamples=100, protocol=read_protocol(path), cutoffs={"elasticity_kpa": (GivenCutoff(70.0),)}
    )
    return analyze_cohort(published_cohort, options)


def protocol(study: CohortAnalysis) -> StudyProtocol:
    assert study.options.protocol is not None
    return study.options.protocol


def test_the_example_is_read_whole(study: CohortAnalysis) -> None:
    read = protocol(study)
    assert read.texts["registration"] == "none, simulated data"
    assert read.cutoffs["elasticity_kpa"] == (GivenCutoff(62.0),)
    assert read.cutoffs["elasticity_score"] == (GivenCutoff(3.0, is_exclusive=True),)
    assert [step.count for step in read.steps] == [23, 11, 6, 5]
    assert read.expected == 300
    assert read.checklist == {"STARD 2015 3": "introduction, second paragraph"}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"cutofs": ["elasticity=62"]}, "unknown entry “cutofs”"),
        ({"cutoffs": ["elasticity"]}, "is not a cut-off"),
        ({"eligibility": {"screened": -1}}, "not a number of participants"),
        ({"eligibility": {"unit": "breasts"}}, "patients or lesions"),
        ({"hypotheses": [{"parameter": "elasticity"}]}, "does not fit the form"),
        ({"hypotheses": [{"parameter": "elasticity", "above": 62}]}, "from 0 to below 1"),
    ],
)
def test_a_protocol_that_says_nothing_usable_is_refused(
    protocol_of: WriteProtocol, entries: dict[str, object], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        protocol_of(**entries)


def test_a_file_that_is_no_protocol_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    with pytest.raises(ParameterError, match="cannot be read"):
        read_protocol(path)
    path.write_text("cutoffs = [", encoding="utf-8")
    with pytest.raises(ParameterError, match="not sound TOML"):
        read_protocol(path)
    (tmp_path / "protocol.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ParameterError, match="is a list"):
        read_protocol(tmp_path / "protocol.json")


def test_what_is_given_beside_the_protocol_is_not_prespecified(study: CohortAnalysis) -> None:
    elasticity = study.performances[0]
    given = {cutoff.value: cutoff.is_prespecified for cutoff in elasticity.cutoffs if cutoff.rule == "given"}
    assert given == {62.0: True, 70.0: False}
    page = study_report(study, dict.fromkeys(study_figures(study), "<svg xmlns='http://www.w3.org/2000/svg'/>"))
    assert "given, not in the protocol" in page
    assert "Youden optimum (exploratory)" in page
    assert "Dense breast (prespecified)" in page


def test_the_protocol_and_the_options_may_not_contradict_each_other(protocol_of: WriteProtocol) -> None:
    with pytest.raises(ParameterError, match="fixes the model"):
        StudyOptions(model=("age",), protocol=protocol_of(model=["elasticity"])).with_protocol()
    with pytest.raises(ParameterError, match="fixes the prevalence"):
        StudyOptions(prevalence=0.3, protocol=protocol_of(prevalence=0.2)).with_protocol()
    assert StudyOptions(prevalence=0.3, protocol=protocol_of(model=["age"])).with_protocol().model == ("age",)


@pytest.mark.slow
def test_a_hypothesis_is_shown_only_when_the_whole_interval_lies_above(
    published_cohort: Cohort, protocol_of: WriteProtocol
) -> None:
    claims = [
        {"parameter": "elasticity_kpa", "above": 0.9},
        {"parameter": "elasticity_kpa", "above": 0.985},
        {"parameter": "elasticity_kpa", "measure": "specificity", "above": 0.8},
        {"parameter": "strain_ratio", "measure": "specificity", "above": 0.8},
    ]
    fixed = protocol_of(hypotheses=claims, cutoffs=["elasticity_kpa=62"])
    study = analyze_cohort(published_cohort, StudyOptions(resamples=100, protocol=fixed))
    results = hypothesis_results(study, fixed)
    assert [result.verdict for result in results] == ["shown", "not shown", "shown", "cannot be tested"]
    for result in results[:3]:
        assert result.estimate is not None
        assert (result.estimate.low > result.hypothesis.above) == (result.verdict == "shown")


def test_the_flow_ends_in_the_two_by_two_table(study: CohortAnalysis) -> None:
    flow = study_flow(study, protocol(study))
    assert flow is not None
    assert flow.screened - sum(step.count for step in flow.steps) == flow.analyzed == 300
    assert sum(flow.positive) + sum(flow.negative) == 300
    assert flow.positive[0] + flow.negative[0] == 150
    assert "flow-does-not-add-up" not in {caution.code for caution in study_cautions(study)}


@pytest.mark.slow
def test_counts_that_do_not_add_up_are_said(published_cohort: Cohort, protocol_of: WriteProtocol) -> None:
    fixed = protocol_of(eligibility={"unit": "lesions", "screened": 310, "excluded": {"no biopsy": 3}})
    study = analyze_cohort(published_cohort, StudyOptions(resamples=100, protocol=fixed))
    (caution,) = (found for found in study_cautions(study) if found.code == "flow-does-not-add-up")
    assert "307 lesions should be analyzed, but the table holds 300" in caution.message


def test_boxes_of_the_flow_diagram_hold_their_text_and_do_not_touch(study: CohortAnalysis) -> None:
    flow = study_flow(study, protocol(study))
    assert flow is not None
    figure = flow_figure(flow)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = [patch.get_window_extent() for patch in axes.patches]
    texts = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == len(texts) == 14
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    for box, text in zip(boxes, texts, strict=True):
        assert box.x0 < text.x0 < text.x1 < box.x1
        assert box.y0 < text.y0 < text.y1 < box.y1


def test_checklists_have_every_item_once_and_name_what_is_left_to_the_author(study: CohortAnalysis) -> None:
    lists = {checklist.title: checklist for checklist in filled_checklists(study, protocol(study))}
    assert {title: len(found.items) for title, found in lists.items()} == {
        "STARD 2015": 34,
        "TRIPOD+AI": 52,
        "CLAIM": 42,
    }
    for checklist in lists.values():
        numbers = [item.number for item in checklist.items]
        assert len(set(numbers)) == len(numbers)
        assert checklist.open_items == tuple(i.number for i in checklist.items if i.origin == FOR_THE_AUTHOR)
        assert checklist.open_items
    stard = {item.number: item for item in lists["STARD 2015"].items}
    assert stard["3"].origin == "authors"
    assert (stard["5"].answer, stard["5"].origin) == ("prospective, single center", "protocol")
    table = study.performances[0].cutoffs[2].table
    assert stard["23"].answer.startswith(f"TP {table.true_positive}, FN {table.false_negative}")
    assert stard["23"].origin == "data"


@pytest.mark.slow
def test_a_protocol_goes_from_the_command_into_tables_and_digest(tmp_path: Path) -> None:
    table, plan, folder = tmp_path / "table.csv", tmp_path / "plan.toml", tmp_path / "report"
    counts = ["--malignant-count", "25", "--benign-count", "30", "--seed", "2"]
    assert main(["cohort", "simulate", "--output", str(table), "--protocol", str(plan), *counts]) == 0
    assert read_protocol(plan).expected == 55
    command = ["cohort", "analyze", str(table), "--protocol", str(plan), "--output", str(folder)]
    assert main([*command, "--resamples", "100"]) == 0
    tables = {path.stem for path in (folder / "tables").iterdir()}
    assert {"hypotheses", "checklist_stard_2015", "checklist_tripod_ai", "checklist_claim"} <= tables
    content = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    assert "SHA-256 of the protocol" in content["provenance"]["inputs"]
    assert (folder / "figures" / "flow.svg").is_file()
