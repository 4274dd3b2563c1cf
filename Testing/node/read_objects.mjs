// Reads a segmentation and a measurement report as web viewers do: node read_objects.mjs IMAGE SEGMENTATION REPORT.
// Prints JSON: pixels of each segment, and of each measurement group its codes, values and outline.
import { readFileSync } from "node:fs";

import { adaptersSEG } from "@cornerstonejs/adapters";
import dcmjs from "dcmjs";

const [imagePath, segmentationPath, reportPath] = process.argv.slice(2);
const { DicomMessage, DicomMetaDictionary } = dcmjs.data;

function bytes(path) {
  const file = readFileSync(path);
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
}

function read(path) {
  return DicomMetaDictionary.naturalizeDataset(DicomMessage.readFile(bytes(path)).dict);
}

const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
const code = (sequence) => list(sequence)[0]?.CodeValue;

const image = read(imagePath);
const metadata = {
  get: (kind) =>
    ({
      instance: image,
      generalImageModule: { sopInstanceUID: image.SOPInstanceUID },
      generalSeriesModule: { seriesInstanceUID: image.SeriesInstanceUID },
      imagePlaneModule: {
        rows: image.Rows,
        columns: image.Columns,
        imageOrientationPatient: [1, 0, 0, 0, 1, 0],
        rowCosines: [1, 0, 0],
        columnCosines: [0, 1, 0],
        imagePositionPatient: [0, 0, 0],
        rowPixelSpacing: 1,
        columnPixelSpacing: 1,
      },
    })[kind],
};

const state = await adaptersSEG.Cornerstone.Segmentation.generateToolState(
  ["image"], bytes(segmentationPath), metadata, { skipOverlapping: false });
const pixels = {};
new Uint8Array(state.labelmapBufferArray[0]).forEach((segment, index) => {
  if (segment) (pixels[segment] ??= []).push(index);
});
const labels = list(read(segmentationPath).SegmentSequence).map((segment) => segment.SegmentLabel);

const measurements = list(read(reportPath).ContentSequence)
  .find((item) => code(item.ConceptNameCodeSequence) === "126010");
const groups = list(measurements.ContentSequence).map((group) => {
  const items = list(group.ContentSequence);
  const of = (type) => items.filter((item) => item.ValueType === type);
  return {
    values: Object.fromEntries(of("NUM").map((item) => [
      code(item.ConceptNameCodeSequence), Number(list(item.MeasuredValueSequence)[0].NumericValue)])),
    codes: of("CODE").map((item) => code(item.ConceptCodeSequence)),
    outline: of("SCOORD").map((item) => item.GraphicData)[0],
  };
});
console.log(JSON.stringify({ labels, pixels, groups }));
