"""The elastography library: elastogram in, stiffness, scores and study statistics out. Imports nothing heavy."""
