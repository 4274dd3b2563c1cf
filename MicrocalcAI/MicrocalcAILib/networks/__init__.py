"""Neural networks: architectures, inference in tiles, and the catalogue of their weights.

PyTorch is imported only here and in training; without it everything else works.
"""
