"""Which found clusters teach the words of a simulated one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.training.word_examples import _detected


def labeled(*cluster_of: int):
    """What a found cluster is called whose members come from these simulated clusters (-1: from none)."""
    clusters = pd.DataFrame(
        {"morphology": ["vascular", "skin"], "distribution": ["linear", "grouped"]}, index=pd.Index([1, 2], name="id")
    )
    calcifications = pd.DataFrame({"cluster_id": np.ones(len(cluster_of), int)})
    return _detected(calcifications, np.array(cluster_of), clusters)[1].get(1)


def test_false_members_dilute_a_cluster_and_do_not_change_its_words():
    assert labeled(*[1] * 4, *[-1] * 6) == ("vascular", "linear", "cluster", pytest.approx(0.4))


def test_a_cluster_of_mostly_false_members_teaches_nothing():
    assert labeled(1, 1, *[-1] * 8) is None
    assert labeled(*[-1] * 8) is None


def test_a_mixture_of_two_simulated_clusters_teaches_nothing():
    assert labeled(*[1] * 5, *[2] * 5) is None
    assert labeled(*[1] * 8, *[2] * 2)[0] == "vascular"


def test_fewer_than_five_members_have_no_distribution():
    assert labeled(2, 2, 2)[:2] == ("skin", "")
