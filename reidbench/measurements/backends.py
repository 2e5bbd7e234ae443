"""What a deployment pays besides time: the file, and what the backend's arithmetic loses. Imports torch only inside."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.measurements import RUN, Outcomes, Progress, mean_of
from reidbench.measurements.inspections import inspect_trained
from reidbench.registry import measurement
from reidbench.spec import Cell, Outcome, Quantity


@measurement(
    mode="batch",
    needs=("device", "backend"),
    hears=("device", "precision", "backend"),
    quantities={
        "size": Quantity(
            "On disk", "MB", "lower", 1, 1e-6, "the file that the backend loads; of torch's own, weights as safetensors"
        ),
    },
)
def disk(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """Bytes on disk of the network, without its classifier, as the backend loads it."""
    from reidbench.profiling import session

    for done, cell in enumerate(cells):
        progress(cell, done, len(cells), "writing")
        size = session.bytes_on_disk(cell)
        progress(cell, done + 1, len(cells), f"{size / 1e6:.1f} MB")
        yield cell, Outcome({"size": float(size)})


@measurement(
    mode="alone",
    needs_training=True,
    hears=RUN,
    quantities={
        "mAP": mean_of("mAP", "%", "higher", "mean average precision of the backend's vectors", "ap"),
        "lost": mean_of("mAP lost", "pp", "lower", "eager float32's mAP less the backend's, paired", "lost"),
        "cosine_error": Quantity(
            "1 - cosine",
            "1e-6",
            "lower",
            1,
            1e6,
            "between a query's vector by the backend and by eager float32, mean",
            "mean",
            "cosine_error",
            by="identity",
        ),
        "worst": Quantity("Worst", "1e-6", "lower", 1, 1e6, "that of the query that it is largest for"),
    },
)
def fidelity(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """What a backend's arithmetic costs a trained model in accuracy, against eager torch in float32."""
    from reidbench.inspection.fidelity import check_fidelity, look_at_fidelity

    yield from inspect_trained(cells, progress, check_fidelity, look_at_fidelity)
