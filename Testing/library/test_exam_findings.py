"""One lesion in two views is one finding; left and right, then and now."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from exam_samples import breast, examined, width_mm
from MicrocalcAILib.base.errors import ResultError
from MicrocalcAILib.exam.correspondences import NOTHING_SAID, Correspondences
from MicrocalcAILib.exam.exam import EXAM_FILE, load_exam, save_exam
from MicrocalcAILib.exam.findings import Finding, category_of, combined_risk, findings_of
from MicrocalcAILib.exam.marks import Mark
from MicrocalcAILib.exam.matching import compare, match_marks
from MicrocalcAILib.exam.place import Place
from MicrocalcAILib.report.sentences import risk_said, strings


def mark(nipple_mm=40.0, count=10, extent_mm=8.0, **more) -> Mark:
    place = Place(nipple_mm, nipple_mm, 0.0, "middle", "central", math.nan, 20.0, 30.0, 4.0)
    return Mark("image", 1, 0.0, 0.0, count, extent_mm, place, **more)


def test_the_cluster_on_the_same_arc_is_the_same_lesion():
    near, far = mark(42.0), mark(75.0)
    matches = match_marks([[mark(40.0)]], [far, near])
    assert list(matches) == [(0, 1)]
    assert matches[0, 1].probability > 0.7
    assert any("40 and 42 mm from the nipple" in reason for reason in matches[0, 1].reasons)
    assert compare(mark(40.0), far).probability < 0.2


def test_of_two_clusters_on_one_arc_counts_and_words_decide():
    amorphous, linear = ({"morphology": {name: 0.9, "round": 0.1}} for name in ("amorphous", "fine linear"))
    first = mark(count=30, words=amorphous)
    pairs = match_marks([[first]], [mark(count=6, words=linear), mark(count=26, words=amorphous)])
    assert list(pairs) == [(0, 1)]


def test_pairs_are_chosen_together_and_each_cluster_once():
    first, second = [mark(40.0), mark(50.0)], [mark(49.0), mark(58.0)]
    pairs = match_marks([[one] for one in first], second)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert (0, 1) not in pairs


def test_a_reader_joins_and_parts_clusters_whatever_the_likelihood():
    places = {("L", "CC"): [(70.0, 44.0, 12, 8.0)], ("L", "MLO"): [(75.0, 62.0, 10, 9.0), (150.0, 20.0, 6, 5.0)]}
    near, far = (("L-CC-2026-01-01", 1), ("L-MLO-2026-01-01", 1)), (("L-CC-2026-01-01", 1), ("L-MLO-2026-01-01", 2))

    def pairs(said):
        found = examined(places, said=said).findings
        return {frozenset(mark.key for mark in one.marks) for one in found if len(one.marks) > 1}

    assert pairs(NOTHING_SAID) == {frozenset(near)}
    assert pairs(NOTHING_SAID.parted(*near)) == set()
    joined = NOTHING_SAID.joined(*far)
    assert pairs(joined) == {frozenset(far)}
    assert pairs(joined.joined(*near)) == {frozenset(near)}  # the earlier word for the same cluster is forgotten
    assert Correspondences.from_dict(json.loads(json.dumps(joined.parted(*near).to_dict()))) == joined.parted(*near)
    (finding,) = (one for one in examined(places, said=joined).findings if len(one.marks) > 1)
    assert finding.match.reasons == ("A reader said that this is one lesion.",)


def test_further_whole_views_join_the_finding_and_a_lateral_view_tells_its_height():
    clusters = {
        ("L", "CC"): [(70.0, 44.0, 12, 8.0)],
        ("L", "MLO"): [(75.0, 62.0, 10, 9.0)],
        ("L", "ML"): [(80.0, 50.0, 11, 8.0)],
    }
    (finding,) = examined(clusters).findings
    assert [mark.image[:6] for mark in finding.marks] == ["L-CC-2", "L-MLO-", "L-ML-2"]
    assert "L ML:" in finding.match.reasons
    lateral = finding.marks[2].place
    assert finding.clock.upper_mm == pytest.approx(lateral.across_mm)


def test_a_magnified_view_joins_by_a_readers_word_alone():
    clusters = {("L", "CC"): [(70.0, 44.0, 12, 8.0)], ("L", "ML"): [(75.0, 50.0, 12, 8.0)]}
    magnified = {("L", "ML"): ("Magnification",)}
    assert [len(one.marks) for one in examined(clusters, modifiers=magnified).findings] == [1, 1]
    said = NOTHING_SAID.joined(("L-CC-2026-01-01", 1), ("L-ML-2026-01-01", 1))
    assert [len(one.marks) for one in examined(clusters, modifiers=magnified, said=said).findings] == [2]


def test_without_places_nothing_is_matched():
    assert match_marks([[replace(mark(), place=None)]], [mark()]) == {}


def test_the_risk_of_two_views_lies_between_theirs_and_keeps_both_intervals():
    risk, low, high = combined_risk(
        [mark(risk=0.2, risk_low=0.1, risk_high=0.4), mark(risk=0.5, risk_low=0.3, risk_high=0.7)]
    )
    assert 0.2 < risk < 0.5
    assert (low, high) == (0.1, 0.7)
    assert all(math.isnan(value) for value in combined_risk([mark()]))


def finding_of(*words_of_views) -> Finding:
    places = {("L", "CC"): [(70.0, 44.0, 12, 8.0)], ("L", "MLO"): [(75.0, 62.0, 10, 9.0)]}
    (finding,) = examined(places).findings
    marks = {
        one.image: (replace(one, words=words, risk=0.3, risk_low=0.2, risk_high=0.4),)
        for one, words in zip(finding.marks, words_of_views, strict=True)
    }
    images = [view.identity for view in examined(places).views]
    (found,) = findings_of(marks, images, {})
    return found


def test_a_finding_of_sure_benign_words_carries_their_category_and_no_risk():
    vascular = {"morphology": {"vascular": 0.95, "fine linear": 0.05}, "distribution": {"linear": 1.0}}
    finding = finding_of(vascular, vascular)
    assert finding.is_typically_benign
    assert math.isnan(finding.risk)
    assert finding.category.name == "2"
    assert "none computed" in risk_said(finding, strings())


def test_a_view_that_doubts_the_benign_word_keeps_the_risk():
    sure = {"morphology": {"vascular": 0.95, "fine linear": 0.05}}
    doubting = {"morphology": {"vascular": 0.5, "fine linear": 0.5}}
    finding = finding_of(sure, doubting)
    assert finding.words["morphology"] == "vascular"
    assert not finding.is_typically_benign
    assert finding.risk == pytest.approx(0.3)
    assert finding.category.name == "4B"


@pytest.mark.parametrize(("risk", "name"), [(0.01, "3"), (0.05, "4A"), (0.3, "4B"), (0.7, "4C"), (0.97, "5")])
def test_categories_are_those_of_the_review(risk, name):
    assert category_of(risk).name == name


def test_no_risk_has_no_category():
    assert category_of(math.nan) is None


def test_a_lesion_seen_in_both_views_is_one_finding_with_a_clock_place():
    exam = examined({("L", "CC"): [(70.0, 44.0, 12, 8.0)], ("L", "MLO"): [(75.0, 62.0, 10, 9.0)]})
    (finding,) = exam.findings
    assert [one.image[:5] for one in finding.marks] == ["L-CC-", "L-MLO"]
    assert finding.clock.quadrant.endswith("outer")
    assert exam.breasts[0].highest == finding.number == 1


def test_a_lesion_seen_in_one_view_stays_a_finding():
    exam = examined({("R", "CC"): [(70.0, 90.0, 12, 8.0)], ("R", "MLO"): []})
    (finding,) = exam.findings
    assert (len(finding.marks), finding.match, finding.clock) == (1, None, None)


def test_likeness_of_left_and_right_is_noted():
    left, right = (60.0, 40.0, 8, 6.0), (60.0, width_mm() - 40.0, 8, 6.0)
    exam = examined({("L", "CC"): [left], ("R", "CC"): [right]})
    assert {finding.mirror.split(" lies")[0] for finding in exam.findings} == {"Finding 1", "Finding 2"}
    alone = examined({("L", "CC"): [left], ("R", "CC"): []})
    assert alone.findings[0].mirror == "Nothing at the mirrored place of the other breast."
    assert "left breast only" in " ".join(alone.asymmetry)


@pytest.mark.parametrize(("before", "call"), [(0, "new"), (8, "more"), (28, "unchanged"), (60, "fewer")])
def test_counts_in_the_region_of_the_prior_make_the_call(before, call):
    place = (70.0, 40.0)
    earlier = [(*place, before, 8.0)] if before else []
    exam = examined({("L", "CC"): [(*place, 25, 8.0)]}, {("L", "CC"): earlier})
    (change,) = exam.findings[0].changes.values()
    assert change.call == call
    assert (change.count_before, change.count_now) == (before, 25)
    assert exam.prior_date == "2024-01-01"


def test_a_shifted_prior_of_another_gray_scale_is_aligned():
    now, prior = breast(seed=3), breast(seed=3)
    rows = 15  # 12 mm lower
    shifted = [np.roll(part, rows, axis=0) for part in (prior.pixels, prior.mask, prior.muscle, prior.skin_mm)]
    shifted[0] = np.sqrt(np.maximum(shifted[0], 0)).astype(np.float32) * 3000
    moved = type(prior)(*shifted, prior.cell_mm, prior.first_mm, "left")
    tissue = {("L", "CC", "2026-01-01"): now, ("L", "CC", "2024-01-01"): moved}
    exam = examined({("L", "CC"): [(60.0, 40.0, 20, 8.0)]}, {("L", "CC"): [(72.0, 40.0, 20, 8.0)]}, tissue)
    (change,) = exam.findings[0].changes.values()
    assert (change.call, change.count_before) == ("unchanged", 20)


def test_what_cannot_be_compared_says_why():
    without = examined({("L", "CC"): [(60.0, 40.0, 20, 8.0)]}, {("L", "MLO"): []})
    (change,) = without.findings[0].changes.values()
    assert change.call == "not comparable"
    assert "no prior of L CC" in change.reason


def test_a_cluster_of_the_prior_that_is_gone_is_kept():
    exam = examined({("L", "CC"): []}, {("L", "CC"): [(60.0, 40.0, 20, 8.0)]})
    (mark,) = exam.views[0].gone
    assert mark.count == 20


def test_what_makes_a_case_special_is_said():
    words = " ".join(examined({("L", "CC"): []}, age=33, sex="M", implant=True).caveats)
    assert "man" in words
    assert "40 years" in words
    assert "implant" in words


def test_an_exam_is_read_back_as_it_was(tmp_path):
    exam = examined({("L", "CC"): [(70.0, 44.0, 12, 8.0)], ("L", "MLO"): [(75.0, 62.0, 10, 9.0)]}, {("L", "CC"): []})
    save_exam(exam, tmp_path)
    again = load_exam(tmp_path)
    save_exam(again, tmp_path)
    assert again.findings[0].changes == exam.findings[0].changes
    assert again.findings[0].clock == exam.findings[0].clock
    assert [view.frame for view in again.views] == [view.frame for view in exam.views]
    (tmp_path / EXAM_FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(ResultError, match="not a complete exam"):
        load_exam(tmp_path)
