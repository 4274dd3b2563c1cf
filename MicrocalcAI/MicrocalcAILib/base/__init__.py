"""The ground everything stands on: errors, files, progress, parameters, provenance, resources, volumes, model folders.

This room imports no other one.
"""
