"""From pixels to calcifications: breast, candidates, selection, clusters."""
