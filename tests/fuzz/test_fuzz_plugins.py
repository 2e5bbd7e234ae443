"""Plugins with wrong content: no Python, wrong types in a suite, unknown names, exceptions where they are imported."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import damaged_bytes
from trying import attempt, cases, command

from reidbench import registry
from reidbench.planning.plan import Request, accuracy_cell, make_plan
from reidbench.reporting.tables.table import assemble
from reidbench.spec import UserError
from reidbench.store import Store

SAMPLE = '''"""Two rows of one's own."""

import math
from reidbench.registry import dataset, measurement, model
from reidbench.spec import Column, Published, Row, Suite

WIDTH = 8


@model(presets={"wide": {"width": 16}})
def mine(*, classes=0, size=(64, 32), width=4, kernels=(3, 5), small="no", small_is=0.5):
    """A network of one's own."""
    raise ValueError("no network here")


@dataset
def folder(root: str = "", *, subset: bool = False, split: int = 1):
    """A dataset of one's own."""
    return None


SUITE = Suite(
    title="Mine",
    source="Nobody",
    reference="A",
    rows=(
        Row("A", "baseline", {"width": 16}, (Published({"mAP": "85.2"}, "mars", "Table 1"),)),
        Row("B", "mine", {"kernels": (3, 5)}, frames=8),
        Row("C", approximate=True),
    ),
    columns=(
        Column("accuracy.mAP", "mAP", title="mAP", dataset=""),
        Column("accuracy.top1", data={"rate": 0.5}, level=("rate", 0.5)),
        Column("complexity.macs"),
        Column("latency.ratio", settings={"device": "cpu"}),
    ),
    notes=("A note.",),
    figures=("accuracy",),
    ablation=True,
    contrasts=(("A", "B"),),
)
'''

TOKENS = (
    *('"A"', '"B"', '"mine"', '"baseline"', '"accuracy.mAP"', '"complexity.macs"', '{"width": 16}', '"rate"', "0.5"),
    *('{"device": "cpu"}', '("rate", 0.5)', '(("A", "B"),)', '("accuracy",)', '("A note.",)', "8", "True", "WIDTH"),
    *('{"mAP": "85.2"}', '"mars"', '"mAP"', "(3, 5)", "presets=", "classes=0", '"no"', "Suite(", "Row(", "Column("),
    *("SUITE", "@dataset", "return None", "-> Dataset", "title=", "rows=", "reference=", "(64, 32)", '{"rate": 0.5}'),
    *('{"wide": {"width": 16}}', "@model", "def mine", '"""A network of one\'s own."""', "import math"),
)
"""What of the sample is put otherwise."""

WRONG = (
    *("None", "0", "-1", "10**400", "1e999", "float('nan')", "''", "'x' * 5000", "'\\ud800'", "'a\\nb'", "()", "[]"),
    *("{}", "{1, 2}", "{1: 2}", "b'x'", "object()", "lambda: 1", "...", "1j", "range(3)", "(None,)", "[[]]", "True"),
    *("{'a': {'b': {1}}}", "Row('A')", "Column('x')", "Suite", "'accuracy'", "'accuracy.'", "'.'", "('A',)", "nothing"),
    *("1 / 0", "exit()", "quit(0)", "[" * 300, "(" * 50, "'<script>'", "'../../x'", "SUITE", "int", "'A', 'A'"),
    *("{'small': {}}", "{'width': -1}", "{'width': 'x'}", "'wide'", "classes", "__import__('sys').exit(0)"),
)
"""Expressions for it."""

TAILS = (
    *(
        "",
        "\nraise KeyError('x')\n",
        "\nimport sys\nsys.exit()\n",
        "\nraise SystemExit(0)\n",
        "\n1/0\n",
        "\ndel SUITE\n",
    ),
    *("\nSUITE = 3\n", "\nSUITE = None\n", "\nimport __main__\n", "\nimport no_such_package\n", "\nfrom . import x\n"),
    *(
        "\nSUITE.rows = ()\n",
        "\nassert False\n",
        "\nraise MemoryError\n",
        "\ndef f(): return f()\nf()\n",
        "\nmine = 3\n",
    ),
    *("\nfrom reidbench.spec import Collection\nSUITE = Collection('x', ())\n", "\nfrom x import (\n", "\nraise X\n"),
    *(
        "\nfrom reidbench.spec import Collection\nSUITE = Collection('x', 'table2')\n",
        "\nraise UnicodeError('\\ud800')\n",
    ),
    *("\nfrom reidbench.spec import Collection\nSUITE = Collection('x', (1, None))\n", "\nraise Exception('a\\nb')\n"),
    *(
        "\n@dataset\ndef mars(): pass\n",
        "\n@model()\ndef baseline(*, classes=0): pass\n",
        "\n@measurement\ndef m(): 0\n",
    ),
    *("\n@measurement(quantities={}, mode='batch')\ndef m(cells, progress): ...\n", "\n@measurement()\ndef m(): ...\n"),
    *("\n@model(presets=3)\ndef n(*, classes=0): ...\n", "\n@model(presets={'p': WIDTH})\ndef n(*, classes=0): ...\n"),
    *("\n@model()\ndef n(*, classes=0, x={1, 2}): ...\n", "\n@model()\ndef n(*, classes=0, x=WIDTH): ...\n", "\n\0\n"),
    *("\n@model()\ndef n(*, classes=0, x=1e999): ...\n", "\n@model()\ndef n(*, classes=0, x={[]: 1}): ...\n"),
    *("\n@model(presets={'p': {'q': {1}}})\ndef n(*, classes=0): ...\n", "\n@model()\nclass n: ...\n"),
)

NUMBERS = itertools.count()


@st.composite
def wrong_plugin(draw) -> bytes:
    text = SAMPLE
    for _ in range(draw(st.integers(0, 2))):
        token = draw(st.sampled_from(TOKENS))
        places = [i for i in range(len(text)) if text.startswith(token, i)]
        if places:
            at = draw(st.sampled_from(places))
            text = text[:at] + draw(st.sampled_from(WRONG)) + text[at + len(token) :]
    text += draw(st.sampled_from(TAILS))
    content = text.encode()
    return draw(damaged_bytes(content)) if draw(st.integers(0, 9)) == 0 else content


def use(path: Path, store: Store) -> None:
    """Everything that can be asked of a plugin without measuring."""
    registry.add_plugin(path)
    registry.models(), registry.datasets(), registry.measurements()
    for name in registry.suite_paths():
        registry.suite_about(name)
    if path.stem in registry.suite_paths():
        for name, suite in registry.suites_of(path.stem).items():
            assemble(make_plan(name, suite, Request(), store), store)


def build(path: Path, store: Store) -> None:
    registry.add_plugin(path)
    for name in ("mine", "wide", "n"):
        if name in registry.models():
            accuracy_cell(name, {}, Request(), 0, store)
            registry.build(name, classes=2)


def open_data(path: Path, store: Store) -> None:
    registry.add_plugin(path)
    make_plan("table2", registry.suite("table2"), Request(dataset="folder", root="."), store)


USES: tuple[Callable[[Path, Store], None], ...] = (use, use, build, open_data)


def with_plugin(content: bytes, act: Callable[[Path], object]) -> None:
    """Writes a plugin, acts on it, and takes it away again with what its import left."""
    path = Path(f"plugin_{next(NUMBERS)}.py").resolve()
    path.write_bytes(content)
    known, measurements = list(registry._plugins), dict(registry.MEASUREMENTS)
    try:
        act(path)
    finally:
        registry._plugins[:] = known
        registry.MEASUREMENTS.clear()
        registry.MEASUREMENTS.update(measurements)
        registry.forget_found()
        for name in [name for name in sys.modules if name.startswith("reidbench_plugin_plugin_")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        path.unlink()


@cases(90, 1800)
@given(wrong_plugin(), st.sampled_from(USES))
@example(SAMPLE.encode() + b"\nimport sys\nsys.exit(0)\n", use)
@example(SAMPLE.encode() + b"\nimport __main__\n", use)
@example(SAMPLE.encode() + b"\ndel SUITE\n", use)
@example(SAMPLE.encode() + b"\n@model(presets={'p': WIDTH})\ndef n(*, classes=0): ...\n", use)
@example(SAMPLE.encode() + b"\n@model()\ndef n(*, classes=0, x={1, 2}): ...\n", build)
@example(SAMPLE.replace('"Mine"', "'\\ud800'").encode(), use)
@example(SAMPLE.replace('(("A", "B"),)', "(3,)").encode(), use)
@example(SAMPLE.replace('{"width": 16}, (', "None, (").encode(), use)
@example(SAMPLE.replace('("rate", 0.5)', "'rate'").encode(), use)
@example(SAMPLE.replace('{"mAP": "85.2"}', "{'mAP': 85.2}").encode(), use)
@example(SAMPLE.encode() + b"\nfrom reidbench.spec import Collection\nSUITE = Collection('x', (1, None))\n", use)
@example(SAMPLE.encode(), open_data)
@example(SAMPLE.replace("return None", "return 1 / 0").encode(), open_data)
def test_plugins(content: bytes, act: Callable[[Path, Store], None]) -> None:
    with_plugin(content, lambda path: attempt("plugin", lambda: act(path, Store("results", "here"))))


@cases(25, 200)
@given(wrong_plugin())
def test_commands_with_plugins(content: bytes) -> None:
    with_plugin(content, lambda path: command("plugin, command", ["list", "--plugin", str(path)]))


def test_the_sample_is_sound(tmp_path: Path) -> None:
    with_plugin(SAMPLE.encode(), lambda path: use(path, Store(tmp_path, "here")))


def test_a_plugin_that_leaves_python_is_refused() -> None:
    """Without this, `sys.exit(0)` in a plugin ended the command as a success."""

    def act(path: Path) -> None:
        with pytest.raises(UserError, match="SystemExit"):
            use(path, Store("results", "here"))

    with_plugin(SAMPLE.encode() + b"\nimport sys\nsys.exit(0)\n", act)
