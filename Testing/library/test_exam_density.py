"""Breast density by area: more gland is more percent, whatever the gray values."""

from dataclasses import replace

import numpy as np
import pytest

from exam_samples import CELL_MM, breast, identity, image
from MicrocalcAILib.exam.density import density_of
from MicrocalcAILib.exam.examine import examine
from MicrocalcAILib.exam.grouping import group_images
from MicrocalcAILib.reading.admission import AdmissionCard


def with_gland(radius_mm: float):
    """A breast of fat with a disk of gland."""
    tissue = breast()
    y, x = np.indices(tissue.mask.shape) * CELL_MM
    gland = (y - 100) ** 2 + (x - 30) ** 2 < radius_mm**2
    noise = np.random.default_rng(0).normal(0, 5, tissue.mask.shape)
    pixels = np.where(tissue.mask, 300 + 400 * gland + noise, 0).astype(np.float32)
    return replace(tissue, pixels=pixels), gland & tissue.mask


def test_percent_is_the_share_of_the_gland():
    tissue, gland = with_gland(22.0)
    measured = tissue.mask & (tissue.skin_mm > 4)
    expected = 100 * np.count_nonzero(gland & measured) / np.count_nonzero(measured)
    assert density_of(tissue).percent == pytest.approx(expected, abs=2)


def test_more_gland_is_a_higher_category():
    categories = [density_of(with_gland(radius)[0]).category for radius in (14.0, 18.0, 40.0)]
    assert categories == sorted(categories)
    assert categories[0] != categories[-1]


def test_gain_and_offset_of_the_gray_values_do_not_matter():
    tissue, _ = with_gland(20.0)
    other = replace(tissue, pixels=(3.0 * tissue.pixels + 500).astype(np.float32))
    assert density_of(other).percent == pytest.approx(density_of(tissue).percent, abs=0.1)


def test_a_breast_without_structure_or_of_no_size_has_no_density():
    tissue, _ = with_gland(20.0)
    assert density_of(replace(tissue, pixels=np.zeros_like(tissue.pixels))) is None
    assert density_of(replace(tissue, mask=tissue.mask & False)) is None


@pytest.mark.parametrize(("kind", "is_measured"), [("film", False), ("secondary-capture", False), ("unstated", True)])
def test_scanned_films_get_no_density_and_a_warning(kind, is_measured):
    who, (tissue, _) = identity(), with_gland(20.0)
    own = image(who, tissue=tissue)
    own = replace(own, analysis=replace(own.analysis, admission=AdmissionCard(kind=kind)))
    (group,) = group_images([who])
    exam = examine(group, {who.name: own})
    assert (exam.views[0].density is not None) == is_measured
    assert ("density-not-measured" in [warning.code for warning in exam.warnings]) != is_measured
