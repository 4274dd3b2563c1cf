"""INbreast: DICOM images, OsiriX XML with outlines and points, and a CSV table.

Layout: ``AllDICOMs/<file id>_<hash>_MG_<side>_<view>_ANON.dcm``, ``AllXML/<file id>.xml``, ``INbreast.csv`` (separated
by semicolons: Patient ID, Laterality, View, File Name, Bi-Rads …). Outlines named ``Calcification`` are single
calcifications, those of one point too; ``Cluster`` is the outline of a group. There is no histology and no split.
Moreira et al., Acad Radiol 19:236 (2012).
"""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import numpy as np
import pandas as pd

from ..base.errors import MicrocalcError, ParameterError
from ..base.progress import Progress
from .dataset import Annotation, DatasetWriter
from .source_files import box_of, draw, find_table, read_source_table, shape_of

SPACING_MM = 0.07
_POINT = re.compile(r"\(?\s*([-+\d.eE]+)\s*,\s*([-+\d.eE]+)\s*\)?")


def import_inbreast(folder: Path, writer: DatasetWriter, progress: Progress) -> None:
    """Add the images of INbreast; see the module."""
    table = read_source_table(
        find_table(folder, ("INbreast.csv", "*.csv"), "the table of INbreast"), ("laterality", "view", "file name"), ";"
    )
    images = {path.name.partition("_")[0]: path for path in sorted(folder.rglob("*.dcm"))}
    outlines = {path.stem: path for path in sorted(folder.rglob("*.xml"))}
    for number, row in enumerate(table.to_dict("records")):
        progress("images", number, len(table))
        name = row["file name"].partition(".")[0]
        path = images.get(name)
        if path is None:
            writer.warn("image-missing", f"The image “{name}” of the table was not found.")
            continue
        try:
            shape = shape_of(path)
        except MicrocalcError as error:
            writer.warn("image-unreadable", f"The image “{name}” cannot be read: {error}")
            continue
        regions = read_outlines(outlines[name]) if name in outlines else []
        patient = row.get("patient id", "")
        if not patient or patient == "removed":  # the published table hides it; the file's name keeps its code
            patient = path.name.split("_")[1] if path.name.count("_") else name
        labels, cluster_of, boxes = _drawn(regions, shape)
        writer.add(
            path,
            Annotation(
                patient=patient,
                laterality=row["laterality"][:1].upper(),
                view=row["view"].upper(),
                spacing_mm=SPACING_MM,
                labels=labels,
                cluster_of=cluster_of,
                boxes=boxes,
                category=row.get("bi-rads", ""),
            ),
            path.stem,
        )
    progress("images", len(table), len(table))


def read_outlines(path: Path) -> list[tuple[str, np.ndarray]]:
    """Names and points (row, column) of the outlines of an XML file.

    Raises
    ------
    ParameterError
        When it is no such file.
    """
    try:
        with path.open("rb") as file:
            content: dict[str, Any] = plistlib.load(file, fmt=plistlib.FMT_XML)
        regions = []
        for image in content["Images"]:
            for region in image["ROIs"]:
                matches = [_POINT.fullmatch(point.strip()) for point in region["Point_px"]]
                points = [(float(match[2]), float(match[1])) for match in matches if match is not None]
                if points:
                    regions.append((str(region["Name"]).strip().lower(), np.array(points)))
        return regions
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ExpatError,
        plistlib.InvalidFileException,
    ) as error:
        raise ParameterError(f"The outlines “{path.name}” cannot be read ({type(error).__name__}).") from error


def _drawn(
    regions: list[tuple[str, np.ndarray]], shape: tuple[int, int]
) -> tuple[np.ndarray, dict[int, int], pd.DataFrame]:
    """Label map of the single calcifications, which cluster each is in, and boxes of the outlined groups."""
    labels = np.zeros(shape, np.int32)
    for number, (name, points) in enumerate(regions, start=1):
        if name.startswith("calcification"):
            draw(labels, number, points[:, 0], points[:, 1])
    members: dict[int, int] = {}
    boxes: list[dict[str, Any]] = []
    for name, points in regions:
        if not name.startswith("cluster"):
            continue
        area = np.zeros(shape, np.int32)
        draw(area, 1, points[:, 0], points[:, 1])
        boxes.append(box_of(points[:, 0], points[:, 1]) | {"group": f"cluster {len(boxes) + 1}"})
        for label in np.unique(labels[(area > 0) & (labels > 0)]):
            members.setdefault(int(label), len(boxes))
    return labels, members, pd.DataFrame(boxes)
