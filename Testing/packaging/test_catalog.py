"""What the Extensions Index shows of the extension: catalog entry, CMake's description and home page agree."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("MicrocalcAI", "MicrocalcElastography")
HIDDEN_MODULES = (
    "DICOMMammographyPlugin",
    "DICOMMicrocalcFindingsPlugin",
    "SegmentEditorMicrocalc",
    "DICOMElastographyPlugin",
)
# Version 1.0.2 of Slicer's schema of catalog entries; it allows no other fields.
REQUIRED = {"$schema", "category", "scm_url"}
ALLOWED = {
    **dict.fromkeys(("$schema", "category", "scm_url", "scm_revision", "scm_type"), str),
    **dict.fromkeys(("dicom_support_rule", "build_subdirectory"), str),
    "build_dependencies": list,
    "enabled": bool,
    "tier": int,
}


@pytest.fixture(scope="module")
def entry():
    return json.loads((ROOT / "Resources" / "Microcalc.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def home_page():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_entry_follows_slicers_schema(entry):
    assert entry.keys() >= REQUIRED
    assert entry.keys() <= ALLOWED.keys()
    assert [name for name, value in entry.items() if type(value) is not ALLOWED[name]] == []
    assert entry["$schema"].endswith("/slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert 1 <= entry["tier"] <= 5
    assert entry["scm_type"] in ("git", "local")


def test_entry_is_named_like_the_project_and_follows_a_branch(entry, description):
    assert (ROOT / "Resources" / f"{description['NAME']}.json").is_file()
    assert not description["NAME"].startswith("Slicer")
    assert not re.fullmatch(r"[0-9a-f]{7,40}", entry["scm_revision"])


def test_entry_and_cmake_say_the_same(entry, description):
    assert entry["category"] == description["CATEGORY"]
    assert entry["build_subdirectory"] == description["BUILD_SUBDIRECTORY"]
    assert entry["dicom_support_rule"] == description["DICOM_SUPPORT_RULE"]
    assert entry["tier"] == int(description["TIER"])
    assert entry["enabled"] == bool(int(description["ENABLED"]))
    assert entry["build_dependencies"] == [name for name in description["DEPENDS"].split(";") if name != "NA"]
    assert entry["scm_url"].removesuffix(".git") == description["HOMEPAGE"]
    assert f"/{entry['scm_revision']}/" in description["ICONURL"]


def test_who_loads_a_mammogram_is_told_of_the_extension(entry):
    assert entry["dicom_support_rule"] == "Modality == 'MG'"


def test_pytorch_is_recommended_and_not_required(entry, description):
    assert description["RECOMMENDS"] == "PyTorch"
    assert "PyTorch" not in entry["build_dependencies"]


def test_home_page_has_the_name_a_description_and_a_sentence_for_each_module(home_page, description):
    assert home_page.startswith(f"# {description['NAME']}\n")
    for module in MODULES:
        assert re.search(rf"\*\*{module}\*\* [a-z][^\n]+", home_page), module
    for module in HIDDEN_MODULES:
        assert re.search(rf"`{module}`:? [a-z]\w+s [^\n]+", home_page), module


def test_every_module_is_described(lists):
    hidden = [name for module in lists.MODULES for name in lists.hidden_modules(module)]
    assert set(MODULES) == set(lists.MODULES)
    assert set(HIDDEN_MODULES) == set(hidden)


def test_home_page_names_its_license_and_its_publications(home_page):
    license_text = (ROOT / "LICENSE.txt").read_text(encoding="utf-8")
    assert "Apache License" in license_text
    assert "Version 2.0" in license_text
    assert "Apache-2.0" in home_page.partition("## License")[2]
    assert re.search(r"arXiv:\d{4}\.\d{5}", home_page.partition("## Publications")[2])


def test_pictures_of_the_home_page_are_there_and_can_be_read(home_page):
    files = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", home_page)
    assert files
    for file in files:
        with Image.open(ROOT / file) as picture:
            assert min(picture.size) >= 300, file


def test_links_of_the_documentation_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "Docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert link.startswith(("http", "mailto:")) or (page.parent / link).exists(), f"{page.name}: {link}"
