"""Features in a file, for others to score, or of others: `.npz` without pickles, or `.parquet`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reidbench.data.tracklets import DISTRACTOR, Dataset, Tracklet
from reidbench.files import replacing
from reidbench.program import install_command
from reidbench.resources import memory
from reidbench.retrieval.blocks import BLOCK
from reidbench.retrieval.features import Embedded, Pooling
from reidbench.retrieval.mapped import map_array, rows_beyond
from reidbench.spec import CLIP_FRAMES, Protocol, UserError

FORMAT = "reidbench-features-1"

KINDS = {
    "vector": "f",
    "identity": "iu",
    "camera": "iu",
    "query": "b",
    "name": "U",
    "group": "U",
    "clothes": "Uiuf",
    "about": "U",
}
"""The arrays of a file and the kinds of what each may hold. The first four must be there."""

KIND_NAMES = {"f": "floats", "iu": "integers", "b": "bool", "U": "text", "Uiuf": "texts or numbers"}

NEEDED = ("vector", "identity", "camera", "query")

GIVEN = ("vectors", "identities", "cameras", "is_query")
"""What the four are called where they are arguments."""

DEFAULTS: Mapping[str, Any] = {
    "dataset": "unnamed",
    "fingerprint": "",
    "subset": False,
    "queries_in_gallery": False,
    "frames": CLIP_FRAMES,
    "pooling": Pooling.of(Protocol(), CLIP_FRAMES)._asdict(),
}
"""What is taken of features that nothing is written about: made as the protocol `release` has it."""

LARGEST = 1e15
"""What a feature may hold: distances of larger ones are beyond single precision."""

ABOUT: Mapping[str, type] = {
    "dataset": str,
    "fingerprint": str,
    "subset": bool,
    "queries_in_gallery": bool,
    "frames": int,
    "pooling": dict,
    "dataset_options": dict,
}
"""The types of what is written about the features, as far as it is read."""


def check_name(path: Path) -> None:
    """Raises UserError for a file that could not be written: of another ending, or where pyarrow is missing."""
    if path.suffix not in (".npz", ".parquet"):
        raise UserError(f"--out {path}: let the name end with .npz or .parquet, which says what is written")
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            how = install_command("parquet")
            raise UserError(f"--out {path}: needs pyarrow, which is not installed; {how}, or end it .npz") from None


def write_features(path: Path, embedded: Embedded, about: Mapping[str, Any]) -> None:
    """Writes what was embedded by one pooling, a row a tracklet, the queries first; `about` holds plain values.

    `vector` float32 [N, D], not at unit length, `identity` and `camera` int64 [N], `query` bool [N], `name` [N], the
    path of the tracklet's first frame, `group` and `clothes` [N] ("" for none), and `about`, a JSON text. Atomic.
    """
    check_name(path)
    ((pooling, vectors),) = embedded.vectors.items()
    dataset, tracklets = embedded.dataset, embedded.tracklets
    known = {
        "format": FORMAT,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "subset": dataset.subset,
        "queries_in_gallery": dataset.queries_in_gallery,
        "frames": embedded.frames,
        "pooling": pooling._asdict(),
    }
    columns: dict[str, Any] = {
        "identity": np.array([t.identity for t in tracklets], dtype=np.int64),
        "camera": np.array([t.camera for t in tracklets], dtype=np.int64),
        "query": np.arange(len(tracklets)) < len(dataset.query),
        "name": np.array([t.frames[0] for t in tracklets], dtype=np.str_),
        "group": np.array([str(t.traits.get("group", "")) for t in tracklets], dtype=np.str_),
        "clothes": np.array([t.worn for t in tracklets], dtype=np.str_),
    }
    text = json.dumps({**about, **known})
    with replacing(path) as temporary, temporary.open("wb") as file:
        if path.suffix == ".npz":
            np.savez(file, vector=vectors, about=np.array(text), **columns)
        else:
            _write_parquet(file, vectors, columns, text)


def read_features(path: Path) -> tuple[Embedded, dict[str, Any]]:
    """What `write_features` wrote as `.npz`, and what is written about it, nothing in it ever run.

    Of a file of one's own `vector`, `identity`, `camera` and `query` are enough: names are then numbers, groups and
    clothes empty, and `DEFAULTS` is what is written about it. The tracklets have no frames but the first. Vectors that
    would not fit a block stay in the file, as a memory map. Raises UserError for a file that is missing, damaged or
    something else.
    """
    arrays, about = _read_arrays(path)
    try:
        _check(arrays, {name: name for name in arrays})
        if (np.diff(arrays["query"].astype(int)) > 0).any():
            raise ValueError("it must hold the queries first")
        return _embedded(arrays, about, path), about
    except ValueError as error:
        raise _unreadable(path, str(error)) from error


def given_features(vectors: Any, identities: Any, cameras: Any, is_query: Any, clothes: Any = None) -> Embedded:
    """The features of N tracklets in any order: `vectors` [N, D], `identities` and `cameras` integers [N], `is_query`
    bool [N], as arrays, lists or tensors, and where they are known `clothes`, texts or numbers [N], of which None and
    NaN say nothing. What a file of these would give. Raises UserError."""
    given = (vectors, identities, cameras, is_query)
    try:
        arrays = {name: _array(values) for name, values in zip(NEEDED, given, strict=True)}
        if clothes is not None:
            arrays["clothes"] = _names(clothes)
        _check(arrays, {**dict(zip(NEEDED, GIVEN, strict=True)), "clothes": "clothes"})
        order = np.argsort(~arrays["query"], kind="stable")
        return _embedded({name: array[order] for name, array in arrays.items()}, DEFAULTS, Path())
    except (ValueError, TypeError) as error:
        raise UserError(f"score: cannot take these features ({error})") from error


def _array(given: Any) -> np.ndarray:
    if isinstance(given, Tensor):
        if given.is_meta:
            raise ValueError("a tensor on torch's meta device holds no numbers")
        given = given.detach().cpu()
        given = given.float() if given.dtype == torch.bfloat16 else given  # which NumPy does not know
    return np.asarray(given)


def _names(given: Any) -> np.ndarray:
    """Texts, numbers and what stands for none, as texts."""
    # NumPy's own way makes numbers of such a list where it can, and pandas keeps texts as objects.
    array = _array(given) if isinstance(given, Tensor) else np.asarray(given, dtype=object)
    return np.array([str(value) for value in array.tolist()], dtype=np.str_) if array.ndim == 1 else array


def _embedded(given: Mapping[str, np.ndarray], about: Mapping[str, Any], path: Path) -> Embedded:
    """Checked arrays, the queries first, and what is known about them. Raises ValueError for what is not."""
    # Names of their own: by them re-ranking knows a query that is in the gallery, too.
    count = len(given["query"])
    unsaid = np.full(count, "", dtype=np.str_)
    arrays = {"name": np.arange(count).astype(np.str_), "group": unsaid, "clothes": unsaid, **given}
    arrays["clothes"] = arrays["clothes"].astype(np.str_)
    rows = zip(*(arrays[name].tolist() for name in ("identity", "camera", "name", "group", "clothes")), strict=True)
    tracklets = tuple(
        Tracklet((name,), identity, camera, {"group": group, "clothes": worn})
        for identity, camera, name, group, worn in rows
    )
    queries = int(arrays["query"].sum())
    try:
        dataset = Dataset(
            name=about["dataset"],
            root=path,
            train=(),
            query=tracklets[:queries],
            gallery=tracklets[queries:],
            fingerprint=about["fingerprint"],
            queries_in_gallery=about["queries_in_gallery"],
            subset=about["subset"],
        )
        vectors = {Pooling(**about["pooling"]): _single(arrays["vector"])}
        return Embedded(dataset, tracklets, vectors, about["frames"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"it does not say {error}") from error


def _read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if path.suffix != ".npz":
        raise UserError(
            f"{path}: features are read from .npz alone, .parquet is for other programs; embed them into FILE.npz"
        )
    if path.exists() and not path.is_file():
        raise _unreadable(path, "it is no file")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            others = [name for name in KINDS if name != "vector" and (name in file or name in NEEDED)]
            _check_fits(file, others)
            arrays = {name: file[name] for name in others}
            arrays["vector"] = _vectors(path, file)
        about = json.loads(str(arrays.pop("about"))) if "about" in arrays else {"format": FORMAT, **DEFAULTS}
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except Exception as error:  # NumPy, zipfile and zlib raise errors of many types for damaged files
        # NumPy's own words recommend to run what lies in it.
        objects = isinstance(error, ValueError) and "pickle" in str(error)
        reason = "it is no .npz, or holds more than arrays" if objects else str(error).partition("\n")[0]
        raise _unreadable(path, reason or type(error).__name__) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise _unreadable(path, f"about does not say format {FORMAT}")
    if odd := [name for name, kind in ABOUT.items() if not isinstance(about.get(name, kind()), kind)]:
        raise _unreadable(path, f"about.{odd[0]} is of another type")
    return arrays, about


def _check(arrays: Mapping[str, np.ndarray], called: Mapping[str, str]) -> None:
    """Raises ValueError for arrays that are no features, by what the user calls them."""
    if odd := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ValueError(f"{called[odd[0]]} is no array")
    vectors = arrays["vector"]
    for name, array in sorted(arrays.items(), key=lambda item: item[0] != "vector"):
        length = array.ndim == 2 if name == "vector" else array.shape == vectors.shape[:1]
        if not length or array.dtype.kind not in KINDS[name] or array.dtype == np.uint64:
            wanted = f"{KIND_NAMES[KINDS[name]]} {'[tracklets, D]' if name == 'vector' else '[tracklets]'}"
            found = f"{array.dtype} {list(array.shape)}"
            raise ValueError(f"{called[name]} is of another kind or length, {found}; let it be {wanted}")
    if not vectors.size:
        raise ValueError(f"{called['vector']} holds no numbers")
    if len(beyond := rows_beyond(vectors, LARGEST)):
        what = f"NaN or numbers beyond {LARGEST:g} in {len(beyond)} of {len(vectors)} rows, first in row {beyond[0]}"
        raise ValueError(f"{called['vector']} holds {what} (from 0)")
    if not arrays["query"].any():
        raise ValueError(f"{called['query']} is true nowhere; let it mark the queries")
    if (arrays["identity"][arrays["query"]] <= DISTRACTOR).any():
        raise ValueError("a query is junk or a distractor, not a person to be found")


def _vectors(path: Path, file: Any) -> np.ndarray:
    """Left in the file where they would not fit a block."""
    mapped = map_array(path, "vector")
    if mapped is not None and mapped.size > BLOCK:
        return mapped
    _check_fits(file, ["vector"])
    return file["vector"]


def _check_fits(file: Any, names: Collection[str]) -> None:
    """Raises ValueError for arrays that memory does not hold: a small file can unpack to a thousand times its size."""
    size = sum(each.file_size for each in file.zip.infolist() if each.filename.removesuffix(".npy") in names)
    if size > (free := memory().free):
        raise ValueError(f"{' and '.join(names)} would take {size / 1e9:.3g} GB of memory, {free / 1e9:.3g} are free")


def _single(vectors: np.ndarray) -> np.ndarray:
    return vectors if vectors.dtype == np.float32 else vectors.astype(np.float32)


def _write_parquet(file: Any, vectors: np.ndarray, columns: Mapping[str, np.ndarray], text: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    table = pa.table({**{name: pa.array(column) for name, column in columns.items()}, "vector": lists})
    pyarrow.parquet.write_table(table.replace_schema_metadata({"reidbench": text}), file)


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: holds no features to score ({reason}); give another file")
