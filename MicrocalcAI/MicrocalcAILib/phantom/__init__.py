"""Simulated mammograms with exact truth."""
