"""What a deployment pays: whole tracklets, large galleries. Imports torch only inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from reidbench.measurements import RUN, Outcomes, Progress
from reidbench.registry import measurement
from reidbench.spec import Cell, Outcome, Quantity

if TYPE_CHECKING:
    from reidbench.data.frames import Frames
    from reidbench.profiling.latency import Run, Timings

TRACKLET, MARS_GALLERY, QUERIES = 60, 11_310, 256
"""Unless the settings say otherwise: frames of a tracklet (the mean of MARS is 59.5), entries of the gallery (those of
MARS with the distractors), and queries where scoring is timed."""

END_TO_END_ROUNDS, SCORING_ROUNDS = 10, 3


def _stage(title: str, stage: str, about: str) -> Quantity:
    return Quantity(title, "ms", "lower", 1, 1e3, about, "median", stage)


@measurement(
    mode="interleaved",
    needs=("device", "backend", "reference"),
    hears=(*RUN, "tracklet", "gallery"),
    quantities={
        "total": _stage("Whole tracklet", "total", "from its JPEGs to the nearest of the gallery; median of the sums"),
        "ratio": Quantity(
            "Whole tracklet, ratio",
            "x",
            "lower",
            2,
            1.0,
            "to the reference row's, in pairs",
            "ratio",
            "total",
            "reference",
        ),
        "decode": _stage("Decode", "decode", "its JPEGs, read and decoded"),
        "clips": _stage("Clips", "clips", "all frames in clips, normalised, on the device"),
        "network": _stage("Network", "network", "the features of all clips"),
        "pooling": _stage("Pooling", "pooling", "their mean, the neck, unit length"),
        "search": _stage("Search", "search", "similarity to every entry of the gallery, and the 20 nearest"),
        "outside": Quantity(
            "Outside the network",
            "%",
            "",
            1,
            100.0,
            "part of the whole that is not the network",
            "ratio",
            "outside",
            "total",
        ),
    },
    version=2,
)
def end_to_end(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """Seconds of a whole tracklet by stage: decode, clips, network, pooling, search; the rows taking turns."""
    from reidbench.data.jpeg import decoder
    from reidbench.experiments.end_to_end import STAGES, deploy, timed_stages, tracklet_on_disk
    from reidbench.profiling import session
    from reidbench.profiling.latency import interleave
    from reidbench.profiling.load import Load

    settings = cells[0].settings
    length, entries = settings.get("tracklet", TRACKLET), settings.get("gallery", MARS_GALLERY)
    load = Load()
    with session.threads_of(settings["threads"]) as threads:
        subjects, failures = session.subjects(cells)
        reference, shapes = session.add_reference(subjects, cells)
        height, width = shapes[reference][3:]
        frames = tracklet_on_disk(length, (height, width), threads)
        readings: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}

        def whole(name: str) -> Run:
            deployed = deploy(subjects[name], frames, tuple(shapes[name]), gallery=entries)
            return lambda: readings[name].append(timed_stages(deployed))

        runs, unstarted = session.make_each({name: partial(whole, name) for name in subjects}, settings["device"])
        failures |= unstarted | session.drop_misfits(runs, settings["device"])
        if reference not in runs:
            raise session.lacks_reference(failures[reference])

        def after_round(done: int, timings: Timings) -> None:
            for cell in cells:
                if cell.key in runs:
                    progress(cell, done, END_TO_END_ROUNDS, f"{timings.seconds[cell.key][-1] * 1e3:.0f} ms")

        timings = interleave(runs, rounds=END_TO_END_ROUNDS, load=load, after_round=after_round)
    samples = {name: _by_stage(readings[name], STAGES, timings.rounds) for name in runs}
    about = {"tracklet": length, "gallery": entries, "decoder": decoder(), "bytes_a_frame": _mean_bytes(frames)}
    for cell in cells:
        if cell.key in samples:
            own = {**samples[cell.key], "reference": samples[reference]["total"]}
            context = {**about, "rounds": timings.rounds, **session.context(cells, threads, load)}
            yield cell, Outcome(samples=own, context=context)
    yield from session.failed(failures, cells)


@measurement(
    mode="interleaved",
    needs=("device",),
    hears=("threads", "gallery", "queries"),
    quantities={
        "query": Quantity(
            "Scoring", "ms/query", "lower", 2, 1e3, "mAP, CMC and mINP by a query; median", "median", "per_query"
        ),
        "over_product": Quantity(
            "Scoring to product",
            "x product",
            "lower",
            2,
            1.0,
            "scoring to the matrix product alone, in pairs",
            "ratio",
            "scoring",
            "product",
        ),
        "added": Quantity(
            "Scoring memory", "MB", "lower", 0, 1e-6, "peak while scoring beyond the features, which are memory-mapped"
        ),
    },
    version=2,
)
def scoring(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """Seconds and memory to score random queries against a memory-mapped gallery, for a model's length of feature."""
    from reidbench.data.cache import cache_folder
    from reidbench.experiments.scale import time_scoring
    from reidbench.profiling import session
    from reidbench.profiling.latency import inference
    from reidbench.profiling.load import Load

    for cell in cells:
        settings = cell.settings
        queries, gallery = settings.get("queries", QUERIES), settings.get("gallery", MARS_GALLERY)
        progress(cell, 0, SCORING_ROUNDS, "makes the gallery")
        clip: Any = inference(session.build(cell.model, cell.options), settings["shape"])()
        dimension = clip.feature.shape[1]
        load = Load()
        with session.threads_of(settings["threads"]) as threads:
            found = time_scoring(
                # Of gigabytes: what a killed process leaves has a draft's name, and is swept as one.
                cache_folder() / f".{cell.key}.gallery.part",
                queries=queries,
                gallery=gallery,
                dimension=dimension,
                rounds=SCORING_ROUNDS,
                load=load,
                after_round=partial(_after_scoring, cell, progress),
            )
        samples = {"scoring": found.scoring, "product": found.product}
        samples["per_query"] = [seconds / queries for seconds in found.scoring]
        values = {} if found.added is None else {"added": float(found.added)}
        context = {
            "queries": queries,
            "gallery": gallery,
            "dimension": dimension,
            **session.context(cells, threads, load),
        }
        yield cell, Outcome(values, samples, context)


def _after_scoring(cell: Cell, progress: Progress, done: int, timings: Timings) -> None:
    progress(cell, done, SCORING_ROUNDS, f"{timings.seconds['scoring'][-1]:.2f} s")


def _by_stage(readings: Sequence[dict[str, float]], stages: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """The samples of a row, of its last so many readings, those before apart."""
    timed, warmup = readings[-rounds:], readings[:-rounds]
    samples = {stage: [reading[stage] for reading in timed] for stage in stages}
    samples["total"] = [sum(reading.values()) for reading in timed]
    samples["outside"] = [sum(reading.values()) - reading["network"] for reading in timed]
    return {**samples, "warmup": [sum(reading.values()) for reading in warmup]}


def _mean_bytes(frames: Frames) -> int:
    return sum((frames.root / path).stat().st_size for path in frames.paths) // len(frames.paths)
