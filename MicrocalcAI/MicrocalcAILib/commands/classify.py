"""``microcalc classify``: probability of malignancy of described clusters, with its reasons."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..classification.cases import Cases
    from ..classification.model import ClusterClassifier


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--table",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with cluster_features.csv and calcification_features.csv, or with such folders",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="gets predictions.csv and figures")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="folder of a trained classifier (default: the bundled one)"
    )
    parser.add_argument(
        "--prevalence", type=float, metavar="P", help="share of malignant clusters where these come from"
    )
    parser.add_argument("--plots", action="store_true", help="also draw the explanation of every cluster")
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="image, cluster_id, malignant, …: also compare with the pathology"
    )
    parser.add_argument(
        "--groups",
        default="patient_id",
        metavar="COLUMN",
        help="of the labels: who the patient is (default: patient_id)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Predict, explain, and compare with the pathology where it is given."""
    from ..base.files import replaced_on_success
    from ..base.resources import resource_path
    from ..base.tables import write_table
    from ..classification.cases import read_cases
    from ..classification.explanation import explain, plot_explanation, report
    from ..classification.feature_tables import FeatureTables
    from ..classification.model import ClusterClassifier

    model = ClusterClassifier.load(arguments.model or resource_path("Models/ClusterMalignancy"))
    tables = FeatureTables.load(arguments.table)
    cases = read_cases(tables, arguments.labels, arguments.groups)[0] if arguments.labels else None
    predictions = report(model, tables, arguments.prevalence)
    with replaced_on_success(arguments.output / "predictions.csv") as temporary:
        write_table(predictions, temporary, index=True, float_format="%.6g")
    if arguments.plots:
        for number, explanation in enumerate(explain(model, tables, arguments.prevalence), 1):
            plot_explanation(explanation, arguments.output / "explanations" / f"{number:04d}.png")
    print(f"{len(predictions)} clusters → {arguments.output / 'predictions.csv'}")
    for record in model.warnings(tables):
        print(f"Note: {record.message}")
    if cases is not None:
        _compare(model, cases, arguments.prevalence, arguments.output)
    return 0


def _compare(model: ClusterClassifier, cases: Cases, prevalence: float | None, output: Path) -> None:
    from ..base.files import replaced_on_success
    from ..classification.comparison import compare_with_pathology
    from ..statistics import plot_reliability

    figures = compare_with_pathology(model, cases, prevalence)
    with replaced_on_success(output / "figures.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    predicted = model.predict(cases.tables)["probability_malignant"]
    plot_reliability(cases.malignant, predicted, output / "reliability.png", bins=5)
    area = figures["auc_by_patient"]
    print(f"AUC {area['value']:.3f} (95 % interval {area['low']:.3f} to {area['high']:.3f}, {len(cases)} clusters)")
    for name, point in figures["operating_points"].items():
        line = ", ".join(
            f"{words} {point[key]['value']:.3f} ({point[key]['low']:.3f}–{point[key]['high']:.3f})"
            for words, key in (("sensitivity", "sensitivity"), ("specificity", "specificity"))
        )
        values = point.get("at_prevalence", point)
        ppv, npv = values["positive_predictive_value"]["value"], values["negative_predictive_value"]["value"]
        shown = [
            f"{words} {'–' if value is None else format(value, '.3f')}" for words, value in (("PPV", ppv), ("NPV", npv))
        ]
        print(f"  {name} (score ≥ {point['threshold']:.3f}): {line}, {', '.join(shown)}")
