"""Keeps what was read of a dataset's folder in the cache, so that its lists and folders are gone through once.

An index is taken again only while everything that was looked at to make it (lists, folders of frames, the frames
sampled for the fingerprint, and files that were not there) has the length and the times of change that it had. So a
frame that is added, removed or renamed, and an info file that is written, make it anew: about as many looks as there
are folders, not as there are frames. What a frame holds is not looked at here; the cache of decoded frames is keyed by
each frame's own state. Another version of the readers, another root, or another option is another index.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from reidbench.data.cache import cache_folder
from reidbench.data.tracklets import PARTS, Dataset, Release, Tracklet
from reidbench.data.tree import State, Tree, state
from reidbench.files import resolved, write_text
from reidbench.spec import canonical_json

FIELDS = ("name", "fingerprint", "queries_in_gallery", "about")
"""What of a `Dataset` an index keeps, besides its remarks."""

SETTLED = 2.0
"""Seconds for which a tree must not have changed before it is read. A change within one tick of a file system's clock
(2 s on the coarsest) leaves no trace, so what is still changing is not kept."""


def indexed(name: str, root: Path, read: Callable[..., Dataset], release: Release | None, **options: Any) -> Dataset:
    """What `read(tree, **options)` finds in the tree at `root`, from the index if the tree is as it was.

    What cannot be read (a UserError) is not kept.
    """
    file = _files(root) / f"{name}-{hashlib.sha256(canonical_json(options).encode()).hexdigest()[:8]}.json"
    kept = _load(file, root, release)
    if kept:
        return kept
    tree, began = Tree(root), time.time()
    found = read(tree, **options)
    if all(seen is None or max(seen[1:]) < (began - SETTLED) * 1e9 for seen in tree.seen.values()):
        write_text(file, json.dumps({"version": _version(), "seen": tree.seen, "dataset": _plain(found)}))
    return found


def forget(root: Path) -> None:
    """Removes what is kept of the tree at `root`, so that it is really read again."""
    for file in _files(root).glob("*.json"):
        file.unlink(missing_ok=True)


def _files(root: Path) -> Path:
    return cache_folder() / "indexes" / hashlib.sha256(os.fsencode(resolved(root))).hexdigest()[:16]


@cache
def _version() -> str:
    """A hash over the code of this folder, all of which may have a part in what an index holds."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _load(file: Path, root: Path, release: Release | None) -> Dataset | None:
    """The dataset that a file keeps; None if there is no whole file, or the tree or the readers have changed."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        seen: dict[str, State] = {path: tuple(known) if known else None for path, known in content["seen"].items()}
        if content["version"] != _version() or any(state(root / path) != known for path, known in seen.items()):
            return None
        kept = content["dataset"]
        parts: Any = {part: tuple(map(_tracklet, kept[part])) for part in PARTS}
        rest = {field: kept[field] for field in FIELDS}
        return Dataset(root=root, release=release, remarks=tuple(kept["remarks"]), **parts, **rest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _plain(found: Dataset) -> dict[str, Any]:
    """A dataset as JSON has it; each tracklet is [folder, names of frames, identity, camera, traits]."""
    plain: dict[str, Any] = {field: getattr(found, field) for field in (*FIELDS, "remarks")}
    for part in PARTS:
        plain[part] = [
            [t.frames[0].rpartition("/")[0], [f.rpartition("/")[2] for f in t.frames], t.identity, t.camera, t.traits]
            for t in getattr(found, part)
        ]
    return plain


def _tracklet(kept: Sequence[Any]) -> Tracklet:
    folder, names, identity, camera, traits = kept
    below = f"{folder}/" if folder else ""
    return Tracklet(tuple(f"{below}{name}" for name in names), identity, camera, traits)
