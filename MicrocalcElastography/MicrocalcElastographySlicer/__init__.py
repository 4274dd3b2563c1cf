"""The Slicer face of MicrocalcElastography: nodes in, nodes out."""
