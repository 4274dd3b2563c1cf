"""Mammograms in NRRD, MetaImage and NIfTI files: two-dimensional, or a volume of one slice."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..base.volumes import read_volume
from .admission import AdmissionCard
from .carried_fields import FIELDS, with_fields
from .content import ImageContent, gray_channel
from .spacing import spacing_of_header


def read_volume_file(path: Path, kind: str, byte_budget: int) -> ImageContent:
    """Read an NRRD, MetaImage or NIfTI file (``kind``); see :func:`~MicrocalcAILib.base.volumes.read_volume`."""
    volume = read_volume(path, kind, byte_budget)
    samples, valid, warnings = gray_channel(volume.samples)
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are masked by the caller
        pixels = np.array(samples, np.float32)
    content = ImageContent(
        pixels=pixels,
        valid=valid,
        spacing=spacing_of_header(volume.spacing_mm, kind),
        origin_lps_mm=volume.origin_lps_mm,
        direction_lps=volume.direction_lps,
        warnings=warnings,
        admission=AdmissionCard(integrity=volume.integrity),
        source={
            "kind": kind,
            "bits_stored": int(re.findall(r"\d+", volume.pixel_type)[0]),
            "intensities": "as stored",
            "header_spacing_mm": list(volume.spacing_mm),
        },
    )
    fields = {name: volume.fields[name] for name in FIELDS if name in volume.fields}
    return with_fields(content, fields) if fields else content
