"""The published layouts of public sets of mammograms, each read into a dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from .bmcd import import_bmcd
from .cbis_ddsm import import_cbis_ddsm
from .dataset import DatasetWriter, written_dataset
from .inbreast import import_inbreast
from .own_tables import import_own_tables, import_phantoms
from .tables_of_breasts import import_cmmd, import_vindr

Importer = Callable[[Path, DatasetWriter, Progress], None]
LAYOUTS: Mapping[str, tuple[Importer, str]] = {
    "inbreast": (import_inbreast, "INbreast (Moreira et al., Acad Radiol 19:236, 2012): DICOM, XML outlines, CSV"),
    "cbis-ddsm": (import_cbis_ddsm, "CBIS-DDSM (Lee et al., Sci Data 4:170177, 2017), CC BY 3.0: DICOM, masks, CSV"),
    "vindr": (import_vindr, "VinDr-Mammo (Nguyen et al., Sci Data 10:277, 2023): DICOM, boxes, CSV"),
    "cmmd": (import_cmmd, "CMMD (Cui et al., TCIA 2021), CC BY 4.0: DICOM, outcome by breast"),
    "bmcd": (
        import_bmcd,
        "BMCD (Loizidou et al., Zenodo 5036062), CC BY 4.0: DICOM, outlines of single calcifications",
    ),
    "csv": (import_own_tables, "own tables: images.csv, annotations.csv, label maps"),
    "phantom": (import_phantoms, "images of “microcalc phantom” with their truth"),
}


def import_dataset(
    layout: str,
    folder: Path,
    output: Path,
    *,
    copies_images: bool = False,
    progress: Progress = no_progress,
) -> int:
    """Read a set in its published layout and write it as a dataset; return the number of its images.

    Parameters
    ----------
    layout : str
        One of :data:`LAYOUTS`.
    folder : Path
        Where it was unpacked.
    output : Path
    copies_images : bool
    progress : callable, optional

    Raises
    ------
    ParameterError
        When the layout is not known, or a table is missing or cannot be used.
    ResultError
        When no image was found.
    """
    if layout not in LAYOUTS:
        raise ParameterError(f"The layout “{layout:.40}” is not known; choose {', '.join(LAYOUTS)}.")
    folder = Path(folder)
    if not folder.is_dir():
        raise ParameterError(f"There is no folder “{folder.name}”.")
    importer, source = LAYOUTS[layout]
    with written_dataset(output, layout, {"source": source}, copies_images) as writer:
        importer(folder, writer, progress)
        return len(writer)
