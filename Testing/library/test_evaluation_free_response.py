"""Free-response curves, operating points, strata and overlap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.evaluation.findings import Findings
from MicrocalcAILib.evaluation.free_response import free_response_curve, sensitivity_gain
from MicrocalcAILib.evaluation.matching import Matches, match_calcifications
from MicrocalcAILib.evaluation.overlap import segmentation_overlap
from MicrocalcAILib.evaluation.strata import sensitivity_by_stratum

SPACING_MM = (0.07, 0.07)


def scored(hits, false, missed=0, area_cm2=100.0) -> Matches:
    """One image: probabilities of hits and of false marks, and a number of missed truths."""
    marks = pd.DataFrame(
        {
            "id": np.arange(1, len(hits) + len(false) + 1),
            "probability": np.array([*hits, *false], float),
            "outcome": ["hit"] * len(hits) + ["false"] * len(false),
        }
    )
    truths = pd.DataFrame(
        {
            "id": np.arange(1, len(hits) + missed + 1),
            "probability": np.array([*hits, *[np.nan] * missed], float),
            "outcome": ["hit"] * len(hits) + ["missed"] * missed,
        }
    )
    return Matches("image", area_cm2, marks, truths)


def point(response, per, rate=None) -> pd.Series:
    points = response.operating_points
    chosen = points["per"] == per
    return points[chosen & (points["false_marks"] == rate) if rate is not None else chosen].iloc[0]


IMAGES = (scored([0.9, 0.8, 0.3], [0.7, 0.4], missed=1), scored([0.6], [0.8, 0.2], area_cm2=50.0), scored([], []))


def test_the_curve_counts_hits_and_false_marks_from_each_probability_on():
    curve = free_response_curve(IMAGES).curve
    assert curve["threshold"].tolist() == [np.inf, 0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2]
    assert (curve["sensitivity"] * 5).tolist() == pytest.approx([0, 1, 2, 2, 3, 3, 4, 4])
    assert (curve["false_per_image"] * 3).tolist() == pytest.approx([0, 0, 1, 2, 2, 3, 3, 4])
    assert (curve["false_per_cm2"] * 250).tolist() == pytest.approx([0, 0, 1, 2, 2, 3, 3, 4])


def test_an_operating_point_is_the_best_threshold_with_no_more_false_marks():
    response = free_response_curve(IMAGES, false_per_image=(0.5, 1.0), false_per_cm2=(0.012,))
    assert point(response, "image", 0.5)[["threshold", "sensitivity"]].tolist() == pytest.approx([0.8, 2 / 5])
    assert point(response, "image", 1.0)[["threshold", "sensitivity"]].tolist() == pytest.approx([0.3, 4 / 5])
    assert point(response, "cm2", 0.012)["false_per_cm2"] == pytest.approx(3 / 250)


def test_a_rate_the_curve_never_reaches_has_no_sensitivity():
    response = free_response_curve(IMAGES)
    missing = point(response, "image", 5.0)
    assert not missing["reached"]
    assert missing[["threshold", "sensitivity", "sensitivity_low", "false_per_image"]].isna().all()
    assert point(response, "all marks")["sensitivity"] == pytest.approx(4 / 5)


def test_ignored_marks_and_truths_are_left_out():
    image = scored([0.9], [0.8])
    ignored = Matches("x", 100.0, image.marks.assign(outcome="ignored"), image.truths.assign(outcome="ignored"))
    response = free_response_curve([scored([0.9], [0.5]), ignored])
    assert response.truths == 1
    assert response.curve["false_per_image"].iloc[-1] == 0.5


def test_images_without_truth_add_false_marks_only():
    response = free_response_curve([scored([], [0.9, 0.5]), scored([], [])])
    assert response.curve["sensitivity"].isna().all()
    assert response.curve["false_per_image"].tolist() == [0, 0.5, 1.0]


def test_nothing_found_is_a_curve_of_one_point():
    response = free_response_curve([scored([], [], missed=3), scored([], [], missed=1)])
    assert response.curve[["sensitivity", "false_per_image"]].to_numpy().tolist() == [[0.0, 0.0]]
    assert not point(response, "image", 0.5)["reached"]


def test_bootstrap_samples_that_all_agree_give_no_interval():
    everything = free_response_curve([scored([0.9, 0.8], [0.1]), scored([0.7], [])])
    assert point(everything, "all marks")["sensitivity"] == 1
    assert np.isnan(point(everything, "all marks")["sensitivity_low"])  # not “100 % to 100 %”
    rare = sensitivity_by_stratum([described(morphology="rim"), described(morphology="round"), described()])
    assert rare.set_index("value").loc["rim", "sensitivity"] == 0.75
    assert rare.set_index("value").loc["rim", "sensitivity_low":].isna().all()


def test_one_image_has_no_interval():
    response = free_response_curve(IMAGES[:1])
    assert response.operating_points["sensitivity_low"].isna().all()
    assert response.curve["sensitivity_high"].isna().all()


def test_a_curve_needs_images_with_a_breast():
    with pytest.raises(ParameterError, match="at least one image"):
        free_response_curve([])
    with pytest.raises(ParameterError, match="breast area"):
        free_response_curve([scored([0.5], [], area_cm2=float("nan"))])


def many_images(seed, count=40):
    rng = np.random.default_rng(seed)
    skill = rng.normal(0, 1, count)  # images differ: resampling single marks would be too narrow
    return [
        scored(1 / (1 + np.exp(-rng.normal(s + 1, 1, 12))), 1 / (1 + np.exp(-rng.normal(-1, 1, 8))), missed=2)
        for s in skill
    ]


def test_the_bootstrap_is_seeded():
    images = many_images(0)
    first, again, other = (free_response_curve(images, resamples=50, seed=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first.operating_points, again.operating_points)
    assert not first.operating_points["sensitivity_low"].equals(other.operating_points["sensitivity_low"])


@pytest.mark.slow
def test_the_interval_equals_a_bootstrap_that_copies_images():
    images = many_images(1, count=12)
    response = free_response_curve(images, false_per_image=(2.0,), false_per_cm2=(), resamples=400, seed=5)
    rng = np.random.default_rng(0)
    copies = [
        point(
            free_response_curve(
                [images[i] for i in rng.integers(len(images), size=len(images))],
                false_per_image=(2.0,),
                false_per_cm2=(),
                resamples=1,
            ),
            "image",
            2.0,
        )["sensitivity"]
        for _ in range(150)
    ]
    low, high = np.percentile(copies, [2.5, 97.5])
    got = point(response, "image", 2.0)
    assert (got["sensitivity_low"], got["sensitivity_high"]) == pytest.approx((low, high), abs=0.05)
    assert low < got["sensitivity"] < high


def test_the_gain_of_one_method_over_another_is_the_difference_of_their_curves():
    images, others = many_images(1), many_images(2)
    gain = sensitivity_gain(images, others, false_per_image=(2.0,), resamples=200)
    expected = [
        point(free_response_curve(method, false_per_image=(2.0,)), "image", 2.0)["sensitivity"]
        for method in (images, others)
    ]
    assert gain["gain"][0] == pytest.approx(expected[0] - expected[1])
    assert gain["gain_low"][0] < gain["gain"][0] < gain["gain_high"][0]


def test_a_method_gains_nothing_over_itself_whatever_images_are_drawn():
    images = many_images(1)
    gain = sensitivity_gain(images, images, resamples=20)
    assert (gain["gain"] == 0).all()
    assert gain[["gain_low", "gain_high"]].isna().all(axis=None)


def test_methods_on_different_images_are_not_compared():
    with pytest.raises(ParameterError, match="same images"):
        sensitivity_gain(many_images(1, count=3), many_images(1, count=4))


probabilities = st.lists(st.sampled_from(np.round(np.linspace(0.05, 0.95, 10), 2).tolist()), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(probabilities, probabilities, st.integers(0, 2)), min_size=1, max_size=4))
def test_the_curve_equals_counting_marks_above_each_threshold(images):
    matches = [scored(hits, false, missed) for hits, false, missed in images]
    curve = free_response_curve(matches, resamples=5).curve
    truths = sum(len(hits) + missed for hits, _, missed in images)
    for row in curve.itertuples():
        hits = sum(probability >= row.threshold for image in images for probability in image[0])
        false = sum(probability >= row.threshold for image in images for probability in image[1])
        assert row.false_per_image * len(images) == pytest.approx(false)
        assert row.sensitivity == pytest.approx(hits / truths if truths else np.nan, nan_ok=True)


# --- strata ------------------------------------------------------------------------------------------------------


def described(**columns) -> Matches:
    image = scored([0.9, 0.5, 0.4], [], missed=1)
    return Matches("image", 100.0, image.marks, image.truths.assign(**{"area_mm2": 0.05, **columns}))


def stratum(table, name):
    rows = table[table["stratum"] == name]
    return {row.value: (row.hits, row.truths) for row in rows.itertuples()}


def test_sensitivity_by_morphology_contrast_size_and_grouping():
    image = described(
        morphology=["round", "round", "amorphous", "amorphous"],
        contrast_to_noise=[1.9, 2.0, 8.0, 3.5],
        area_mm2=[0.01, 0.03, 0.06, 0.3],
        cluster_id=[1, 1, 0, 0],
    )
    table = sensitivity_by_stratum([image, image])
    assert stratum(table, "all") == {"all": (6, 8)}
    assert stratum(table, "morphology") == {"amorphous": (2, 4), "round": (4, 4)}
    assert stratum(table, "contrast_to_noise") == {
        "0 to 2": (2, 2),
        "2 to 3": (2, 2),
        "3 to 4": (0, 2),
        "8 or more": (2, 2),
    }
    diameters_mm = {"0 to 0.15": (2, 2), "0.15 to 0.2": (2, 2), "0.2 to 0.3": (2, 2), "0.5 or more": (0, 2)}
    assert stratum(table, "diameter_mm") == diameters_mm
    assert stratum(table, "grouping") == {"clustered": (4, 4), "single": (2, 4)}


def test_marks_below_the_threshold_do_not_count_in_strata():
    assert stratum(sensitivity_by_stratum([described()], threshold=0.5), "all") == {"all": (2, 4)}


def test_strata_without_truth_are_empty():
    assert sensitivity_by_stratum([Matches("image", 100.0, scored([], []).marks, described().truths[:0])]).empty


# --- overlap -----------------------------------------------------------------------------------------------------


def overlap_image():
    true, found = np.zeros((40, 40), np.int32), np.zeros((40, 40), np.int32)
    true[5:9, 5:9], true[20, 20], true[30:34, 30:34] = 1, 2, 3  # 16 pixels, one pixel, 16 pixels (missed)
    found[5:9, 5:13], found[20:22, 20:22] = 1, 2
    return match_calcifications(*(Findings.from_labels(labels, SPACING_MM) for labels in (found, true)), SPACING_MM)


def test_overlap_is_reported_with_and_without_one_pixel_truths_and_with_missed_ones():
    overlap = segmentation_overlap([overlap_image(), overlap_image()])
    assert overlap["matched"]["count"] == 4
    assert overlap["matched"]["iou"]["mean"] == pytest.approx((16 / 32 + 1 / 4) / 2)
    assert overlap["matched"]["dice"]["median"] == pytest.approx((32 / 48 + 2 / 5) / 2)
    assert overlap["matched_larger_than_one_pixel"]["iou"]["mean"] == pytest.approx(0.5)
    assert overlap["matched_larger_than_one_pixel"]["area_error_mm2"]["mean"] == pytest.approx(16 * 0.0049)
    assert overlap["matched_larger_than_one_pixel"]["relative_area_error"]["median"] == pytest.approx(1.0)
    assert overlap["all_true_larger_than_one_pixel"]["iou"]["mean"] == pytest.approx((0.5 + 0) / 2)
    assert overlap["pixels"]["iou"] == pytest.approx(17 / (36 + 33 - 17))
    background = (1600 - 36 - 33 + 17) / (1600 - 17)
    assert overlap["pixels"]["mean_iou_with_background"] == pytest.approx((17 / 52 + background) / 2)


def test_overlap_of_nothing_is_empty_not_zero():
    blank = Findings.from_labels(np.zeros((9, 9), np.int32), SPACING_MM)
    overlap = segmentation_overlap([match_calcifications(blank, blank, SPACING_MM)])
    assert overlap["matched"]["iou"] == {"mean": None, "low": None, "high": None, "median": None}
    assert overlap["pixels"]["dice"] is None


def of_patients(rng, patients, views=4):
    """Views of a patient are alike: in some patients nearly everything is found, in others nearly nothing."""
    matches = []
    for patient in range(patients):
        share = rng.beta(0.7, 0.7)
        for _ in range(views):
            hits = int(rng.binomial(6, share))
            found = scored(rng.uniform(0.5, 1, hits), rng.uniform(0, 1, 3), missed=6 - hits)
            matches.append(Matches("image", 100.0, found.marks, found.truths, patient=str(patient)))
    return matches


@pytest.mark.slow
def test_bands_by_patient_cover_95_percent_and_bands_by_image_far_less():
    rng = np.random.default_rng(11)
    covered = {"patient": 0, "image": 0}
    for _ in range(200):
        matches = of_patients(rng, 30)
        alone = [Matches("image", 100.0, match.marks, match.truths) for match in matches]
        for unit, drawn in (("patient", matches), ("image", alone)):
            curve = free_response_curve(drawn, false_per_image=(), false_per_cm2=(), resamples=200)
            everything = curve.operating_points.iloc[-1]
            covered[unit] += everything["sensitivity_low"] <= 0.5 <= everything["sensitivity_high"]
    shares = {unit: count / 200 for unit, count in covered.items()}
    print(f"\n200 cohorts of 30 patients with 4 images: 95 % bands hold the true sensitivity, by unit drawn: {shares}")
    assert 0.9 <= shares["patient"] <= 0.99
    assert shares["image"] < 0.8
