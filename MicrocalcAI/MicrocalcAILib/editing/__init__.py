"""A reader's edits: pick specks in the image, and keep tables and words in step with the edited outlines."""
