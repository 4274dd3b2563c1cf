"""Coded concepts of the report (PS3.16); what has no code there has one of our own scheme."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

SCHEME = "99MICROCALC"

# CID 12308 and what it is derived by (CID 7464).
ELASTICITY = Code("110830", "DCM", "Elasticity")
SHEAR_WAVE_SPEED = Code("130611", "DCM", "Shear Wave Speed")
ROI_DEPTH = Code("130613", "DCM", "ROI Depth")
AREA = Code("131184002", "SCT", "Area of defined region")
DIAMETER = Code("81827009", "SCT", "Diameter")
MEAN = Code("373098007", "SCT", "Mean")
MAXIMUM = Code("56851009", "SCT", "Maximum")
MINIMUM = Code("255605001", "SCT", "Minimum")
STANDARD_DEVIATION = Code("386136009", "SCT", "Standard Deviation")
SHEAR_WAVE_ELASTOGRAPHY = Code("130609", "DCM", "2D Shear Wave Elastography")
MASS, FAT = Code("4147007", "SCT", "Mass"), Code("55603005", "SCT", "Adipose tissue")
BREAST = Code("76752008", "SCT", "Breast")
SIDE_OF = {"L": Code("7771000", "SCT", "Left"), "R": Code("24028007", "SCT", "Right")}
ULTRASOUND = Code("47079000", "SCT", "Ultrasonography of breast")

# No code of DICOM, SNOMED CT or LOINC was found for these.
MEASUREMENT_BOX = Code("box", SCHEME, "Measurement box on the stiffest place")
PLACED_BOX = Code("placed-box", SCHEME, "Measurement box placed by hand")
STIFFNESS_RATIO = Code("stiffness-ratio", SCHEME, "Elasticity of the measurement box / of fat")
STRAIN_RATIO = Code("strain-ratio", SCHEME, "Strain of fat / of the lesion")
SIZE_RATIO = Code("size-ratio", SCHEME, "Longest diameter on the elastogram / on B-mode")
WITHOUT_VALUE = Code("without-value", SCHEME, "Share of the region without a value")
COLOR_SHARE_SCORE = Code("color-share-score", SCHEME, "Elasticity score by shares of colors")
TSUKUBA_SCORE = Code("tsukuba-score", SCHEME, "Elasticity score after Itoh 2006 (Tsukuba)")

KILOPASCAL = Code("kPa", "UCUM", "kPa")
METERS_PER_SECOND = Code("m/s", "UCUM", "m/s")
MILLIMETER = Code("mm", "UCUM", "mm")
SQUARE_MILLIMETER = Code("mm2", "UCUM", "mm2")
PERCENT = Code("%", "UCUM", "Percent")
RATIO = Code("{ratio}", "UCUM", "ratio")
SCORE = Code("{score}", "UCUM", "score")


def scheme_identification() -> Dataset:
    """Who is responsible for our own codes (0008,0110)."""
    item = Dataset()
    item.CodingSchemeDesignator = SCHEME
    item.CodingSchemeName = "Microcalc: quantities of breast elastography without a standard code"
    item.CodingSchemeResponsibleOrganization = "Microcalc"
    return item
