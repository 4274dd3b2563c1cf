"""What is fuzzed: sound files of every kind that the product reads, and how each is read."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import SimpleITK as sitk
from PIL import Image
from pydicom import uid

from library.dicom_samples import mammogram_dataset, saved
from MicrocalcAILib.analysis import Analysis, load_analysis, save_analysis
from MicrocalcAILib.base.errors import UnsupportedImageError
from MicrocalcAILib.base.model_folder import write_model_folder
from MicrocalcAILib.base.parameters import AnalysisParameters
from MicrocalcAILib.base.tables import write_table
from MicrocalcAILib.base.trees import TreeEnsemble
from MicrocalcAILib.base.volumes import read_label_map, write_volume
from MicrocalcAILib.classification.feature_tables import CALCIFICATION_FEATURES, FeatureTables
from MicrocalcAILib.reading import read_mammogram
from MicrocalcAILib.reading.reader import file_kind
from MicrocalcElastographyLib.cohort.table import read_table
from MicrocalcElastographyLib.reading import read_elastogram, read_screen
from MicrocalcElastographyLib.readings import QUANTITY_COLUMNS, read_readings
from MicrocalcElastographyLib.readings.reading import KEY_COLUMNS

ROWS, COLUMNS = 48, 40
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_SYNTAXES = {
    "plain": uid.ExplicitVRLittleEndian, "implicit": uid.ImplicitVRLittleEndian, "rle": uid.RLELossless,
    "jpeg-ls": uid.JPEGLSLossless, "jpeg-2000": uid.JPEG2000Lossless,
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One file to damage, and the readers that then meet it.

    Parameters
    ----------
    name : str
    path : Path
        The file that is damaged; others may lie beside it.
    readers : tuple of callables
        Each takes the path.
    resealed : callable
        Damaged content with its checksums made right, so that it is met by more than a checksum.
    """

    name: str
    path: Path
    readers: tuple[Callable[[Path], Any], ...]
    resealed: Callable[[bytes], bytes] = bytes


def make_targets(folder: Path) -> list[Target]:
    """Write sound files into a folder, one folder for each."""
    return [*_dicom(folder), *_pictures(folder), *_volumes(folder), *_texts(folder), *_tables(folder)]


def _mammogram(path: Path) -> object:
    return read_mammogram(path, assumed_spacing_mm=0.07, byte_budget=64 * 2**20)


def _screen(path: Path) -> object:
    return read_screen(path, byte_budget=64 * 2**20)


def _elastogram(path: Path) -> object:
    return read_elastogram(path, byte_budget=64 * 2**20)


def _place(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    return folder / name


def _pattern() -> np.ndarray:
    rows, columns = np.indices((ROWS, COLUMNS))
    return ((rows * 67 + columns * 31) % 3000 + 200).astype(np.uint16)


def _dicom(folder: Path) -> list[Target]:
    targets = []
    for name, syntax in _SYNTAXES.items():
        dataset = mammogram_dataset(_pattern(), 12)
        if name == "implicit":
            dataset.file_meta.TransferSyntaxUID = syntax
        elif name != "plain":
            dataset.compress(syntax)
        path = saved(dataset, _place(folder, f"dicom-{name}"))
        targets.append(Target(f"dicom-{name}", path, (_mammogram, _elastogram)))
    jpeg = io.BytesIO()
    Image.fromarray((_pattern() >> 4).astype(np.uint8)).save(jpeg, "JPEG")
    dataset = mammogram_dataset((_pattern() >> 4).astype(np.uint8), 8)
    dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    dataset.PixelData = pydicom.encaps.encapsulate([jpeg.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    path = saved(dataset, _place(folder, "dicom-jpeg"))
    return [*targets, Target("dicom-jpeg", path, (_mammogram, _screen))]


def _pictures(folder: Path) -> list[Target]:
    gray, color = (_pattern() >> 4).astype(np.uint8), np.repeat((_pattern() >> 4).astype(np.uint8)[..., None], 3, 2)
    pictures = {
        "a.png": (_pattern(), {}), "b.png": (color, {}), "a.jpg": (gray, {}), "b.jpg": (color, {"progressive": True}),
        "a.tif": (_pattern(), {}), "b.tif": (gray, {"compression": "tiff_lzw"}), "c.tif": (color, {"big_tiff": True}),
        "d.tif": (gray, {"compression": "tiff_adobe_deflate"}), "e.tif": (color, {"compression": "jpeg"}),
        "a.pgm": (gray, {}),
    }  # fmt: skip
    targets = []
    for name, (array, options) in pictures.items():
        path = _place(folder, name) / name
        Image.fromarray(array).save(path, **options)
        try:
            file_kind(path)
        except UnsupportedImageError:
            continue  # no kind of image that is read here, so nothing would parse it
        resealed = _with_checksums if path.suffix == ".png" else bytes
        targets.append(Target(name, path, (_mammogram, _screen), resealed))
    return targets


def _with_checksums(content: bytes) -> bytes:
    """A PNG file with the checksum of every chunk that can be found made right."""
    fixed, place = bytearray(content), 8
    while place + 12 <= len(fixed):
        length = struct.unpack_from(">L", fixed, place)[0]
        end = place + 8 + length
        if end + 4 > len(fixed):
            break
        struct.pack_into(">L", fixed, end, zlib.crc32(fixed[place + 4 : end]))
        place = end + 4
    return bytes(fixed)


def _volumes(folder: Path) -> list[Target]:
    targets = []
    names = ["a.nrrd", "a.mha", "a.nii", "a.nii.gz", "a.nhdr", "a.mhd", "a.hdr"]
    for name, packed in [*((name, False) for name in names), ("b.nrrd", True), ("b.mha", True)]:
        path = _place(folder, name) / name
        image = sitk.GetImageFromArray(_pattern()[np.newaxis].astype(np.int16 if "nii" in name else np.uint16))
        image.SetSpacing((0.07, 0.07, 1.0))
        image.SetMetaData("MicrocalcElastography.unit", "kPa")
        sitk.WriteImage(image, str(path), useCompression=packed)
        targets.append(Target(name, path, (_mammogram, _elastogram, read_label_map)))
    path = _place(folder, "ascii.nrrd") / "ascii.nrrd"
    header = f"NRRD0004\ntype: uint16\ndimension: 2\nsizes: {COLUMNS} {ROWS}\nencoding: ascii\n\n"
    path.write_text(header + " ".join(map(str, _pattern().ravel())))
    targets.append(Target("ascii.nrrd", path, (_mammogram, read_label_map)))
    path = _place(folder, "labels.nrrd") / "labels.nrrd"
    write_volume((_pattern() > 2900).astype(np.uint32), (0.07, 0.07), (0, 0, 0), IDENTITY, path, {"key": "value"})
    return [*targets, Target("labels.nrrd", path, (_mammogram, read_label_map))]


def _texts(folder: Path) -> list[Target]:
    parameters = _place(folder, "parameters") / "parameters.json"
    parameters.write_text(json.dumps(AnalysisParameters().to_dict(), indent=1))
    trees = _place(folder, "trees") / "trees.txt"
    trees.write_text(_TREES)
    model = folder / "model"
    write_model_folder(model, "fuzzed", 1, {"name": "x", "training_data": {}}, {"trees.txt": _TREES})
    analysis = _analysis(_place(folder, "analysis"))
    return [
        Target("parameters.json", parameters, (AnalysisParameters.from_file,)),
        Target("trees.txt", trees, (_ensemble,)),
        Target("card.json", model / "card.json", (_model,)),
        *(
            Target(name, analysis / name, (lambda path: load_analysis(path.parent),))
            for name in ("analysis.json", "calcifications.csv", "clusters.csv", "calcification_labels.nrrd")
        ),
    ]


def _ensemble(path: Path) -> object:
    ensemble = TreeEnsemble(path.read_bytes().decode("utf-8", "replace"))
    values = np.zeros((2, ensemble.feature_count))
    return ensemble.predict(values), ensemble.contributions(values)


def _model(path: Path) -> object:
    from MicrocalcAILib.base.model_folder import read_model_folder

    return read_model_folder(path.parent, "fuzzed", 1)


def _analysis(folder: Path) -> Path:
    labels = np.zeros((ROWS, COLUMNS), np.int32)
    labels[5:7, 8:9], labels[20:22, 30:32] = 1, 2
    table = pd.DataFrame(
        {
            **{"id": [1, 2], "cluster_id": [1, 0], "row": [5.5, 20.5], "column": [8.0, 30.5]},
            **{"x_mm": [0.56, 2.1], "y_mm": [0.4, 1.4], "probability": [0.9, 0.8], "source": ["machine", "reader"]},
        }
    )
    clusters = pd.DataFrame({"id": [1], "name": ["Cluster 1"], "count": [1]})
    save_analysis(Analysis(labels, table, clusters, (0.07, 0.07), 1.0, (0, ROWS, 0, COLUMNS)), folder)
    return folder


def _tables(folder: Path) -> list[Target]:
    frame = pd.DataFrame({"lesion": ["a", "b", "c"], "malignant": [1, 0, 1], "kPa": [30.5, 12.0, 99.0]})
    text = _place(folder, "cohort.csv") / "cohort.csv"
    write_table(frame, text)
    book = _place(folder, "cohort.xlsx") / "cohort.xlsx"
    frame.to_excel(book, index=False)
    features = _place(folder, "features") / "cluster_features.csv"
    features.write_text("image,cluster_id,extent_mm\nx,1,3.5\n")
    members = pd.DataFrame({"image": ["x"], "cluster_id": [1], **dict.fromkeys(CALCIFICATION_FEATURES, 1.5)})
    write_table(members, features.with_name("calcification_features.csv"))
    readings = _place(folder, "readings") / "readings.csv"
    row = {**dict.fromkeys(KEY_COLUMNS, "a"), "repeat": 1, **dict.fromkeys(QUANTITY_COLUMNS, 1.5)}
    write_table(pd.DataFrame([row]), readings)
    return [
        Target("cohort.csv", text, (lambda path: read_table([path]),)),
        Target("cohort.xlsx", book, (lambda path: read_table([path]),)),
        Target("cluster_features.csv", features, (lambda path: FeatureTables.load(path.parent),)),
        Target("readings.csv", readings, (read_readings,)),
    ]


_TREES = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:1
feature_names=a b c
feature_infos=[0:1] [0:1] 0:1:2:3
tree_sizes=300 100

Tree=0
num_leaves=4
num_cat=1
split_feature=0 2 1
split_gain=1 1 1
threshold=0.5 0 0.25
decision_type=2 1 10
left_child=1 -1 -3
right_child=2 -2 -4
leaf_value=0.1 -0.2 0.3 -0.4
leaf_weight=1 1 1 1
leaf_count=10 20 30 40
internal_value=0 0 0
internal_weight=0 0 0
internal_count=100 30 70
cat_boundaries=0 1
cat_threshold=5
is_linear=0
shrinkage=1


Tree=1
num_leaves=1
num_cat=0
split_feature=
split_gain=
threshold=
decision_type=
left_child=
right_child=
leaf_value=0.05
leaf_weight=
leaf_count=
internal_value=
internal_weight=
internal_count=
is_linear=0
shrinkage=1


end of trees

parameters:
end of parameters
"""
