"""Files in: DICOM and plain images, checked before they are decoded."""
