"""Every real dataset from a request to the tracklets that a worker opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trees import write_ccvid, write_duke, write_ilids, write_lsvid, write_prid

from reidbench import registry
from reidbench.data.census import count
from reidbench.data.tracklets import DISTRACTOR
from reidbench.discovery.source import REQUIRED
from reidbench.experiments.accuracy import dataset_of
from reidbench.planning.plan import Request, accuracy_cell
from reidbench.retrieval.features import gallery_of
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Places, UserError
from reidbench.store import Store

LAYOUTS: list[tuple[Callable[[Path], Path], dict[str, Any]]] = [
    (write_duke, {"dense": 16}),
    (write_lsvid, {"dense": 0}),
    (write_ilids, {"split": 3}),
    (write_prid, {"split": 2}),
    (write_ccvid, {"dense": 2}),
]


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout[0].__name__)
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Request:
    write, options = request.param
    name = write.__name__.removeprefix("write_")
    return Request(dataset=name, root=str(write(tmp_path / name)), dataset_options=options, subset=True)


def test_all_that_need_a_root_are_tested() -> None:
    real = {name for name, entry in registry.datasets().items() if entry.options.get("root") is REQUIRED}
    assert real == {"mars", "listed", "mevid", *(write.__name__.removeprefix("write_") for write, _ in LAYOUTS)}


def test_a_worker_opens_what_was_planned(asked: Request, tmp_path: Path) -> None:
    cell = accuracy_cell("baseline", {}, asked, 0, Store(tmp_path / "results", "here"))
    identity = cell.settings["dataset"]
    assert (identity["name"], identity["options"], identity["subset"]) == (asked.dataset, asked.dataset_options, True)
    found = dataset_of(identity, Places(asked.root))
    load = registry.datasets()[asked.dataset].load()
    assert found == load(asked.root, subset=True, **asked.dataset_options)
    assert found != load(asked.root, subset=True)
    with pytest.raises(UserError, match="is not the dataset that was planned for"):
        dataset_of({**identity, "options": {}}, Places(asked.root))


def test_galleries_hold_each_tracklet_once(asked: Request) -> None:
    found = registry.datasets()[asked.dataset].load()(asked.root, subset=True)
    assert not {t.frames for t in found.query} & {t.frames for t in found.gallery}
    searched = gallery_of(found, PROTOCOLS["release"])
    names = {(t.identity, t.camera, *(Path(frame).name for frame in t.frames)) for t in searched}
    assert len(names) == len(searched)
    assert (found.query[0] in searched) == found.queries_in_gallery
    assert sum(t.identity == DISTRACTOR for t in searched) == count(found)["distractor tracklets"]
