"""Coded concepts of the objects (PS3.16), each with the template or context group that asks for it."""

from __future__ import annotations

from pydicom.sr.coding import Code

from ..lexicon.vocabulary import word


def _dcm(value: str, meaning: str) -> Code:
    return Code(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


def of_word(kind: str, name: str) -> Code:
    """The code of a word of the lexicon (CID 6010 of morphology, CID 6012 of distribution)."""
    coded = word(kind, name).code
    return Code(coded.value, coded.scheme, coded.meaning)


CAD_SR = "1.2.840.10008.5.1.4.1.1.88.50"
"""SOP class of mammography CAD documents."""
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
"""SOP class of segmentations."""

# Findings (CID 6014) and their place.
CLUSTER = _sct("129769006", "Calcification Cluster")
CALCIFICATION = _sct("129770007", "Individual Calcification")
MORPHOLOGICALLY_ALTERED = _sct("49755003", "Morphologically Altered Structure")
BREAST = _sct("76752008", "Breast")
LATERALITY_OF = {"L": _sct("80248007", "Left breast"), "R": _sct("73056007", "Right breast")}
SIDE_OF = {"L": _sct("7771000", "Left"), "R": _sct("24028007", "Right")}
VIEW_OF = {  # CID 4014
    "CC": _sct("399162004", "cranio-caudal"),
    "MLO": _sct("399368009", "medio-lateral oblique"),
    "ML": _sct("399260004", "medio-lateral"),
    "LM": _sct("399352003", "latero-medial"),
    "XCCL": _sct("399192008", "cranio-caudal exaggerated laterally"),
}

# Names of content items of the mammography CAD document (TID 4000 to 4023).
REPORT = _dcm("111036", "Mammography CAD Report")
LANGUAGE = _dcm("121049", "Language of Content Item and Descendants")
ENGLISH = Code("en", "RFC5646", "English")
IMAGE_LIBRARY = _dcm("111028", "Image Library")
IMAGE_LATERALITY = _dcm("111027", "Image Laterality")
IMAGE_VIEW = _dcm("111031", "Image View")
ORIENTATION_ROW = _dcm("111044", "Patient Orientation Row")
ORIENTATION_COLUMN = _dcm("111043", "Patient Orientation Column")
STUDY_DATE, STUDY_TIME = _dcm("111060", "Study Date"), _dcm("111061", "Study Time")
CONTENT_DATE, CONTENT_TIME = _dcm("111018", "Content Date"), _dcm("111019", "Content Time")
HORIZONTAL_SPACING = _dcm("111026", "Horizontal Pixel Spacing")
VERTICAL_SPACING = _dcm("111066", "Vertical Pixel Spacing")
SUMMARY = _dcm("111017", "CAD Processing and Findings Summary")
IMPRESSION = _dcm("111034", "Individual Impression/Recommendation")
RENDERING_INTENT = _dcm("111056", "Rendering Intent")
PRESENTATION_REQUIRED = _dcm("111150", "Presentation Required: Rendering device is expected to present")
PRESENTATION_OPTIONAL = _dcm("111151", "Presentation Optional: Rendering device may present")
SINGLE_IMAGE_FINDING = _dcm("111059", "Single Image Finding")
ALGORITHM_NAME, ALGORITHM_VERSION = _dcm("111001", "Algorithm Name"), _dcm("111003", "Algorithm Version")
ALGORITHM_PARAMETERS = _dcm("111002", "Algorithm Parameters")
CERTAINTY = _dcm("111012", "Certainty of Finding")
PROBABILITY_OF_CANCER = _dcm("111047", "Probability of cancer")
OPERATING_POINT = _dcm("111071", "CAD Operating Point")
CENTER, OUTLINE = _dcm("111010", "Center"), _dcm("111041", "Outline")
CALCIFICATION_TYPE = _dcm("111009", "Calcification Type")
CALCIFICATION_DISTRIBUTION = _dcm("111008", "Calcification Distribution")
NUMBER_OF_CALCIFICATIONS = _dcm("111038", "Number of calcifications")
SUMMARY_OF_DETECTIONS = _dcm("111064", "Summary of Detections")
SUCCESSFUL_DETECTIONS = _dcm("111063", "Successful Detections")
FAILED_DETECTIONS = _dcm("111025", "Failed Detections")
DETECTION_PERFORMED = _dcm("111022", "Detection Performed")
SUMMARY_OF_ANALYSES = _dcm("111065", "Summary of Analyses")
SUCCESSFUL_ANALYSES = _dcm("111062", "Successful Analyses")
ANALYSIS_PERFORMED = _dcm("111004", "Analysis Performed")
SUCCEEDED, NOT_ATTEMPTED = _dcm("111222", "Succeeded"), _dcm("111225", "Not Attempted")  # CID 6042
PARTIALLY_SUCCEEDED, FAILED = _dcm("111223", "Partially Succeeded"), _dcm("111224", "Failed")
WITHOUT_FINDINGS = _dcm("111241", "All algorithms succeeded; without findings")  # CID 6047
WITH_FINDINGS = _dcm("111242", "All algorithms succeeded; with findings")
SOME_FAILED_WITHOUT_FINDINGS = _dcm("111243", "Not all algorithms succeeded; without findings")
SOME_FAILED_WITH_FINDINGS = _dcm("111244", "Not all algorithms succeeded; with findings")
NONE_SUCCEEDED = _dcm("111245", "No algorithms succeeded; without findings")
IMPRESSION_ANALYSIS = _dcm("111233", "Individual Impression/Recommendation Analysis")  # CID 6043
TRACKING_IDENTIFIER, TRACKING_UID = _dcm("112039", "Tracking Identifier"), _dcm("112040", "Tracking Unique Identifier")

# As documents name them: value and scheme, the present code first, then older ones, which are read and never written.
CLUSTERS = {("129769006", "SCT"), ("F-01775", "SRT"), ("111105", "DCM")}
CALCIFICATIONS = {("129770007", "SCT"), ("F-01776", "SRT"), ("111104", "DCM")}

# Units (UCUM) and measurements.
PERCENT = Code("%", "UCUM", "Percent")
ONE = Code("1", "UCUM", "no units")
MILLIMETER = Code("mm", "UCUM", "mm")
SQUARE_MILLIMETER = Code("mm2", "UCUM", "mm2")
AREA = _sct("42798000", "Area")
DIAMETER = Code("81827009", "SCT", "Diameter")
ACQUISITION_EQUIPMENT = _dcm("109101", "Acquisition Equipment")
