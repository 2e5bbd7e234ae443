"""How well a trained model retrieves. Imports torch only inside the function."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reidbench.measurements import TRAINED, Outcomes, Progress, mean_of
from reidbench.registry import measurement
from reidbench.spec import Cell, Places, Quantity


def _percentage(title: str, sample: str, about: str, where: str = "") -> Quantity:
    return mean_of(title, "%", "higher", about, sample, where=where)


@measurement(
    mode="alone",
    needs_training=True,
    hears=TRAINED,
    quantities={
        "mAP": _percentage("mAP", "ap", "mean average precision over the queries that have a match"),
        "top1": _percentage("top-1", "top1", "queries whose best match is right (CMC at rank 1)"),
        "top5": _percentage("top-5", "top5", "CMC at rank 5"),
        "top10": _percentage("top-10", "top10", "CMC at rank 10"),
        "top20": _percentage("top-20", "top20", "CMC at rank 20"),
        "mINP": _percentage("mINP", "inp", "mean inverse negative penalty: matches over the rank of the last one"),
        "mAP_emblem": _percentage("mAP emblem", "ap", "mAP of identities with emblem twins", "factor:emblem"),
        "mAP_tempo": _percentage("mAP tempo", "ap", "mAP of identities with tempo twins", "factor:tempo"),
        "mAP_occluded": _percentage("mAP occluded", "ap", "mAP of occluded queries", "occluded"),
        "auc_emblem": _percentage(
            "AUC emblem", "twin_auc", "how often a match is nearer than an emblem twin; chance is 50", "factor:emblem"
        ),
        "auc_tempo": _percentage(
            "AUC tempo", "twin_auc", "how often a match is nearer than a tempo twin; chance is 50", "factor:tempo"
        ),
        "floor": _percentage(
            "look-alikes not told apart",
            "floor",
            "the mAP of finding every group of twins and telling none of its members apart",
        ),
    },
)
def accuracy(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """mAP, CMC and mINP after training by the preset's recipe, per query, with look-alikes apart."""
    from reidbench.experiments.accuracy import check_scorable, score, trained_model

    places = Places.from_environment()
    for cell in cells:
        check_scorable(cell, places)
        trained = trained_model(cell, places, partial(progress, cell))
        outcome = score(trained.model, trained.dataset, cell, partial(progress, cell))
        outcome.values["training_seconds"] = trained.seconds
        outcome.context |= {"losses": trained.losses, "training": trained.about}
        yield cell, outcome
