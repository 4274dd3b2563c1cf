"""wAFROC, AFROC, HrAUC and LROC against their definitions, counted pair by pair."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.evaluation.figures_of_merit import FIGURES, MarkedImages, figure_of_merit, figures_of_merit
from MicrocalcAILib.evaluation.matching import Matches

MISSED = -math.inf


def image(false=(), lesions=(), patient=""):
    """An image with false marks, and lesions each with the rating of its mark (−∞: missed)."""
    marks = [(rating, "false") for rating in false] + [(rating, "hit") for rating in lesions if rating != MISSED]
    truths = [(math.nan, "missed") if rating == MISSED else (rating, "hit") for rating in lesions]
    return Matches(
        "image",
        100.0,
        pd.DataFrame(marks, columns=["probability", "outcome"]),
        pd.DataFrame(truths, columns=["probability", "outcome"]),
        patient=patient,
    )


def reduced(images):
    """(False marks, lesions) of each image as the figures need them."""
    owners = [index for index, (_, lesions) in enumerate(images) for _ in lesions]
    return MarkedImages(
        np.array([max(false, default=MISSED) for false, _ in images]),
        np.array(owners, np.intp),
        np.array([rating for _, lesions in images for rating in lesions], float),
    )


def psi(negative, positive):
    return 1.0 if positive > negative else 0.5 if positive == negative else 0.0


def counted(images, figure):
    """The definition, pair by pair."""
    healthy = [i for i in images if not len(i[1])]
    diseased = [i for i in images if len(i[1])]
    if figure in ("wAFROC", "AFROC"):
        negatives = [max(false, default=MISSED) for false, _ in (healthy or images)]
        weighted = [(1 / len(ls) if figure == "wAFROC" else 1.0, rating) for _, ls in diseased for rating in ls]
        terms = [(weight, weight * psi(n, rating)) for n in negatives for weight, rating in weighted]
    else:
        negatives = [max(false, default=MISSED) for false, _ in healthy]
        terms = []
        for negative in negatives:
            for false, lesions in diseased:
                best, other = max(lesions), max(false, default=MISSED)
                if figure == "HrAUC":
                    terms.append((1.0, psi(negative, max(best, other))))
                else:
                    right = 0.0 if best == MISSED else psi(other, best)
                    terms.append((1.0, right * psi(negative, best)))
    whole = sum(weight for weight, _ in terms)
    return sum(value for _, value in terms) / whole if whole else math.nan


ratings = st.integers(0, 4).map(float)
marked = st.tuples(st.lists(ratings, max_size=3), st.lists(st.one_of(ratings, st.just(MISSED)), max_size=3))


@settings(max_examples=200, deadline=None)
@given(st.lists(marked, min_size=1, max_size=7))
def test_every_figure_of_merit_is_its_definition_counted_pair_by_pair(images):
    for figure in FIGURES:
        assert figure_of_merit(reduced(images), figure) == pytest.approx(counted(images, figure), nan_ok=True), figure


@settings(max_examples=15, deadline=None)
@given(st.lists(marked, min_size=1, max_size=4))
def test_matched_marks_are_reduced_to_the_highest_of_each_kind(images):
    found, expected = MarkedImages.from_matches([image(*one) for one in images]), reduced(images)
    np.testing.assert_array_equal(found.false, expected.false)
    np.testing.assert_array_equal(found.lesion_images, expected.lesion_images)
    np.testing.assert_array_equal(found.lesions, expected.lesions)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(marked, st.integers(0, 3)), min_size=1, max_size=6))
def test_an_image_that_counts_twice_is_two_images(weighted):
    images = [one for one, times in weighted for _ in range(times)]
    kinds = {bool(lesions) for (_, lesions), _ in weighted}
    each = reduced([one for one, _ in weighted])
    weights = np.array([times for _, times in weighted], float)
    for figure in FIGURES:
        expected = counted(images, figure)
        if kinds == {True, False} and not any(not lesions for _, lesions in images):
            expected = math.nan  # a sample without healthy images says nothing, whatever its diseased ones hold
        found = figure_of_merit(each, figure, weights)
        assert found == pytest.approx(expected, nan_ok=True), figure


@settings(max_examples=100, deadline=None)
@given(st.lists(marked, min_size=1, max_size=7))
def test_only_the_order_of_ratings_matters(images):
    def stretched(one):
        return [math.exp(rating) if rating != MISSED else rating for rating in one]

    first, second = reduced(images), reduced([list(map(stretched, one)) for one in images])
    for figure in FIGURES:
        assert figure_of_merit(first, figure) == pytest.approx(figure_of_merit(second, figure), nan_ok=True)


def test_with_one_lesion_and_no_false_marks_on_diseased_images_all_figures_are_the_area_under_the_roc_curve():
    from MicrocalcAILib.statistics import auc

    rng = np.random.default_rng(1)
    healthy, diseased = rng.normal(0, 1, 20), rng.normal(1, 1, 15)
    images = reduced([([r], []) for r in healthy] + [([], [r]) for r in diseased])
    expected = auc([0] * 20 + [1] * 15, np.concatenate([healthy, diseased])).value
    for figure in FIGURES:
        assert figure_of_merit(images, figure) == pytest.approx(expected)


def test_a_sure_mark_on_the_wrong_place_of_a_diseased_image_helps_hrauc_alone():
    images = reduced([([0.3], []), ([0.9], [MISSED])])
    assert figure_of_merit(images, "HrAUC") == 1.0
    assert figure_of_merit(images, "LROC") == figure_of_merit(images, "wAFROC") == 0.0


def test_ignored_marks_and_truths_do_not_count():
    ignored = image([0.9], [0.8])
    ignored = Matches("x", 100.0, ignored.marks.assign(outcome="ignored"), ignored.truths.assign(outcome="ignored"))
    images = MarkedImages.from_matches([ignored, image([0.1], [0.2])])
    assert images.false[0] == MISSED
    assert len(images.lesions) == 1


def test_an_unknown_figure_is_refused():
    with pytest.raises(ParameterError, match="not a figure of merit"):
        figure_of_merit(reduced([([0.5], [0.5]), ([], [])]), "JAFROC")
    with pytest.raises(ParameterError, match="at least one image"):
        figures_of_merit([])


def cohort(rng, patients=20):
    """Four images of each patient; what makes a patient easy or hard is common to them."""
    matches = []
    for patient in range(patients):
        skill = rng.normal(0, 1)
        lesions = 1 if patient % 2 else 0
        for _ in range(4):
            false = rng.normal(skill, 0.3, 1)
            matches.append(image(false, list(rng.normal(1 + skill, 0.3, lesions)), patient=str(patient)))
    return matches


def test_intervals_by_patient_are_wider_than_by_image_where_the_images_of_a_patient_are_alike():
    matches = cohort(np.random.default_rng(2))
    by_patient = figures_of_merit(matches, resamples=400)
    by_image = figures_of_merit([image_of_nobody(match) for match in matches], resamples=400)
    for figure in FIGURES:
        assert by_patient[figure].value == by_image[figure].value
        assert by_patient[figure].high - by_patient[figure].low > 1.3 * (by_image[figure].high - by_image[figure].low)


def image_of_nobody(match):
    return Matches(match.image, match.breast_area_cm2, match.marks, match.truths)


def test_one_patient_gives_no_interval():
    estimate = figures_of_merit([image([0.1], patient="a"), image([], [0.9], patient="a")])["wAFROC"]
    assert estimate.value == 1.0
    assert math.isnan(estimate.low)


@pytest.mark.slow
def test_intervals_by_patient_hold_the_true_figure_of_merit_in_about_95_percent_of_cohorts():
    rng = np.random.default_rng(9)
    truth = figure_of_merit(MarkedImages.from_matches(cohort(rng, 3000)), "wAFROC")
    held = {"patient": 0, "image": 0}
    for _ in range(150):
        matches = cohort(rng, 40)
        for unit, drawn in (("patient", matches), ("image", [image_of_nobody(match) for match in matches])):
            found = figures_of_merit(drawn, resamples=150)["wAFROC"]
            held[unit] += found.low <= truth <= found.high
    shares = {unit: count / 150 for unit, count in held.items()}
    print(f"\n150 cohorts of 40 patients with 4 images: 95 % intervals hold the truth, by unit drawn: {shares}")
    assert 0.88 <= shares["patient"] <= 0.99
    assert shares["image"] < 0.85
