"""What trained models look at and answer. Imports torch only inside the functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from reidbench.measurements import TRAINED, Outcomes, Progress, mean_of
from reidbench.registry import measurement
from reidbench.spec import Cell, Outcome, Places, Quantity


@measurement(
    mode="alone",
    needs_training=True,
    hears=TRAINED,
    version=2,
    quantities={
        "overlap": mean_of(
            "Overlap of frames",
            "%",
            "lower",
            "how far the maps of consecutive frames of a clip overlap (sum of sqrt(p q), in cells of 32 pixels)",
            "overlap",
        ),
        "coverage": mean_of(
            "Body covered",
            "%",
            "higher",
            "the part of the person's pixels that some frame of a clip lights up to half its maximum, in such cells",
            "coverage",
        ),
        "person": mean_of("On the person", "%", "", "the part of a map that lies on the person's pixels", "person"),
        "area": mean_of(
            "Even map", "%", "", "what an even map would have there: the person's part of the frame", "area"
        ),
        "empty": mean_of(
            "No activation",
            "%",
            "",
            "frames whose map is nowhere positive: counted as even, but as covering nothing",
            "empty",
        ),
        "emblem": mean_of(
            "At the emblem", "x", "", "activation at the emblem to the frame's mean", "emblem", where="has_emblem"
        ),
    },
)
def activation(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """Where in a clip's frames the similarity to the query's match lies, by class-activation maps of the pair."""
    from reidbench.inspection.activation import check_activation, look_at_activation

    yield from inspect_trained(cells, progress, check_activation, look_at_activation)


@measurement(
    mode="alone",
    needs_training=True,
    hears=TRAINED,
    quantities={
        "overlap": mean_of(
            "Overlap",
            "%",
            "lower",
            "how far the attention maps of two small frames of a group overlap (sum of sqrt(p q)); 100: alike",
            "overlap",
        ),
        "evenness": mean_of(
            "Evenness",
            "%",
            "",
            "the part of the positions that a map spreads over, exp(entropy); 100: even",
            "evenness",
        ),
        "constancy": mean_of(
            "Constancy",
            "%",
            "",
            "overlap of a map with the mean map of its place in the clip; 100: attention ignores what is seen",
            "constancy",
        ),
    },
)
def attention(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """How diverse the attention of DAO is over the frames of a clip."""
    from reidbench.inspection.attention import check_attention, look_at_attention

    yield from inspect_trained(cells, progress, check_attention, look_at_attention)


@measurement(
    mode="alone",
    needs_training=True,
    hears=TRAINED,
    version=2,
    quantities={
        "long": mean_of("Longest", "%", "", "weight of the longest kernel over all queries", "long"),
        "long_fast": mean_of("Longest, fast", "%", "", "that weight for quick walkers", "long", where="fast"),
        "long_slow": mean_of("Longest, slow", "%", "", "that weight for slow walkers", "long", where="slow"),
        "long_clear": mean_of("Longest, clear", "%", "", "that weight without an occluder", "long", where="clear"),
        "long_occluded": mean_of(
            "Longest, occluded", "%", "", "that weight with an occluder", "long", where="occluded"
        ),
        "tempo_gap": mean_of(
            "Slow - fast",
            "pp",
            "",
            "the longest kernel's weight for the slow twin minus the quick one, who differ in tempo alone, before one "
            "camera; interval over pairs",
            "tempo_gap",
            by="tempo_pair",
        ),
        "occlusion_gap": mean_of(
            "Occluded - clear",
            "pp",
            "",
            "the longest kernel's weight for occluded minus clear tracklets of one person; interval over persons",
            "occlusion_gap",
            by="occlusion_identity",
        ),
        "spread": Quantity(
            "Spread", "pp", "", 2, 100, "standard deviation of the longest kernel's weight over all queries"
        ),
        "channel_spread": Quantity(
            "Channel spread", "pp", "", 2, 100, "that standard deviation channel by channel, on average"
        ),
        "tempo_channels": Quantity(
            "Channels by tempo",
            "%",
            "",
            1,
            100,
            "channels whose weight differs between slow and quick twins (t test over pairs at 5 %)",
            chance="tempo_channels_bound",
        ),
        "tempo_channels_bound": Quantity(
            "By chance, tempo",
            "%",
            "",
            1,
            100,
            "what that stays below in 95 % of cases where tempo makes no difference: it is counted again with the "
            "twins of random pairs swapped, in all channels at once, for channels move together",
        ),
        "occlusion_channels": Quantity(
            "Channels by occlusion",
            "%",
            "",
            1,
            100,
            "channels whose weight differs between a person's occluded and clear tracklets (the same test)",
            chance="occlusion_channels_bound",
        ),
        "occlusion_channels_bound": Quantity(
            "By chance, occlusion", "%", "", 1, 100, "what that stays below where occlusion makes none (found likewise)"
        ),
    },
)
def selection(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """The weights that TKS gives its temporal kernels, for slow and fast walkers and for occluded ones."""
    from reidbench.inspection.selection import check_selection, look_at_selection

    yield from inspect_trained(cells, progress, check_selection, look_at_selection)


@measurement(
    mode="alone",
    needs_training=True,
    hears=TRAINED,
    quantities={
        "found": mean_of("Found in ten", "%", "higher", "part of a query's matches among the first ten", "found"),
        "lookalikes": mean_of("Look-alikes", "of 10", "lower", "look-alikes among the first ten", "lookalikes"),
        "others": mean_of(
            "Others", "of 10", "", "others among the first ten, who resemble nobody on purpose", "others"
        ),
    },
)
def ranking(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """The first ten of every query's ranking: matches, look-alikes and others."""
    from reidbench.inspection.ranking import look_at_ranking

    yield from inspect_trained(cells, progress, lambda cell: None, look_at_ranking)


def inspect_trained(
    cells: Sequence[Cell], progress: Progress, check: Callable[[Cell], None], look: Callable[..., Outcome]
) -> Outcomes:
    """Looks at each cell's trained model; refuses one that has nothing to look at before it is trained."""
    from reidbench.experiments.accuracy import origins, trained_model

    places = Places.from_environment()
    for cell in cells:
        check(cell)
        report: Any = partial(progress, cell)
        trained = trained_model(cell, places, report)
        outcome = look(trained.model, trained.dataset, cell, report)
        outcome.context |= {"training": trained.about, **origins(trained.dataset, cell)}
        yield cell, outcome
