"""What both Slicer modules of this extension stand on: panel, child processes, packages, DICOM, nodes, self tests."""
