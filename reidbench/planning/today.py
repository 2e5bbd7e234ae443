"""What the cell of a record would be if it were planned today. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reidbench import registry
from reidbench.planning.dataset_identity import AskedData, fingerprint_of
from reidbench.planning.plan import trunk_identity
from reidbench.spec import NO_TRUNK, Record, UserError, canonical_json

TRAINER = "accuracy"
"""The measurement whose version is the trainer's."""


def latest_contents(records: Iterable[Record]) -> dict[str, str]:
    """The fingerprint of each dataset, however it was asked for, in the latest successful record that has it."""
    good = [record for record in records if record.status == "ok" and "dataset" in record.cell["settings"]]
    datasets = [record.cell["settings"]["dataset"] for record in sorted(good, key=lambda record: record.started)]
    return {_without_content(dataset): dataset["fingerprint"] for dataset in datasets}


def as_of_today(cell: Mapping[str, Any], latest: Mapping[str, str]) -> dict[str, Any]:
    """A recorded cell's identity with today's code, versions, trunk and data: what changes without a request for it.

    A dataset that has to be read for its fingerprint is taken to be as the `latest` record has it, and weights that
    were given in a file are taken to be that file's. What there is no more has "" in its place.
    """
    settings: dict[str, Any] = dict(cell["settings"])
    measurements, model = registry.measurements(), str(cell["model"])
    for name, measurement in (("version", str(cell["measurement"])), ("training", TRAINER)):
        if name in settings:
            settings[name] = measurements[measurement].version if measurement in measurements else ""
    if settings.get("recipe", {}).get("trunk") == "synthetic" and "trunk" in settings and model in registry.models():
        kind = registry.trunk_of(model)
        settings["trunk"] = trunk_identity("synthetic", "", kind) if kind != NO_TRUNK else ""
    if "reference" in settings:
        reference = settings["reference"]
        settings["reference"] = {**reference, "source": _source(reference.get("model"))}
    if "dataset" in settings:
        dataset = settings["dataset"]
        settings["dataset"] = {**dataset, "fingerprint": _content(dataset) or latest.get(_without_content(dataset), "")}
    return {**cell, "settings": settings, "source": _source(model)}


def _source(model: object) -> str:
    return registry.model_source(model) if isinstance(model, str) and model in registry.models() else ""


def _content(dataset: Mapping[str, Any]) -> str:
    """The fingerprint of a dataset where it is made from its options, else ""."""
    try:
        return fingerprint_of(AskedData(dataset["name"], dataset.get("options", {})))
    except UserError:
        return ""


def _without_content(dataset: Mapping[str, Any]) -> str:
    return canonical_json({name: value for name, value in dataset.items() if name != "fingerprint"})
