"""Everything that leaves the library: tables, segmentations, pictures."""
