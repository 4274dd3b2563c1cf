"""Words of models on held-out simulated clusters that the present analysis finds, paired by patient.

Two sets, in real images and simulated breasts that no training saw: the mix of all words that ``microcalc train words``
holds out, and words that must be right, a few images of each: large rods, scattered round and punctate ones, vessels,
skin, milk of calcium, popcorn, casts that branch along a duct.

``PYTHONPATH=MicrocalcAI:Testing .venv/bin/python Testing/benchmarks/words_benchmark.py BACKGROUNDS.csv FOLDER
[MODEL …]``: the table of backgrounds is that of ``Testing/real_data.py``; measured clusters are kept in FOLDER, so that
further models take seconds. The bundled model comes first, the others are compared with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from MicrocalcAILib.base.files import replaced_on_success
from MicrocalcAILib.base.tables import write_table
from MicrocalcAILib.lexicon.benign import SURE, benign_share, is_benign
from MicrocalcAILib.lexicon.vocabulary import KINDS
from MicrocalcAILib.lexicon.word_model import WordModel
from MicrocalcAILib.phantom import PhantomParameters
from MicrocalcAILib.statistics import Estimate, bootstrap_estimate, proportion
from MicrocalcAILib.training.backgrounds import read_backgrounds
from MicrocalcAILib.training.word_examples import Simulation, word_examples
from MicrocalcAILib.training.words import WordTraining

_VISIBLE = (4.0, 30.0)


def _only(clusters: int, morphologies: tuple[str, ...], distributions: tuple[str, ...] = ()) -> PhantomParameters:
    return PhantomParameters(
        clusters=(clusters, clusters),
        singles=(0, 0),
        morphologies=morphologies,
        distributions=distributions,
        contrast_to_noise=_VISIBLE,
    )


MUST_BE_RIGHT = (
    _only(2, ("large rod-like",)),
    _only(1, ("round", "punctate"), ("diffuse",)),
    _only(3, ("vascular",)),
    _only(4, ("skin",)),
    _only(3, ("milk of calcium",)),
    _only(4, ("popcorn",)),
    _only(3, ("fine linear branching",), ("linear", "segmental")),
)
SETS = {
    "all words": WordTraining().held_out,
    "words that must be right": Simulation(3, 2, 7, seed=2001, mixes=MUST_BE_RIGHT),
}


def main(table: Path, folder: Path, others: list[Path]) -> None:
    models = {"bundled": WordModel.load()} | {str(path): WordModel.load(path) for path in others}
    for name, simulation in SETS.items():
        kept = folder / f"{name}.csv"
        if not kept.exists():
            examples = word_examples(read_backgrounds(table, "held-out"), simulation)
            with replaced_on_success(kept) as temporary:
                write_table(examples, temporary)
        examples = pd.read_csv(kept, keep_default_na=False, na_values=["nan", "NaN"], dtype={"patient": str})
        print(f"\n# {name}: {len(examples)} groups of {examples['patient'].nunique()} patients")
        chances = {
            model_name: {kind: model.probabilities(kind, examples) for kind in KINDS}
            for model_name, model in models.items()
        }
        for kind in KINDS:
            _print_kind(examples, kind, {model: by_kind[kind] for model, by_kind in chances.items()})
        for model_name, by_kind in chances.items():
            _print_benign(model_name, examples, by_kind)


def _print_kind(examples: pd.DataFrame, kind: str, chances: dict[str, pd.DataFrame]) -> None:
    for occasion in ("cluster", "few", "single"):
        rows = (examples["occasion"] == occasion) & (examples[kind] != "")
        if not rows.any():
            continue
        truth, patients = examples.loc[rows, kind], examples.loc[rows, "patient"].to_numpy()
        right = {}
        for model, words in chances.items():
            right[model] = (words[rows].idxmax(axis=1) == truth).to_numpy()
            print(f"{kind}, {occasion}, {model}: right {_share(right[model])}")
            if model != "bundled":
                gained = right[model].astype(float) - right["bundled"]
                difference = bootstrap_estimate(
                    lambda cases, gained=gained: float(gained[cases].mean()), patients, method="percentile"
                )
                print(f"  difference, paired by patient: {_points(difference)}")
        if occasion == "cluster":
            for model, words in chances.items():
                said = words[rows].idxmax(axis=1)
                print(f"{kind} of clusters, {model} (rows: truth)\n{pd.crosstab(truth, said).to_string()}")


def _print_benign(model: str, examples: pd.DataFrame, chances: dict[str, pd.DataFrame]) -> None:
    """How often a suspicious cluster gets no risk because its words are taken for surely benign."""
    rows = examples["occasion"] == "cluster"
    shares = np.array(
        [
            benign_share(chances["morphology"].loc[index].to_dict(), chances["distribution"].loc[index].to_dict())
            for index in examples.index[rows]
        ]
    )
    benign = np.array([is_benign(*words) for words in examples.loc[rows, list(KINDS)].to_numpy()])
    for sure in (0.5, 0.7, 0.8, SURE):
        called = shares >= sure
        print(
            f"{model}: typically benign with {sure:.0%} or more: {_share(called[benign])} of those that are, "
            f"{_share(called[~benign])} of the others"
        )


def _points(estimate: Estimate) -> str:
    return f"{100 * estimate.value:+.1f} points ({100 * estimate.low:+.1f} to {100 * estimate.high:+.1f})"


def _share(chosen: NDArray[np.bool_]) -> str:
    share = proportion(int(chosen.sum()), len(chosen))
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f}) of {len(chosen)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(given) for given in sys.argv[3:]])
