"""Every feature by name, with its unit, its meaning and where it comes from."""

from __future__ import annotations

import pandas as pd

from .aggregation import FEATURE_SETS, share_names
from .calcifications import CALCIFICATION_FEATURES
from .distribution import DISTRIBUTION_FEATURES
from .shapes import REGION_PROPERTIES
from .size_matrices import DEPENDENCE_FEATURES, RUN_FEATURES, ZONE_FEATURES
from .topology import SCALE_STEP_MM, TOPOLOGY_FEATURES, TOPOLOGY_MEASURES

_PYRADIOMICS = "pyradiomics 3.0.1"
_SCIKIT_IMAGE = "scikit-image regionprops"

# name -> unit, meaning. “gray”: the unit of FeatureSettings.gray_scale; “level”: one of its gray levels.
_FIRST_ORDER = {
    "10Percentile": ("gray", "10th percentile of the pixel values"),
    "90Percentile": ("gray", "90th percentile of the pixel values"),
    "Energy": ("gray²", "sum of the squared pixel values"),
    "Entropy": ("bit", "entropy of the gray levels"),
    "InterquartileRange": ("gray", "75th minus 25th percentile"),
    "Kurtosis": ("", "fourth central moment / variance² (3 for a normal distribution; 0 for a flat region)"),
    "Maximum": ("gray", "brightest pixel"),
    "MeanAbsoluteDeviation": ("gray", "mean distance from the mean"),
    "Mean": ("gray", "mean pixel value"),
    "Median": ("gray", "median pixel value"),
    "Minimum": ("gray", "darkest pixel"),
    "Range": ("gray", "brightest minus darkest pixel"),
    "RobustMeanAbsoluteDeviation": (
        "gray",
        "mean distance from the mean among the pixels from the 10th to the 90th percentile (0 when there is none)",
    ),
    "RootMeanSquared": ("gray", "square root of the mean squared pixel value"),
    "Skewness": ("", "third central moment / variance^1.5 (0 for a flat region)"),
    "TotalEnergy": ("gray² mm²", "Energy × pixel area"),
    "Uniformity": ("", "sum of the squared shares of the gray levels"),
    "Variance": ("gray²", "variance of the pixel values"),
}
_SHAPE_2D = {
    "MeshSurface": ("mm²", "area inside the outline through the pixel edges' middles"),
    "PixelSurface": ("mm²", "number of pixels × pixel area"),
    "Perimeter": ("mm", "length of that outline"),
    "PerimeterSurfaceRatio": ("1/mm", "Perimeter / MeshSurface"),
    "Sphericity": ("", "perimeter of the circle of equal area / Perimeter (1 round)"),
    "MaximumDiameter": ("mm", "largest distance between two points of the outline"),
    "MajorAxisLength": ("mm", "4 × standard deviation of the pixel centers along the main axis (0 for one pixel)"),
    "MinorAxisLength": ("mm", "4 × standard deviation of the pixel centers across it (0 for pixels on a line)"),
    "Elongation": ("", "MinorAxisLength / MajorAxisLength (1 round or one pixel, 0 on a line)"),
}
_COOCCURRENCE = {
    "Autocorrelation": ("level²", "mean product of neighboring gray levels"),
    "ClusterProminence": ("level⁴", "fourth moment of the neighbors' sum around its mean"),
    "ClusterShade": ("level³", "third moment of the neighbors' sum around its mean: asymmetry"),
    "ClusterTendency": ("level²", "variance of the neighbors' sum: groups of alike levels"),
    "Contrast": ("level²", "mean squared difference of neighbors"),
    "Correlation": ("", "correlation of neighboring gray levels (1 for a flat region)"),
    "DifferenceAverage": ("level", "mean absolute difference of neighbors"),
    "DifferenceEntropy": ("bit", "entropy of the absolute differences"),
    "DifferenceVariance": ("level²", "variance of the absolute differences"),
    "Id": ("", "inverse difference: mean of 1 / (1 + difference)"),
    "Idm": ("", "inverse difference moment: mean of 1 / (1 + difference²)"),
    "Idmn": ("", "as Idm, differences relative to the number of levels"),
    "Idn": ("", "as Id, differences relative to the number of levels"),
    "Imc1": ("", "informational correlation 1: −mutual information / entropy of the levels (0 for a flat region)"),
    "Imc2": ("", "informational correlation 2: sqrt(1 − exp(−2 mutual information)) (0 when independent)"),
    "InverseVariance": ("1/level²", "mean of 1 / difference² of unequal neighbors"),
    "JointAverage": ("level", "mean gray level of the neighbors"),
    "JointEnergy": ("", "sum of the squared shares of the pairs: few patterns"),
    "JointEntropy": ("bit", "entropy of the pairs"),
    "MCC": ("", "maximal correlation coefficient of neighboring levels (1 for a flat region, 0 when independent)"),
    "MaximumProbability": ("", "share of the most frequent pair"),
    "SumAverage": ("level", "mean sum of neighboring gray levels (2 × JointAverage)"),
    "SumEntropy": ("bit", "entropy of the sums of neighbors"),
    "SumSquares": ("level²", "variance of the neighbors' gray level"),
}
_TONE_DIFFERENCE = {
    "Busyness": ("", "speed of change between a pixel and its neighbors"),
    "Coarseness": ("", "inverse of the mean difference between a pixel and its neighbors (1e6 for a flat region)"),
    "Complexity": ("", "many rapid changes of gray level"),
    "Contrast": ("", "spread of the gray levels × local differences"),
    "Strength": ("", "distinct, slowly changing gray levels"),
}
# The formulas that runs, zones and dependences share, in the order of RUN_FEATURES.
_SIZE_MATRIX = (
    ("", "mean of 1 / {size}²: small ones"),
    ("", "mean of {size}²: large ones"),
    ("", "unevenness of the gray levels × number of {items}"),
    ("", "unevenness of the gray levels (1: one level)"),
    ("", "unevenness of the {size} × number of {items}"),
    ("", "unevenness of the {size} (1: one size)"),
    ("", "number of {items} / number of pixels"),
    ("level²", "variance of the gray level"),
    ("", "variance of the {size}"),
    ("bit", "entropy of gray level and {size}"),
    ("1/level²", "mean of 1 / level²: dark ones"),
    ("level²", "mean of level²: bright ones"),
    ("1/level²", "mean of 1 / ({size}² level²): small dark ones"),
    ("level²", "mean of level² / {size}²: small bright ones"),
    ("1/level²", "mean of {size}² / level²: large dark ones"),
    ("level²", "mean of {size}² level²: large bright ones"),
)
_SIZE_FAMILIES = {
    "glrlm": (RUN_FEATURES, "runs", "run length"),
    "glszm": (ZONE_FEATURES, "zones", "zone size"),
    "gldm": (DEPENDENCE_FEATURES, "dependences", "number of like pixels"),
}
_RADIOMICS = {
    f"original_{family}_{name}": meaning
    for family, meanings in (
        ("firstorder", _FIRST_ORDER),
        ("shape2D", _SHAPE_2D),
        ("glcm", _COOCCURRENCE),
        ("ngtdm", _TONE_DIFFERENCE),
    )
    for name, meaning in meanings.items()
} | {
    f"original_{family}_{name}": (unit, f"{items}: {template.format(items=items, size=size)}")
    for family, (names, items, size) in _SIZE_FAMILIES.items()
    for name, (unit, template) in zip(names, _SIZE_MATRIX, strict=True)
    if name
}
_REGION = dict(
    zip(
        REGION_PROPERTIES,
        (
            ("mm²", "number of pixels × pixel area"),
            ("mm²", "area of the pixels inside the convex hull"),
            ("mm", "major axis of the ellipse with the same second moments"),
            ("mm", "minor axis of that ellipse"),
            ("", "eccentricity of that ellipse (0 round, 1 a line)"),
            ("mm", "diameter of the circle of equal area"),
            ("", "area / area of the bounding box"),
            ("gray", "brightest pixel"),
            ("gray", "mean pixel value"),
            ("gray", "darkest pixel"),
            ("rad", "angle between the rows' axis (down) and the main axis, −π/2 to π/2"),
            ("mm", "perimeter through the centers of the border pixels"),
            ("", "area / area_convex (1 without notches)"),
        ),
        strict=True,
    )
)
_TOPOLOGY = dict(
    zip(
        TOPOLOGY_MEASURES,
        (
            "number of connected subgraphs",
            "mean number of neighbors",
            "largest number of neighbors",
            "mean number of steps to the farthest calcification of the subgraph",
            "largest number of steps between two calcifications of a subgraph",
            "mean share of a calcification's neighbors that are neighbors of each other",
            "share of the calcifications in the largest subgraph",
            "share of the calcifications without a neighbor",
        ),
        strict=True,
    )
)


def feature_catalogue() -> pd.DataFrame:
    """Every feature that :func:`calcification_features` and :func:`cluster_features` can return.

    Returns
    -------
    DataFrame
        Columns ``name``; ``set``: ``foreground``, ``region``, ``background`` (one value per calcification),
        ``distribution``, ``topology``, ``histograms``, ``moments`` (one value per cluster); ``unit``, where ``gray`` is
        the unit of ``FeatureSettings.gray_scale`` and ``level`` one of its gray levels; ``meaning``; ``source``.
    """
    rows: list[tuple[str, str, str, str, str]] = []
    for name in CALCIFICATION_FEATURES:
        feature_set, short = name.split("_", 1)
        unit, meaning = (_REGION if feature_set == "region" else _RADIOMICS)[short]
        source = _SCIKIT_IMAGE if feature_set == "region" else _PYRADIOMICS
        place = {"foreground": "calcification: ", "region": "", "background": "surroundings: "}[feature_set]
        rows.append((name, feature_set, unit, place + meaning, source))
    per_calcification = list(rows)
    for name, (unit, meaning, source) in DISTRIBUTION_FEATURES.items():
        rows.append((f"distribution_{name}", "distribution", unit, meaning, source or "Microcalc"))
    for name in TOPOLOGY_FEATURES:
        measure, scale = name.removeprefix("topology_").rsplit("_", 1)
        meaning = f"{_TOPOLOGY[measure]}, each calcification dilated by {int(scale) * SCALE_STEP_MM:.2f} mm"
        rows.append((name, "topology", "", meaning, "Chen 2015"))
    for feature_set in FEATURE_SETS:
        for word, name in enumerate(share_names(feature_set)):
            meaning = (
                f"share of the calcifications most like typical calcification {word} by their {feature_set} features"
            )
            rows.append((name, "histograms", "", meaning, "Marathe 2022"))
    for suffix, statistic in (("mean", "mean over the cluster of "), ("sd", "standard deviation over the cluster of ")):
        for name, _, unit, meaning, _ in per_calcification:
            rows.append((f"{name}_{suffix}", "moments", unit, statistic + meaning, "Marathe 2022"))
    return pd.DataFrame(rows, columns=["name", "set", "unit", "meaning", "source"])
