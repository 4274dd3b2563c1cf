"""Our objects as programs of others read them: DCMTK, dcmqi, and the libraries of web viewers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset

DCMQI = Path(sys.executable).parent / "segimage2itkimage"
NODE = Path(__file__).parents[1] / "node"


@dataclass(frozen=True)
class Cluster:
    """What a program says about a cluster; ``center`` is column and row, half-way between pixels' edges."""

    name: str
    count: int
    center: tuple[float, float]
    words: frozenset[str]


def dcmtk(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program of DCMTK; the test is skipped where it is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} of DCMTK is not installed")
    asked = [program, *map(str, arguments)]
    return subprocess.run(asked, capture_output=True, text=True, check=False)


def xml_by_dcmtk(path: Path) -> ElementTree.Element:
    done = dcmtk("dcm2xml", path)
    assert done.returncode == 0
    return ElementTree.fromstring(done.stdout)


def clusters_by_dcmtk(report: Path) -> list[Cluster]:
    """The clusters of a CAD report, from the XML that dcm2xml writes."""
    found = []
    for item in xml_by_dcmtk(report).iter("item"):
        if _coded(item, "0040,a043") != "111059" or _coded(item, "0040,a168") != "129769006":
            continue
        children = {_coded(child, "0040,a043"): child for child in item.findall("sequence[@tag='0040,a730']/item")}
        x, y = _text(children["111010"], "0070,0022").split("\\")
        found.append(
            Cluster(
                _text(children["112039"], "0040,a160"),
                int(children["111038"].findtext(".//element[@tag='0040,a30a']") or -1),
                (float(x), float(y)),
                frozenset(_coded(children[name], "0040,a168") for name in ("111009", "111008") if name in children),
            )
        )
    return found


def masks_by_dcmqi(segmentation: Path, spacing_mm: float, folder: Path) -> dict[str, np.ndarray]:
    """Pixels of each segment as dcmqi draws them, from a copy in a plane."""
    if not DCMQI.exists():
        pytest.skip("dcmqi is not installed (pip install dcmqi)")
    placed = placed_in_space(segmentation, spacing_mm, folder / "placed.dcm")
    asked = ["--inputDICOM", placed, "--outputDirectory", folder, "--prefix", "dcmqi", "--outputType", "nrrd"]
    subprocess.run([DCMQI, *asked], check=True, capture_output=True)
    described = json.loads((folder / "dcmqi-meta.json").read_text())["segmentAttributes"]
    drawn = {}
    for file in folder.glob("dcmqi-*.nrrd"):
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(file))).squeeze()
        drawn.update({int(value): found == value for value in np.unique(found) if value})
    return {one["SegmentLabel"]: drawn[one["labelID"]] for segments in described for one in segments}


def read_by_web_viewers(image: Path, segmentation: Path, report: Path, spacing_mm: float, folder: Path) -> Any:
    """What dcmjs and @cornerstonejs/adapters read: labels and pixels of the segments, groups of measurements."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules").is_dir():
        pytest.skip("dcmjs and @cornerstonejs/adapters are not installed (npm install --prefix Testing/node)")
    placed = placed_in_space(segmentation, spacing_mm, folder / "placed.dcm")
    asked = [node, NODE / "read_objects.mjs", image, placed, report]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def placed_in_space(segmentation: Path, spacing_mm: float, copy: Path) -> Path:
    """A copy with a plane in space, which mammograms do not have and these programs do not do without."""
    made = dcmread(segmentation)
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = "1.2.3", ""
    orientation, spacing, position = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    spacing.PixelSpacing, spacing.SliceThickness = [spacing_mm, spacing_mm], 1
    position.ImagePositionPatient = [0, 0, 0]
    shared = made.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [spacing]
    for frame in made.PerFrameFunctionalGroupsSequence:
        frame.PlanePositionSequence = [position]
    made.save_as(copy)
    return copy


def _text(item: ElementTree.Element, tag: str) -> str:
    return item.findtext(f"element[@tag='{tag}']") or ""


def _coded(item: ElementTree.Element, tag: str) -> str:
    """The code value of a coded entry right below an item."""
    return item.findtext(f"sequence[@tag='{tag}']/item/element[@tag='0008,0100']") or ""
