"""The network of a selector learns from corrections: what it learns from, who judges, what is written."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from MicrocalcAILib.base.errors import ParameterError  # noqa: E402
from MicrocalcAILib.base.model_folder import model_kind, read_model_files  # noqa: E402
from MicrocalcAILib.base.progress import Cancelled  # noqa: E402
from MicrocalcAILib.base.volumes import write_volume  # noqa: E402
from MicrocalcAILib.cli import main  # noqa: E402
from MicrocalcAILib.dataset import dataset as datasets  # noqa: E402
from MicrocalcAILib.dataset.dataset import Annotation, written_dataset  # noqa: E402
from MicrocalcAILib.networks.selector import KIND, SCHEMA, NetworkSelector  # noqa: E402
from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate  # noqa: E402
from MicrocalcAILib.training import adapt as adapting  # noqa: E402
from MicrocalcAILib.training import adapt_network, distillation  # noqa: E402
from MicrocalcAILib.training.adapt_network import correction_example, tuned_network  # noqa: E402
from MicrocalcAILib.training.corrections import Base, corrected  # noqa: E402
from MicrocalcAILib.training.distillation import Distillation  # noqa: E402

FRAME_MM = (24.0, 20.0)
TINY = Distillation(windows_per_background=1, simulated_backgrounds=1, steps=4, batch=2, crop=32, grouping=0.0)
_IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.fixture(scope="module")
def base():
    return Base.load("SpeckSelectorNetwork")


@pytest.fixture(scope="module")
def phantoms():
    made = []
    for number in range(2):
        background = power_law_background([5, number], BreastParameters(frame_mm=FRAME_MM))
        made.append(simulate(background, [5, number], PhantomParameters(clusters=(1, 1))))
    return made


@pytest.fixture(scope="module")
def images(phantoms, base):
    return [
        corrected(phantom.mammogram, phantom.labels, base, name=f"image {number}", patient=f"patient {number}")
        for number, phantom in enumerate(phantoms)
    ]


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
        return {"adaptation": {"comparison": {}}}

    monkeypatch.setattr(adapting, "adapt_selector", remembering)
    monkeypatch.setattr(datasets, "read_dataset", lambda *_: None)
    for option in ([], ["--network"], ["--network", "50"]):
        assert main(["train", "adapt", "--dataset", "D", "--output", str(tmp_path / "model"), *option]) == 0
    assert asked == [0, 300, 50]


def test_adapted_network_is_a_selector_like_any_other(phantoms, small, tmp_path, monkeypatch):
    monkeypatch.setattr(adapting, "_refuse_worse", lambda comparison: None)  # four steps may do a little worse
    with written_dataset(tmp_path / "dataset", "example") as writer:
        for number, phantom in enumerate(phantoms):
            path = tmp_path / f"image_{number}.nrrd"
            pixels = np.round(phantom.mammogram.pixels).astype(np.uint16)
            write_volume(pixels, phantom.mammogram.spacing_mm, (0.0, 0.0, 0.0), _IDENTITY, path)
            spacing_mm = phantom.mammogram.spacing_mm[0]
            writer.add(path, Annotation(f"patient {number}", spacing_mm=spacing_mm, labels=phantom.labels))
    output = tmp_path / "model"
    adaptation = adapting.Adaptation(trees=3, rehearsal=0, frame_mm=FRAME_MM, steps=4)
    written = adapting.adapt_selector(datasets.read_dataset(tmp_path / "dataset"), output, adaptation=adaptation)
    assert written["adaptation"]["comparison"]["corrected"]["patients"] == 2
    assert model_kind(output) == KIND
    assert not (tmp_path / "model.training").exists()
    card, files = read_model_files(output, KIND, SCHEMA)
    assert set(files) == {"speck.txt", "neighborhood.txt", "student.safetensors", "nearness.onnx"}
    assert files["nearness.onnx"] != Base.load("SpeckSelectorNetwork").files["nearness.onnx"]
    assert card["adaptation"]["steps"] == card["regressor"]["training"]["steps"] == 4
    assert NetworkSelector.load(output).regressor.look(phantoms[0].mammogram, phantoms[0].mammogram.pixels > 0)


def _peak(image, candidate):
    return np.array([[image.candidates.peak_rows[candidate]], [image.candidates.peak_columns[candidate]]])
