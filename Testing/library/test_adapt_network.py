"""The network of a selector learns from corrections: what it learns from, who judges, what is written."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from correction_examples import as_corrected, small_phantoms, write_dataset  # noqa: E402
from MicrocalcAILib.base.errors import ParameterError  # noqa: E402
from MicrocalcAILib.base.model_folder import read_model_files  # noqa: E402
from MicrocalcAILib.base.progress import Cancelled  # noqa: E402
from MicrocalcAILib.cli import main  # noqa: E402
from MicrocalcAILib.dataset import dataset as datasets  # noqa: E402
from MicrocalcAILib.networks.selector import KIND, SCHEMA, NetworkSelector  # noqa: E402
from MicrocalcAILib.phantom import PhantomParameters  # noqa: E402
from MicrocalcAILib.training import adapt as adapting  # noqa: E402
from MicrocalcAILib.training import adapt_network, distillation  # noqa: E402
from MicrocalcAILib.training.adapt_network import correction_example, tuned_network  # noqa: E402
from MicrocalcAILib.training.adapt_trees import Adaptation, fit  # noqa: E402
from MicrocalcAILib.training.comparison import compared  # noqa: E402
from MicrocalcAILib.training.corrections import Base, Judge  # noqa: E402
from MicrocalcAILib.training.distillation import Distillation  # noqa: E402

FRAME_MM = (24.0, 20.0)
TINY = Distillation(windows_per_background=1, simulated_backgrounds=1, steps=4, batch=2, crop=32, grouping=0.0)


@pytest.fixture(scope="module")
def base():
    return Base.load("SpeckSelectorNetwork")


@pytest.fixture(scope="module")
def phantoms():
    return small_phantoms(2, 5, FRAME_MM, PhantomParameters(clusters=(1, 1)))


@pytest.fixture(scope="module")
def images(phantoms, base):
    return as_corrected(phantoms, base)


@pytest.fixture
def small(monkeypatch):
    """Little is simulated and learned, with a checkpoint after every second step."""
    monkeypatch.setattr(adapt_network, "TUNING", TINY)
    monkeypatch.setattr(distillation, "_ROUND", 2)


def test_what_a_reader_added_is_a_target_and_what_was_removed_misleads_most(images):
    image = images[0]
    found = int(np.flatnonzero(image.truth == 1)[0])
    removed = dataclasses.replace(
        image,
        labels=np.where(image.labels == image.labels[tuple(_peak(image, found))], 0, image.labels),
        truth=np.where(np.arange(len(image.truth)) == found, 0, image.truth).astype(np.int8),
    )
    looks = image.look.contrast
    place = tuple(int(index) for index in np.ravel(looks.at(*_peak(image, found))))
    with_it, without = (correction_example(one, TINY) for one in (image, removed))
    assert with_it.target[place] == 100
    assert without.target[place] < 100
    assert place in [tuple(peak) for peak in with_it.calcifications.tolist()]
    assert place in [tuple(peak) for peak in without.others.tolist()]
    assert with_it.taught[place] == without.taught[place]


def test_where_nobody_decided_the_network_has_no_target(images):
    rows, columns = images[0].labels.shape
    undecided = dataclasses.replace(images[0], ignore_regions=((0, rows // 2, 0, columns),))
    target = correction_example(undecided, TINY).target
    assert (target[: target.shape[0] // 3] == -1).all()
    assert (target[-target.shape[0] // 3 :] >= 0).all()


def test_image_without_any_candidate_teaches_nothing(images):
    assert correction_example(dataclasses.replace(images[0], look=None), TINY) is None


def test_networks_never_learn_from_the_patient_they_judge_and_rehearse_as_much(base, images, tmp_path, monkeypatch):
    learned = []

    def remembering(examples, teachers, training, checkpoint, progress):
        learned.append([example.patient for example in examples])
        return teachers.members[training.start], [0.1]

    monkeypatch.setattr(adapt_network, "taught_network", remembering)
    tuned = tuned_network(base, images, TINY, FRAME_MM, tmp_path)
    assert sorted(sorted(set(patients)) for patients in learned[:2]) == [
        ["patient 0", "simulated 0"],
        ["patient 1", "simulated 0"],
    ]
    assert set(learned[2]) == {"patient 0", "patient 1", "simulated 0"}
    assert learned[2].count("simulated 0") == 2
    for before, after in zip(images, tuned.unseen, strict=True):  # a network that learned nothing says the same
        np.testing.assert_allclose(before.values.to_numpy(), after.values.to_numpy(), atol=0.02)
    assert tuned.sees(images)[0].values.columns.tolist() == images[0].values.columns.tolist()


def test_an_ended_training_of_the_network_goes_on(base, images, small, tmp_path):
    stages = []

    def end_in_second_fold(stage, done, total):
        stages.append(stage)
        if len([stage for stage in stages if stage.startswith("network")]) == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        tuned_network(base, images, TINY, FRAME_MM, tmp_path / "ended", end_in_second_fold)
    stages.clear()
    tuned_network(base, images, TINY, FRAME_MM, tmp_path / "ended", lambda stage, *_: stages.append(stage))
    assert len([stage for stage in stages if stage.startswith("network")]) == 3  # of six


def test_a_selector_without_a_network_is_refused(images, tmp_path):
    with pytest.raises(ParameterError, match="has no network"):
        tuned_network(Base.load("SpeckSelector"), images, TINY, FRAME_MM, tmp_path)


def test_the_command_says_how_many_steps_the_network_learns(monkeypatch, tmp_path, capsys):
    asked = []

    def remembering(dataset, output, base, adaptation, progress):
        asked.append(adaptation.steps)
        return {"training_data": "made up", "adaptation": {"comparison": {}}}

    monkeypatch.setattr(adapting, "adapt_selector", remembering)
    monkeypatch.setattr(datasets, "read_dataset", lambda *_: None)
    for option in ([], ["--network"], ["--network", "50"]):
        assert main(["train", "adapt", "--dataset", "D", "--output", str(tmp_path / "model"), *option]) == 0
    assert asked == [0, 200, 50]


def test_adapted_network_is_a_selector_like_any_other(phantoms, small, tmp_path, monkeypatch):
    seen = []

    def without_trees(base, before, after, *_):
        seen.extend((before, after))
        nothing_shown = [image.matches(np.zeros(len(image.truth))) for image in after.corrected]
        return base.models, {"corrected": {"mean_gain": 0.1}}, nothing_shown

    monkeypatch.setattr(adapting, "adapt", without_trees)
    output = tmp_path / "model"
    adaptation = Adaptation(rehearsal=0, frame_mm=FRAME_MM, steps=4)
    adapting.adapt_selector(datasets.read_dataset(write_dataset(phantoms, tmp_path)), output, adaptation=adaptation)
    before, after = (material.corrected[0].values for material in seen)
    assert not np.array_equal(before["regressed_peak"], after["regressed_peak"])
    np.testing.assert_array_equal(before["response"], after["response"])
    assert not (tmp_path / "model.training").exists()
    card, files = read_model_files(output, KIND, SCHEMA)
    assert set(files) == {"speck.txt", "neighborhood.txt", "student.safetensors", "nearness.onnx"}
    assert files["nearness.onnx"] != Base.load("SpeckSelectorNetwork").files["nearness.onnx"]
    assert card["adaptation"]["steps"] == card["regressor"]["training"]["steps"] == 4
    assert "the network, too" in card["training_data"]
    look, _ = NetworkSelector.load(output).regressor.look(phantoms[0].mammogram, phantoms[0].mammogram.pixels > 0)
    assert 0 <= look.nearness.min() <= look.nearness.max() <= 1


def another_look(count, seed, base):
    """Images as the bundled network has not seen any: faint specks, many look-alikes, another gray scale."""
    parameters = PhantomParameters(
        morphologies=("amorphous", "punctate"), contrast_to_noise=(3.0, 12.0), distractors=(20, 40), clusters=(1, 3)
    )
    phantoms = small_phantoms(count, seed, (40.0, 30.0), parameters)
    for number, phantom in enumerate(phantoms):
        pixels = phantom.mammogram.pixels
        pixels = np.round(float(pixels.max()) * (pixels / pixels.max()) ** 0.6).astype(np.float32)
        phantoms[number] = dataclasses.replace(phantom, mammogram=dataclasses.replace(phantom.mammogram, pixels=pixels))
    return as_corrected(phantoms, base)


@pytest.mark.slow  # minutes: four networks learn
def test_network_that_learned_another_look_finds_more_of_it_and_forgets_little(base, tmp_path):
    frame_mm = (40.0, 30.0)
    images, unseen = another_look(6, 11, base), another_look(6, 12, base)
    usual = list(adapting.simulated(base, 4, frame_mm, [14]))
    training = dataclasses.replace(adapt_network.TUNING, windows_per_background=4, steps=60)
    tuned = tuned_network(base, images, training, frame_mm, tmp_path)

    rehearsed = list(adapting.simulated(base, 4, frame_mm, [13]))
    adaptation = Adaptation(frame_mm=frame_mm)
    models = fit(base, tuned.unseen, tuned.sees(rehearsed), adaptation)
    gains = []
    for part in (unseen, usual):
        before = [image.matches(image.judged_by(Judge(base.models))) for image in part]
        after = [image.matches(image.judged_by(Judge(models))) for image in tuned.sees(part)]
        gains.append(compared(before, after)["mean_gain"])
    assert gains[0] > 0.03
    assert gains[1] > -0.03


def _peak(image, candidate):
    return np.array([[image.candidates.peak_rows[candidate]], [image.candidates.peak_columns[candidate]]])
