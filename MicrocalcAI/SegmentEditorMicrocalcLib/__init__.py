"""The segment-editor effect alone: Slicer replaces the package that an effect's file lies in."""
