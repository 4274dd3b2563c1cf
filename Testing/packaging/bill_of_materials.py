"""What an installation of Microcalc consists of: every package with its version and license, as a table or an SBOM.

``python Testing/packaging/bill_of_materials.py`` prints the table of the default installation, ``--extras A,B`` that
with extras, ``--sbom FILE`` writes it in CycloneDX 1.6 (JSON). What is not installed is left out and named.
"""

import argparse
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|Python|PSF|HPND|Historical|Zlib|zlib|CC0|Unlicense|Boost|BSL-1\.0|MPL|Mozilla|public domain",
    re.I,
)


class Package(NamedTuple):
    """One package of an installation."""

    name: str
    version: str
    license: str

    @property
    def is_permissive(self) -> bool:
        """Whether it may be used and passed on without opening one's own source (MPL: without changes to it)."""
        return "GPL" not in self.license and bool(PERMISSIVE.search(self.license))


def requirements(extras: Sequence[str] = ()) -> list[str]:
    """The direct dependencies, with those of extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    found, waiting = list(project["dependencies"]), list(extras)
    while waiting:
        for line in optional[waiting.pop()]:
            requirement = Requirement(line)
            if requirement.name == project["name"]:
                waiting += requirement.extras
            else:
                found.append(line)
    return found


def packages(extras: Sequence[str] = ()) -> tuple[list[Package], list[str]]:
    """Every package of an installation by name, and the names of those that are not installed here."""
    found: dict[str, Package] = {}
    absent = set()
    waiting = [Requirement(line) for line in requirements(extras)]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = ("", *requirement.extras)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in wanted):
            continue
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            absent.add(name)
            continue
        found[name] = Package(name, distribution.version, _license(distribution.metadata))
        for line in distribution.requires or []:
            inner = Requirement(line)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in wanted):
                waiting.append(Requirement(line.partition(";")[0]))
    return sorted(found.values()), sorted(absent)


def write_sbom(found: Sequence[Package], path: Path) -> None:
    """Write a bill of materials in CycloneDX 1.6."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion
    from packageurl import PackageURL

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    make_license = LicenseFactory().make_from_string
    bom = Bom()
    own = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
        licenses=[make_license(project["license"])],
    )
    bom.metadata.component = own
    components = [
        Component(
            name=each.name,
            version=each.version,
            type=ComponentType.LIBRARY,
            bom_ref=f"pkg:pypi/{each.name}@{each.version}",
            purl=PackageURL("pypi", None, each.name, each.version),
            licenses=[make_license(each.license)],
        )
        for each in found
    ]
    for component in components:
        bom.components.add(component)
    bom.register_dependency(own, components)
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="List what an installation consists of, with licenses.")
    parser.add_argument("--extras", default="", metavar="A,B", help="extras that are installed too")
    parser.add_argument("--sbom", type=Path, metavar="FILE", help="write a bill of materials in CycloneDX, too")
    arguments = parser.parse_args()
    found, absent = packages([extra for extra in arguments.extras.split(",") if extra])
    for each in found:
        print(f"{each.name:28} {each.version:16} {each.license}")
    if absent:
        print(f"not installed here: {', '.join(absent)}", file=sys.stderr)
    if arguments.sbom:
        write_sbom(found, arguments.sbom)
        print(f"{len(found)} packages in {arguments.sbom}")
    return 0


def _license(metadata) -> str:
    """The license expression, else what the classifiers say, else the first line of the field."""
    expression = metadata.get("License-Expression")
    if expression:
        return expression
    classified = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License ::") and line != "License :: OSI Approved"
    ]
    if classified:
        return " / ".join(classified)
    lines = (metadata.get("License") or "").strip().splitlines()
    return lines[0][:80] if lines else "unknown"


if __name__ == "__main__":
    sys.exit(main())
