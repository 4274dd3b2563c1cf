"""Small simulated images whose calcifications are known, as a reader's corrections and as a dataset."""

import numpy as np

from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.dataset.dataset import Annotation, written_dataset
from MicrocalcAILib.phantom import BreastParameters, power_law_background, simulate
from MicrocalcAILib.training.corrections import corrected

_IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)


def small_phantoms(count, seed, frame_mm, parameters):
    """Images of a frame's size, each depending on the seed and its number alone."""
    made = []
    for number in range(count):
        background = power_law_background([seed, number], BreastParameters(frame_mm=frame_mm))
        made.append(simulate(background, [seed, number], parameters))
    return made


def as_corrected(phantoms, base):
    """What a reader who is always right corrects, each image of another patient."""
    return [
        corrected(phantom.mammogram, phantom.labels, base, name=f"image {number}", patient=f"patient {number}")
        for number, phantom in enumerate(phantoms)
    ]


def write_dataset(phantoms, folder):
    """The images as a dataset, which it gives the path of; a phantom's own path stands for a file of a patient."""
    with written_dataset(folder / "dataset", "example") as writer:
        for number, phantom in enumerate(phantoms):
            path = folder / f"image_{number}.nrrd"
            mammogram = phantom.mammogram
            pixels = np.round(mammogram.pixels).astype(np.uint16)
            write_volume(pixels, mammogram.spacing_mm, (0.0, 0.0, 0.0), _IDENTITY, path)
            spacing_mm = mammogram.spacing_mm[0]
            writer.add(path, Annotation(f"patient {number}", spacing_mm=spacing_mm, labels=phantom.labels))
    return folder / "dataset"
