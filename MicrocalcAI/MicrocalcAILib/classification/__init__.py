"""From the features of a cluster to a calibrated probability of malignancy, with its reasons."""
