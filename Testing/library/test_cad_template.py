"""CAD reports hold to their template, which no validator checks; and the check sees what breaks it."""

from datetime import UTC, datetime

import pytest
from pydicom import dcmread

from dicom_results import CALCIFICATIONS, analysis_of, results
from dicom_samples import breast_picture, mammogram_dataset, saved
from MicrocalcAILib.dicom.cad_sr import cad_report
from MicrocalcAILib.dicom.objects import write_objects
from MicrocalcAILib.dicom.source import read_failed, read_source
from sr_template import broken_rows


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Path of a report with a cluster and a single calcification."""
    folder = tmp_path_factory.mktemp("report")
    made, image = results(folder)
    return write_objects(made, image, folder / "dicom", ["sr"])["cad_report"]


@pytest.mark.parametrize("found", [CALCIFICATIONS, CALCIFICATIONS[:3], CALCIFICATIONS[3:], ()])
@pytest.mark.parametrize(("succeeded", "failed"), [(True, False), (True, True), (False, True)])
def test_whatever_was_found_or_failed_the_report_holds_to_its_template(tmp_path, found, succeeded, failed):
    image = saved(mammogram_dataset(breast_picture(), 12), tmp_path)
    other = saved(mammogram_dataset(breast_picture("right"), 12), tmp_path, "other.dcm")
    sources = [read_source(image, analysis_of(image, found))] if succeeded else []
    failures = [read_failed(other, datetime.now(UTC))] if failed else []
    assert broken_rows(cad_report(sources, failures)) == []


def _impression(document):
    return document.ContentSequence[2].ContentSequence[0]


def _finding(document):
    return _impression(document).ContentSequence[1]


def _drop(items, concept):
    items[:] = [item for item in items if item.ConceptNameCodeSequence[0].CodeValue != concept]


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        (lambda d: _drop(_impression(d).ContentSequence, "111056"), "0 times HAS CONCEPT MOD CODE 111056"),
        (lambda d: d.ContentSequence.__delitem__(1), "0 times CONTAINS CONTAINER 111028"),
        (lambda d: d.ContentSequence.append(d.ContentSequence.pop(1)), "out of order"),
        (lambda d: setattr(_finding(d).ConceptCodeSequence[0], "CodeValue", "4711"), "no row for CONTAINS CODE"),
        (lambda d: setattr(_finding(d).ContentSequence[1], "RelationshipType", "CONTAINS"), "no row for CONTAINS TEXT"),
        (lambda d: _drop(_finding(d).ContentSequence, "111010"), "0 times HAS PROPERTIES SCOORD 111010"),
        (lambda d: setattr(d.ContentTemplateSequence[0], "TemplateIdentifier", "1500"), "another template"),
    ],
)
def test_what_breaks_the_template_is_seen(report, breaking, words):
    document = dcmread(report)
    assert broken_rows(document) == []
    breaking(document)
    assert any(words in sentence for sentence in broken_rows(document))
