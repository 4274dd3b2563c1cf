"""A PACS as source and target: find and fetch mammograms, send results, and listen for what a modality sends.

DICOMweb or DIMSE (C-FIND, C-GET, C-STORE); nothing is contacted that the user did not name.
"""
