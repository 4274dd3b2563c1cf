"""Diagnostic statistics in one place: import them from here.

Arrays of cases are ``outcome`` (1: disease present) and ``score`` or ``probability`` (higher: more suspicious). Every
number that is estimated comes as an :class:`Estimate` with its interval. Heavy packages are imported by the functions
that use them.
"""

from __future__ import annotations

from .agreement import (
    BlandAltman,
    WithinSubject,
    bland_altman,
    cohen_kappa,
    intraclass_correlation,
    several_reader_kappa,
    within_subject,
)
from .calibration import (
    CalibrationLine,
    ChiSquareTest,
    brier_estimate,
    brier_score,
    calibration_line,
    calibration_summary,
    expected_calibration_error,
    hosmer_lemeshow,
    plot_reliability,
    reliability_bins,
)
from .clustered import auc_covariance, clustered_means, clustered_proportion, is_clustered, resampled_units
from .decision import decision_curve
from .diagnostic import DiagnosticTable, diagnostic_table
from .estimate import Estimate, proportion
from .resampling import bootstrap_estimate
from .roc import (
    AucComparison,
    OperatingPoint,
    PrecisionRecallCurve,
    RocCurve,
    auc,
    compare_paired_auc,
    compare_unpaired_auc,
    point_at_sensitivity,
    point_at_specificity,
    precision_recall_curve,
    roc_curve,
    youden_point,
)
from .sample_size import SampleSize, auc_power, auc_sample_size, hanley_mcneil_standard_error

__all__ = [
    "AucComparison",
    "BlandAltman",
    "CalibrationLine",
    "ChiSquareTest",
    "DiagnosticTable",
    "Estimate",
    "OperatingPoint",
    "PrecisionRecallCurve",
    "RocCurve",
    "SampleSize",
    "WithinSubject",
    "auc",
    "auc_covariance",
    "auc_power",
    "auc_sample_size",
    "bland_altman",
    "bootstrap_estimate",
    "brier_estimate",
    "brier_score",
    "calibration_line",
    "calibration_summary",
    "clustered_means",
    "clustered_proportion",
    "cohen_kappa",
    "compare_paired_auc",
    "compare_unpaired_auc",
    "decision_curve",
    "diagnostic_table",
    "expected_calibration_error",
    "hanley_mcneil_standard_error",
    "hosmer_lemeshow",
    "intraclass_correlation",
    "is_clustered",
    "plot_reliability",
    "point_at_sensitivity",
    "point_at_specificity",
    "precision_recall_curve",
    "proportion",
    "reliability_bins",
    "resampled_units",
    "roc_curve",
    "several_reader_kappa",
    "within_subject",
    "youden_point",
]
