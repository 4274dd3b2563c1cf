"""One trainer per model; every trainer writes a model folder with its card."""
