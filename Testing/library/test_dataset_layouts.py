"""Public sets of mammograms in their published layouts, in tiny synthetic copies, become one kind of dataset."""

import plistlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from library.dicom_samples import SECONDARY_CAPTURE, breast_picture, mammogram_dataset, saved
from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.cli import main
from MicrocalcAILib.dataset.dataset import Annotation, by_digest, locate, read_dataset, read_image, written_dataset
from MicrocalcAILib.dataset.inbreast import read_outlines
from MicrocalcAILib.dataset.layouts import import_dataset
from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from MicrocalcAILib.phantom.writer import write_phantom
from MicrocalcAILib.study.new import cases_of_dataset
from MicrocalcAILib.training.dataset_images import annotated_images

ROWS, COLUMNS = 120, 100
SPECKS = [(40, 20), (44, 24), (48, 21), (42, 28), (50, 26), (46, 30)]  # row, column; 2 × 2 pixels


def dicom(path, side="left", **attributes):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = breast_picture(side, ROWS, COLUMNS)
    laterality = "L" if side == "left" else "R"
    return saved(mammogram_dataset(picture, 12, ImageLaterality=laterality, **attributes), path.parent, path.name)


def secondary_capture(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    unknown = dict.fromkeys(("ImagerPixelSpacing", "ViewCodeSequence", "PresentationIntentType"))
    return saved(mammogram_dataset(pixels, SOPClassUID=SECONDARY_CAPTURE, **unknown), path.parent, path.name)


def speck_mask():
    mask = np.zeros((ROWS, COLUMNS), np.uint8)
    for row, column in SPECKS:
        mask[row : row + 2, column : column + 2] = 255
    return mask


def region(name, points):
    """An outline as OsiriX writes it: points are (x, y)."""
    return {"Name": name, "NumberOfPoints": len(points), "Point_px": [f"({x:f}, {y:f})" for y, x in points]}


def make_inbreast(folder):
    name = "20586908"
    dicom(folder / "AllDICOMs" / f"{name}_6c613a14b80a8591_MG_L_CC_ANON.dcm")
    dicom(folder / "AllDICOMs" / "20586934_6c613a14b80a8591_MG_L_ML_ANON.dcm")
    squares = [[(r, c), (r, c + 2), (r + 2, c + 2), (r + 2, c)] for r, c in SPECKS[:5]]
    regions = [region("Calcification", square) for square in squares]
    regions += [region("Calcification", [(70, 40)]), region("Mass", [(80, 10), (80, 30), (95, 20)])]
    regions += [region("Cluster", [(35, 15), (35, 40), (60, 40), (60, 15)])]
    (folder / "AllXML").mkdir()
    with (folder / "AllXML" / f"{name}.xml").open("wb") as file:
        plistlib.dump({"Images": [{"ImageIndex": 0, "NumberOfROIs": len(regions), "ROIs": regions}]}, file)
    lines = [
        "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads",
        f"removed;removed;L;CC;200801;{name};4;4a",
        "removed;removed;L;MLO;200801;20586934;4;1",
        "removed;removed;R;CC;200801;20586960;4;1",
    ]
    (folder / "INbreast.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_inbreast_becomes_single_calcifications_points_and_clusters(tmp_path):
    source = tmp_path / "INbreast"
    source.mkdir()
    make_inbreast(source)
    assert import_dataset("inbreast", source, tmp_path / "dataset") == 2
    dataset = read_dataset(tmp_path / "dataset")
    with_findings, without = dataset.images
    table = pd.read_csv(with_findings.truth / "calcifications.csv")
    assert table["cluster_id"].tolist() == [1, 1, 1, 1, 1, 0]
    assert (np.bincount(with_findings.labels().ravel())[1:6] == 9).all()  # both edges of an outline belong to it
    assert (with_findings.labels() == 6).sum() == 1  # a point
    assert not without.labels().any()
    assert (with_findings.patient, with_findings.view, with_findings.category) == ("6c613a14b80a8591", "CC", "4a")
    assert with_findings.spacing_mm == 0.07
    assert dataset.record["patients"] == 1
    (warning,) = dataset.record["warnings"]
    assert "20586960" in warning["message"]


def test_outlines_that_are_no_outlines_are_refused(tmp_path):
    for content in (b"no xml", b"<plist><dict/></plist>", b""):
        path = tmp_path / "a.xml"
        path.write_bytes(content)
        with pytest.raises(ParameterError, match="cannot be read"):
            read_outlines(path)


def test_cbis_ddsm_takes_the_mask_that_has_the_size_of_the_image_and_the_official_split(tmp_path):
    source = tmp_path / "CBIS"
    header = (
        "patient_id,breast density,left or right breast,image view,abnormality id,abnormality type,calc type,"
        "calc distribution,assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path"
    )
    crop = np.arange(400, dtype=np.uint8).reshape(20, 20)
    for split, patient in (("Training", "P_00005"), ("Test", "P_00038")):
        name = f"Calc-{split}_{patient}_RIGHT_CC"
        secondary_capture(source / "CBIS-DDSM" / name / "1.3.6" / "1-1.dcm", breast_picture("right", ROWS, COLUMNS))
        rows = []
        for lesion, (word, files) in enumerate(
            (("BENIGN", ("1-1", "1-2")), ("MALIGNANT", ("1-2", "1-1"))), start=1
        ):  # the order of crop and mask is not always the same
            mask = np.zeros((ROWS, COLUMNS), np.uint8)
            mask[30 * lesion : 30 * lesion + 10, 60:80] = 255
            folder = source / "CBIS-DDSM" / f"{name}_{lesion}" / "1.3.6"
            for file, pixels in zip(files, (crop, mask), strict=True):
                secondary_capture(folder / f"{file}.dcm", pixels)
            place = f'{name}/1.3.6/000000.dcm,{name}_{lesion}/1.3.6/000000.dcm,"{name}_{lesion}/1.3.6/000001.dcm\n"'
            rows.append(f"{patient},3,RIGHT,CC,{lesion},calcification,AMORPHOUS,CLUSTERED,4,{word},3,{place}")
        kind = "train" if split == "Training" else "test"
        text = "\n".join([header, *rows]) + "\n"
        (source / f"calc_case_description_{kind}_set.csv").write_text(text, encoding="utf-8")
    assert import_dataset("cbis-ddsm", source, tmp_path / "dataset") == 2
    dataset = read_dataset(tmp_path / "dataset")
    assert [image.split for image in dataset.images] == ["train", "test"]
    assert [image.malignant for image in dataset.images] == [1.0, 1.0]
    assert dataset.outlined == ()
    first = dataset.boxes[dataset.boxes["name"] == dataset.images[0].name]
    assert first[["row_min", "row_max", "column_min", "column_max"]].to_numpy().tolist() == [
        [30, 39, 60, 79],
        [60, 69, 60, 79],
    ]
    assert first["malignant"].tolist() == [0, 1]
    assert "spacing-unknown" in [warning["code"] for warning in dataset.record["warnings"]]


def test_vindr_takes_the_boxes_of_calcifications_alone(tmp_path):
    source = tmp_path / "vindr"
    for image in ("a1", "a2"):
        dicom(source / "images" / "study1" / f"{image}.dicom")
    rows = [
        "study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,breast_density,"
        "finding_categories,finding_birads,xmin,ymin,xmax,ymax,split",
        "study1,s,a1,L,CC,120,100,BI-RADS 4,DENSITY C,"
        "\"['Suspicious Calcification', 'Mass']\",BI-RADS 4,10,20,30,45,training",
        "study1,s,a1,L,CC,120,100,BI-RADS 4,DENSITY C,['Mass'],BI-RADS 4,1,2,3,4,training",
        "study1,s,a2,L,MLO,120,100,BI-RADS 1,DENSITY C,['No Finding'],,,,,,test",
    ]
    (source / "finding_annotations.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert import_dataset("vindr", source, tmp_path / "dataset") == 2
    dataset = read_dataset(tmp_path / "dataset")
    assert dataset.boxes[["row_min", "row_max", "column_min", "column_max"]].to_numpy().tolist() == [[20, 45, 10, 30]]
    assert [(image.split, image.view, image.category) for image in dataset.images] == [
        ("train", "CC", "4"),
        ("test", "MLO", "1"),
    ]
    assert len(read_dataset(tmp_path / "dataset", "test").images) == 1


def test_cmmd_takes_the_breasts_with_calcifications_and_their_outcome(tmp_path):
    source = tmp_path / "cmmd"
    for patient in ("D1-0001", "D2-0002"):
        for side in ("left", "right"):
            dicom(source / "CMMD" / patient / "07-18-2010-NA-NA-79377" / f"1-{side}.dcm", side)
    table = pd.DataFrame(
        {
            "ID1": ["D1-0001", "D1-0001", "D2-0002", "D3-0003"],
            "LeftRight": ["R", "L", "L", "L"],
            "Age": [44, 44, 50, 60],
            "abnormality": ["calcification", "mass", "both", "calcification"],
            "classification": ["Benign", "Malignant", "Malignant", "Malignant"],
        }
    )
    table.to_excel(source / "CMMD_clinicaldata_revision.xlsx", index=False)
    assert import_dataset("cmmd", source, tmp_path / "dataset") == 2
    found = {(image.patient, image.laterality): image.malignant for image in read_dataset(tmp_path / "dataset").images}
    assert found == {("D1-0001", "R"): 0.0, ("D2-0002", "L"): 1.0}


def test_bmcd_becomes_single_calcifications(tmp_path):
    source = tmp_path / "bmcd"
    for kind, case in (("Normal_cases", "1"), ("Suspicious_cases", "1")):
        for view in ("CC", "MLO"):
            for time in ("recent", "prior"):
                path = dicom(source / "Dataset" / kind / case / f"{view}_{time}.dcm")
                if time == "recent":
                    Image.fromarray(speck_mask()).save(path.with_name(f"{view}_{time}_mask.png"))
    with pd.ExcelWriter(source / "bmcd.xlsx") as book:
        for sheet, word in (("Normal_cases", ""), ("Suspicious_cases", "Malignant")):
            rows = [["BMCD", "", ""], ["", "", ""], ["Folder #", "BI-RADS", "Biopsy"], ["1", "4", word]]
            pd.DataFrame(rows).to_excel(book, sheet_name=sheet, index=False, header=False)
    assert import_dataset("bmcd", source, tmp_path / "dataset") == 8
    dataset = read_dataset(tmp_path / "dataset")
    assert len(dataset.outlined) == 4
    for image in dataset.outlined:
        assert image.labels().max() == len(SPECKS)
        assert (pd.read_csv(image.truth / "calcifications.csv")["cluster_id"] == 1).all()
    outcome = {image.name: image.malignant for image in dataset.images}
    assert outcome["suspicious-1_CC_recent"] == 1.0
    assert np.isnan(outcome["suspicious-1_CC_prior"])
    assert np.isnan(outcome["normal-1_CC_recent"])
    assert sum(warning["code"] == "annotation-missing" for warning in dataset.record["warnings"]) == 4


def test_own_tables_keep_label_maps_boxes_and_splits(tmp_path, capsys):
    source = tmp_path / "own"
    dicom(source / "one.dcm")
    dicom(source / "two.dcm")
    identity = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    labels = (np.cumsum(speck_mask().ravel() > 0) * (speck_mask().ravel() > 0)).reshape(ROWS, COLUMNS)
    write_volume(labels.astype(np.uint32), (0.07, 0.07), (0.0, 0.0, 0.0), identity, source / "labels.nrrd")
    (source / "images.csv").write_text(
        "image,patient,spacing_mm,labels,malignant,split\none.dcm,A,0.07,labels.nrrd,1,train\ntwo.dcm,B,0.07,,0,test\n",
        encoding="utf-8",
    )
    (source / "annotations.csv").write_text("image,row,column,malignant\ntwo.dcm,30,40,0\n", encoding="utf-8")
    assert main(["dataset", "import", "csv", str(source), "--output", str(tmp_path / "dataset"), "--copy-images"]) == 0
    assert "2 images of 2 patients, calcifications outlined one by one in 1, 1 boxes" in capsys.readouterr().out
    dataset = read_dataset(tmp_path / "dataset")
    assert all(image.path.is_relative_to(tmp_path / "dataset") for image in dataset.images)
    first, second = annotated_images(dataset)
    assert len(first.marks) == 24
    assert second.marks[["row", "column"]].to_numpy().tolist() == [[30, 40]]
    assert (first.split, second.split) == ("train", "test")


def test_phantoms_keep_their_exact_truth_and_their_background_is_their_patient(tmp_path):
    for number in range(2):
        background = power_law_background([5, number], BreastParameters(frame_mm=(30.0, 25.0)))
        phantom = simulate(background, [5, number], PhantomParameters(clusters=(1, 1)))
        write_phantom(tmp_path / "phantoms", f"phantom_{number}", phantom, ["nrrd"], [])
    assert import_dataset("phantom", tmp_path / "phantoms", tmp_path / "dataset") == 2
    dataset = read_dataset(tmp_path / "dataset")
    assert dataset.record["patients"] == 2
    assert (dataset.images[1].labels() == phantom.labels).all()
    table = pd.read_csv(dataset.images[1].truth / "calcifications.csv")
    assert (table["cluster_id"] > 0).sum() == (phantom.calcifications["cluster_id"] > 0).sum()
    cases, truth = cases_of_dataset(dataset, None, 0, 1)
    assert [truth[case.name].diseased for case in cases] == [True, True]


def test_image_that_was_moved_is_found_by_its_digest(tmp_path):
    source = tmp_path / "bmcd"
    dicom(source / "Dataset" / "Normal_cases" / "1" / "CC_recent.dcm")
    import_dataset("bmcd", source, tmp_path / "dataset")
    (image,) = read_dataset(tmp_path / "dataset").images
    assert locate(image) == source / "Dataset" / "Normal_cases" / "1" / "CC_recent.dcm"
    source.rename(tmp_path / "moved")
    with pytest.raises(ResultError, match="no longer where it was"):
        locate(image)
    assert locate(image, by_digest(tmp_path / "moved")).name == "CC_recent.dcm"


def test_film_of_unknown_spacing_is_read_with_the_usual_one_and_a_warning(tmp_path):
    Image.fromarray(breast_picture("left", ROWS, COLUMNS).astype(np.uint16)).save(tmp_path / "film.png")
    with written_dataset(tmp_path / "dataset", "example") as writer:
        writer.add(tmp_path / "film.png", Annotation("A"))
    (image,) = read_dataset(tmp_path / "dataset").images
    mammogram = read_image(image)
    assert mammogram.spacing_mm == (0.07, 0.07)
    assert any("spacing" in warning.code for warning in mammogram.warnings)


@pytest.mark.parametrize("layout", ["inbreast", "cbis-ddsm", "vindr", "cmmd", "bmcd", "csv"])
def test_folder_of_another_layout_is_refused_and_nothing_is_written(tmp_path, layout):
    (tmp_path / "source").mkdir()
    with pytest.raises(ParameterError, match="lacks"):
        import_dataset(layout, tmp_path / "source", tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


def test_folder_that_holds_something_else_is_not_replaced(tmp_path):
    source = tmp_path / "bmcd"
    dicom(source / "Dataset" / "Normal_cases" / "1" / "CC_recent.dcm")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("text")
    with pytest.raises(ResultError, match="something else"):
        import_dataset("bmcd", source, tmp_path / "mine")
