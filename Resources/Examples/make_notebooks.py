"""The example notebooks: their cells stand here; this runs them and writes them with what they show.

``pip install "microcalc[notebook]"``, then ``python Resources/Examples/make_notebooks.py`` from the repository.
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
_SECONDS = 600  # of a cell, at most


class Code(str):
    """A cell that is run; other cells are prose."""


NOTEBOOKS = {
    "mammogram": (
        """# A mammogram

Simulated, so that the truth is known and nothing is downloaded; for a file of yours: `read_mammogram("image.dcm")`.
Research software, not for diagnosis.""",
        Code(
            """from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate

kind = PhantomParameters(clusters=(1, 1), morphologies=("fine pleomorphic",), distributions=("grouped",))
phantom = simulate(power_law_background(7, BreastParameters()), 7, kind)
phantom.mammogram"""
        ),
        """What is in it is outlined, grouped and described; a result shows itself, and its tables are DataFrames.""",
        Code(
            """from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.pipeline import analyze

analysis = analyze(phantom.mammogram, models=DescriptionModels.load())
analysis"""
        ),
        Code(
            """columns = ["id", "cluster_id", "x_mm", "y_mm", "area_mm2", "probability"]
analysis.calcifications[columns].round(2).head()"""
        ),
        """Each cluster has its words, their probabilities and the evidence for them.""",
        Code(
            """for record in analysis.words:
    print(record["morphology"]["word"], record["distribution"]["word"])
    for sentence in record["evidence"]:
        print("  ", sentence)"""
        ),
        """Compared with the truth:""",
        Code(
            """found = sum(analysis.labels[phantom.labels == number].any() for number in phantom.calcifications["id"])
print(f"{found} of {len(phantom.calcifications)} simulated calcifications were found")"""
        ),
    ),
    "elastogram_and_cohort": (
        """# An elastogram, and a study

A simulated screen becomes kPa; a simulated cohort after Yan & Fang (2025) gets its statistics. No patients, nothing is
downloaded. Research software, not for diagnosis.""",
        Code(
            """import tempfile
from pathlib import Path

from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_screen, write_dicom
from MicrocalcElastographyLib.reading import read_elastogram

screen = simulate_screen(PhantomParameters())
with tempfile.TemporaryDirectory() as folder:
    write_dicom([screen], Path(folder) / "screen.dcm")
    elastogram = read_elastogram(Path(folder) / "screen.dcm")
elastogram"""
        ),
        """The values are an array with NaN where there is none; the truth of the simulation is beside it.""",
        Code(
            """import numpy as np

lesion = screen.lesion & elastogram.valid
print(
    f"lesion: {np.median(elastogram.values[lesion]):.0f} kPa, around it "
    f"{np.median(elastogram.values[~screen.lesion & elastogram.valid]):.0f} kPa"
)"""
        ),
        """## A cohort""",
        Code(
            """from MicrocalcElastographyLib.cohort.analysis import StudyOptions, analyze_cohort
from MicrocalcElastographyLib.cohort.lesions import read_cohort
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

with tempfile.TemporaryDirectory() as folder:
    table = Path(folder) / "cohort.csv"
    simulate_cohort(60, 60, seed=1).to_csv(table, index=False)
    cohort = read_cohort([table])
study = analyze_cohort(cohort, StudyOptions(resamples=100))
study"""
        ),
        Code(
            """from MicrocalcElastographyLib.cohort.cautions import study_cautions

for caution in study_cautions(study):
    print("-", caution.message)"""
        ),
    ),
}


def main() -> None:
    import nbformat
    from nbclient import NotebookClient

    for name, texts in NOTEBOOKS.items():
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        for number, text in enumerate(texts):
            is_code = isinstance(text, Code)
            cell = nbformat.v4.new_code_cell(text) if is_code else nbformat.v4.new_markdown_cell(text)
            cell["id"] = f"{name}-{number}"
            notebook.cells.append(cell)
        NotebookClient(notebook, timeout=_SECONDS, kernel_name="python3").execute()
        for cell in notebook.cells:
            cell.metadata.clear()  # times of execution
            for output in cell.get("outputs", ()):
                if "text/html" in output.get("data", {}):
                    output["data"].pop("text/plain", None)  # long, and nobody reads it beside the picture
        notebook.metadata.pop("language_info", None)
        nbformat.write(notebook, FOLDER / f"{name}.ipynb")
        print(f"{name}.ipynb")


if __name__ == "__main__":
    main()
