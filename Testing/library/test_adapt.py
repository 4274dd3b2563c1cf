"""A selector that learns from corrected images: more trees, judged on unseen patients, never a worse one."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from correction_examples import as_corrected, small_phantoms, write_dataset
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.model_folder import read_model_folder
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.cli import main
from MicrocalcAILib.dataset.dataset import BOX, Annotation, written_dataset
from MicrocalcAILib.editing.doubt import expected_mistakes
from MicrocalcAILib.phantom import PhantomParameters
from MicrocalcAILib.segmentation.selection import KIND, SCHEMA, MeasurementSelector
from MicrocalcAILib.training import adapt as adapting
from MicrocalcAILib.training.adapt import Material, adapt, operating_points
from MicrocalcAILib.training.adapt_trees import Adaptation, fit
from MicrocalcAILib.training.comparison import compared
from MicrocalcAILib.training.corrections import Base, Judge, corrected
from MicrocalcAILib.training.more_trees import WorseModelError
from MicrocalcAILib.training.next_image import most_doubtful

FRAME_MM = (40.0, 30.0)
SHIFT = PhantomParameters(morphologies=("amorphous", "punctate"), clusters=(2, 2), distractors=(15, 20))


@pytest.fixture(scope="module")
def phantoms():
    """Small simulated images of a look that the bundled selector was not trained on."""
    return small_phantoms(3, 31, FRAME_MM, SHIFT)


@pytest.fixture(scope="module")
def base():
    return Base.load("SpeckSelector")


@pytest.fixture(scope="module")
def images(phantoms, base):
    return as_corrected(phantoms, base)


@pytest.fixture
def dataset(phantoms, tmp_path):
    return write_dataset(phantoms, tmp_path)


def command(dataset, output, *options):
    shared = ["--base", "SpeckSelector", "--trees", "5", "--rehearsal", "0"]
    return main(["train", "adapt", "--dataset", str(dataset), "--output", str(output), *shared, *options])


@pytest.mark.slow
def test_adapted_selector_is_a_model_folder_with_its_story_on_the_card(dataset, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(adapting, "_refuse_worse", lambda comparison: None)  # five trees may do a little worse
    assert command(dataset, tmp_path / "model") == 0
    assert "corrected images it did not learn from" in capsys.readouterr().out
    card, files = read_model_folder(tmp_path / "model", KIND, SCHEMA)
    story = card["adaptation"]
    assert len(story["images"]) == 3
    assert story["from"]["name"] == "SpeckSelector"
    assert [rate["false_per_image"] for rate in story["comparison"]["corrected"]["rates"]] == [1, 2, 5, 10]
    assert files["speck.txt"].count("Tree=") == 305
    selector = MeasurementSelector.load(tmp_path / "model")
    thresholds = [selector.threshold(rate) for rate in (0.05, 0.1, 0.5, 1.0)]
    assert thresholds == sorted(thresholds, reverse=True)
    bundled = json.loads((resource_path("Models/SpeckSelector") / "card.json").read_text("utf-8"))
    assert card["candidate_parameters"] == bundled["candidate_parameters"]


def test_worse_selector_is_not_written_and_the_earlier_one_stays(dataset, tmp_path, capsys, monkeypatch):
    shutil.copytree(resource_path("Models/SpeckSelector"), tmp_path / "model")
    earlier = (tmp_path / "model" / "card.json").read_bytes()
    texts = Base.load("SpeckSelector").models
    monkeypatch.setattr(adapting, "fit", lambda *_arguments: texts)
    monkeypatch.setattr(adapting, "compared", lambda before, after: compared(before, after) | {"mean_gain": -0.1})
    assert command(dataset, tmp_path / "model") == 2
    assert "finds less than before" in capsys.readouterr().err
    assert (tmp_path / "model" / "card.json").read_bytes() == earlier


def test_selector_that_forgot_is_refused():
    comparison = {"corrected": {"mean_gain": 0.1}, "simulated": {"mean_gain": -0.2}}
    with pytest.raises(WorseModelError, match="forgot"):
        adapting._refuse_worse(comparison)
    adapting._refuse_worse({"corrected": {"mean_gain": 0.1}, "simulated": {"mean_gain": -0.01}})


def test_judged_trees_never_learned_from_the_patient(images, base, monkeypatch):
    learned = []

    def remembering(base, images, rehearsed, adaptation):
        learned.append({image.patient for image in images})
        return base.models

    monkeypatch.setattr(adapting, "fit", remembering)
    same = [dataclasses.replace(image, patient=f"patient {number // 2}") for number, image in enumerate(images)]
    _, comparison, unseen = adapt(base, Material(same), Material(same), Adaptation(rehearsal=0))
    assert sorted(map(sorted, learned[:2])) == [["patient 0"], ["patient 1"]]
    assert learned[2] == {"patient 0", "patient 1"}
    assert comparison["corrected"]["patients"] == 2
    assert [match.image for match in unseen] == [image.name for image in images]


def test_images_of_one_patient_cannot_be_adapted_to(images, base):
    same = [dataclasses.replace(image, patient="A") for image in images]
    with pytest.raises(ParameterError, match="at least two patients"):
        adapt(base, Material(same), Material(same), Adaptation())


def test_boxes_of_lesions_teach_a_selector_nothing(tmp_path, capsys):
    with written_dataset(tmp_path / "dataset", "example") as writer:
        (tmp_path / "image.nrrd").write_bytes(b"never read")
        writer.add(tmp_path / "image.nrrd", Annotation("A", boxes=pd.DataFrame(columns=list(BOX))))
    assert command(tmp_path / "dataset", tmp_path / "model") == 2
    assert "outlined one by one" in capsys.readouterr().err


def test_what_nobody_decided_is_not_learned_from(phantoms, base):
    phantom = phantoms[0]
    rows, columns = phantom.labels.shape
    whole = corrected(
        phantom.mammogram, phantom.labels, base, name="a", patient="a", ignore_regions=[(0, rows, 0, columns)]
    )
    assert (whole.truth == -1).all()


def test_trees_that_learned_know_their_own_images_better(images, base):
    """The number of trees is enough to fit three images; on the same images the judgment has to be better."""
    models = fit(base, images, [], Adaptation(trees=60, rehearsal=0))
    before, after = (
        [image.matches(image.judged_by(judge)) for image in images] for judge in (Judge(base.models), Judge(models))
    )
    assert compared(before, after)["mean_gain"] > 0.1


def test_operating_points_are_left_alone_when_there_are_too_few_false_marks(images, base):
    matches = [image.matches(image.judged_by(Judge(base.models))) for image in images[:1]]
    few = [dataclasses.replace(match, breast_area_cm2=0.1) for match in matches]
    assert operating_points(few) == []


def test_most_doubtful_image_comes_first(images):
    sure = [np.full(len(image.truth), 0.001) for image in images]
    sure[2] = np.full(len(images[2].truth), 0.5)
    assert most_doubtful(images, sure, 2)[0] == 2
    assert expected_mistakes([0.0, 1.0, 0.5, 0.9]) == pytest.approx(0.6)
