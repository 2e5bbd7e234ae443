"""Numbers that README and docs/ quote in sentences are those of the records, and times those that the suites tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import product
from pathlib import Path
from statistics import median

import pytest

import reidbench
from reidbench import registry
from reidbench.data import mars
from reidbench.estimates import estimate
from reidbench.planning.plan import Request, make_plan
from reidbench.reporting.tables.comparison import compare, excludes_zero
from reidbench.reporting.tables.table import assemble
from reidbench.store import Store, read_record

ROOT = Path(__file__).resolve().parent.parent
MACHINE = ROOT / "results" / "amd-epyc-2-core-407a"
FULL = ROOT / "results" / "nvidia-h200-16-core-7ae3"
GPU = ROOT / "results" / "nvidia-h100-80gb-hbm3-16-core-c007"
OLDER_CPU = ROOT / "results" / "amd-epyc-2-core-a503"
STARTED = re.compile(r"^python bench\.py (\w+) +# (.*)$", flags=re.MULTILINE)


def page(name: str) -> str:
    """A page as one line, so that it does not matter where lines end."""
    return " ".join((ROOT / name).read_text().split())


def rows_of(report: str, machine: Path = MACHINE) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Every row of every table of a committed report: the heading above it, and its cells with the names of columns."""
    heading, columns = "", []
    for line in (machine / f"{report}.md").read_text().splitlines():
        if line.startswith("#"):
            heading, columns = line.strip("# "), []
        if not line.startswith("|"):
            columns = []
        elif cells := [cell.strip(" *") for cell in line.strip("| ").split("|")]:
            if columns and not set(cells[0]) <= set("-:"):
                yield heading, list(zip(columns, cells, strict=True))
            columns = columns or [cell.rstrip("¹²³") for cell in cells]


def cell(report: str, row: str, column: str, under: str = "", machine: Path = MACHINE) -> str:
    """What a report has in the first such column, of the tables whose heading is `under` ("": of all)."""
    for heading, pairs in rows_of(report, machine):
        cells = dict(pairs)
        if pairs[0][1].removesuffix(" ≈") == row and column in cells and heading.startswith(under):
            return cells[column]
    raise AssertionError(f"{report} has no {column} of {row}")


@pytest.mark.parametrize(
    ("text", "report", "row", "column", "under"),
    [
        ("bigger frames (+{} mAP)", "table2", "Base-B (256x128) over Base-S (128x64)", "mAP (pp)", ""),
        ("temporal kernels (+{})", "table2", "BiCnet-TK (fix-fusion) over TB+CSP+DAO (BiCnet)", "mAP (pp)", ""),
        ("COSAM has the highest mAP ({})", "rivals", "COSAM", "mAP (%)", ""),
        ("BiCnet-TKS ({}) is the fastest", "rivals", "BiCnet-TKS", "mAP (%)", ""),
        ("TKS adds {} mAP", "components", "TKS", "mAP (pp)", ""),
        ("as released, it has {},", "recipe", "BiCnet-TKS, TKS starts at 0", "mAP (%)", ""),
        (
            "all over the tracklet it has {}, for",
            "recipe",
            "BiCnet-TKS, frames from all over the tracklet",
            "mAP (%)",
            "",
        ),
        ("look-alikes in any batch {},", "recipe", "BiCnet-TKS, look-alikes in any batch", "mAP (%)", ""),
        ("without triplets {}.", "recipe", "BiCnet-TKS, without triplets", "mAP (%)", ""),
        ("its lead over Base-B ({})", "recipe", "Base-B", "mAP (%)", ""),
        ("takes {} ms by eager torch", "backends", "BiCnet-TKS", "Latency (ms)", "Cost: cpu, fp32, the"),
        ("{} ms by OpenVINO in fp32", "backends", "BiCnet-TKS", "Latency (ms)", "Cost: cpu, fp32, openvino"),
        ("and {} ms in int8", "backends", "BiCnet-TKS", "Latency (ms)", "Cost: cpu, int8, openvino"),
        ("takes {} times Base-B's time", "end_to_end", "BiCnet-TKS", "Whole tracklet, ratio (x)", ""),
        (
            "takes {} ms for the tracklet",
            "end_to_end",
            "BiCnet-TKS",
            "Whole tracklet (ms)",
            "Cost: cpu, int8, openvino",
        ),
        (", {} times Base-B's.", "end_to_end", "BiCnet-TKS", "Whole tracklet, ratio (x)", "Cost: cpu, int8"),
    ],
)
def test_results_quotes_the_reports(text: str, report: str, row: str, column: str, under: str) -> None:
    value = cell(report, row, column, under).split()[0].lstrip("+")
    assert text.format(value) in page("docs/results.md")


def test_results_quotes_the_lead_at_128x64() -> None:
    report = page("results/amd-epyc-2-core-407a/table2-fine.md")
    lead = re.search(r"- BiCnet-TKS: (\S+) mAP \[(\S+), ", report)
    assert float(lead[2]) > 0 and "each row against the one above it: within the noise all 7" in report
    assert f"by more than the noise ({lead[1]}), no single step does" in page("docs/results.md")


@pytest.mark.parametrize(
    ("text", "row", "column", "under"),
    [
        ("the ratio is {} in one session", "BiCnet-TKS", "Latency ratio (x)", "Cost: cuda, fp32, the"),
        ("call, the ratio is {} in fp32", "BiCnet-TKS", "Latency ratio (x)", "Cost: cuda, fp32, cudagraph"),
        ("in fp32 and {} in bf16: now", "BiCnet-TKS", "Latency ratio (x)", "Cost: cuda, bf16, cudagraph"),
        ("and {} of its time", "Base-S (128x64)", "Latency ratio (x)", "Cost: cuda, fp32, cudagraph"),
        ("gain, and the ratio is {} in fp32", "BiCnet-TKS", "Latency ratio (x)", "Cost: cuda, fp32, fused"),
        ("in fp32 and {} in bf16. (These", "BiCnet-TKS", "Latency ratio (x)", "Cost: cuda, bf16, fused"),
        ("the graph's ratio is {} here", "BiCnet-TKS", "Latency ratio (x)", "Cost: cuda, ieee32, cudagraph"),
    ],
)
def test_results_quotes_what_a_gpu_took_for_one_clip(text: str, row: str, column: str, under: str) -> None:
    assert text.format(two_digits(cell("overhead", row, column, under, GPU))) in page("docs/results.md")


def two_digits(text: str) -> str:
    """The value of a cell with two digits, where its interval may ask for more."""
    return f"{float(text.split()[0]):.2f}"


def layout_times(network: str, run_by: str) -> float:
    """Milliseconds of one clip on the page of a GPU's speed."""
    line = re.search(rf"\| {network} \| {run_by} \| \S+ \| (\S+) \|", (ROOT / "docs/speed-gpu.md").read_text())
    return float(line[1])


def test_the_eager_ratio_of_another_session_is_that_of_the_page_of_speed() -> None:
    ratio = layout_times("BiCnet-TKS", "eager, fp32") / layout_times("Base-B", "eager, fp32")
    assert f"in one session and {ratio:.2f} [in another]" in page("docs/results.md")
    first = float(cell("overhead", "BiCnet-TKS", "Latency ratio (x)", "Cost: cuda, fp32, the", GPU).split()[0])
    assert f"by eager torch {first:.1f} to {ratio:.1f} times as long" in page("README.md")


def test_the_readme_quotes_what_a_gpu_took() -> None:
    graphs, fused = (
        [
            two_digits(cell("overhead", "BiCnet-TKS", "Latency ratio (x)", f"Cost: cuda, {precision}, {backend}", GPU))
            for precision in ("fp32", "bf16")
        ]
        for backend in ("cudagraph", "fused")
    )
    said = re.search(r"best batch: (\S+)x on cuda, fp32 \((\d+) and (\d+) clips", page(f"results/{GPU.name}/gpu.md"))
    text = page("README.md")
    assert f"as a CUDA graph {graphs[0]} times in fp32 and {graphs[1]} in bf16; with" in text
    assert f"about as long in fp32 ({fused[0]}) and {fused[1]} times in bf16" in text
    told = f"{said[1]} times Base-B's time per frame at the best batches ({said[2]} and {said[3]} clips)"
    assert told in text


def test_the_readme_quotes_the_ratios_of_one_clip_by_kind_of_machine() -> None:
    ratios: dict[str, list[float]] = {"cpu": [], "cuda": []}
    many = []
    for _, pairs in rows_of("machines-table2", ROOT / "results"):
        cells = dict(pairs)
        if (at_once := cells.get("many clips at once (x)", "-")) != "-" and "†" not in at_once:
            many.append(float(at_once.split()[0]))
        if cells.get("one clip (x)", "-") != "-" and "†" not in cells["one clip (x)"]:
            ratios[cells["run by"].partition(",")[0]].append(float(cells["one clip (x)"].split()[0]))
    cpu, gpu = (f"{min(found):.2f} to {max(found):.2f}" for found in ratios.values())
    assert f"{cpu} times Base-B's time on the CPUs, {gpu} on the GPUs" in page("README.md")
    told = f"it takes {min(many):.2f} to {max(many):.2f} times the time, in each of the {len(many)} ways that this was"
    assert told in page("README.md")


def test_what_a_cpu_without_bf16_takes_is_that_of_its_report() -> None:
    def found(row: str, column: str, way: str) -> str:
        return cell("backends-cost", row, column, f"Cost: cpu, {way}the paper's", OLDER_CPU).split()[0]

    openvino, eager = (found("BiCnet-TKS", "Latency ratio (x)", way) for way in ("fp32, openvino, ", "fp32, "))
    wide, narrow = (found("Base-B (256x128)", "Latency (ms)", way) for way in ("fp32, ", "bf16, "))
    told = page("docs/results.md")
    assert f"takes {openvino} times Base-B's time by OpenVINO in fp32, {eager} times by eager torch" in told
    assert f"Eager bf16 takes Base-B {narrow} ms where fp32 takes {wide}:" in told


def test_how_far_two_sessions_of_many_clips_lay_apart_is_that_of_their_records() -> None:
    rows = ("Base-B (256x128)", "BiCnet-TKS")
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for path in (OLDER_CPU / "throughput").rglob("*.json"):
        record = read_record(path)
        settings = record.cell["settings"]
        if (settings["precision"], settings["backend"]) == ("fp32", "eager"):
            rate = median(record.samples["frames_per_second"])
            found.setdefault(record.started, {})[record.row] = (rate, record.values["batch"])
    sessions = [[each[row] for row in rows] for _, each in sorted(found.items()) if {*rows} <= each.keys()]
    first, second = ((f"{base / row:.2f}", f"{clips:g}", f"{of_base:g}") for (base, of_base), (row, clips) in sessions)
    told = "two ratios at the best batches, an hour apart, were {} (of {} clips over {}) and {} (of {} over {}), which"
    assert told.format(*first, *second) in page("docs/reading.md")


def test_the_accuracies_of_a_gpu_and_of_a_cpu_are_those_of_their_records() -> None:
    found = {}
    rows = ("base-b-256x128", "bicnet-tks")
    for machine, row in product((GPU, MACHINE), rows):
        for path in (machine / "accuracy").glob(f"{row}-{'[0-9a-f]' * 12}.json"):
            record = read_record(path)
            if record.cell["settings"]["recipe"]["steps"] == 150:
                known = estimate(registry.measurements()["accuracy"].quantities["mAP"], "mAP", [record])
                found[machine.name, record.row] = f"{100 * known.value:.1f}"
    gpu, cpu = ([found[machine.name, row] for row in ("Base-B (256x128)", "BiCnet-TKS")] for machine in (GPU, MACHINE))
    assert len(found) == 4
    assert f"a mAP of {gpu[0]} and BiCnet-TKS {gpu[1]}, where a CPU gives {cpu[0]} and {cpu[1]}" in page(
        "docs/results.md"
    )


def test_results_quotes_what_many_clips_took_on_a_gpu() -> None:
    said = re.search(r"best batch: (.*?)\. - ", page(f"results/{GPU.name}/gpu.md"))[1]
    parts = re.findall(r"(\S+)x on ([^(]*?) \(\d+ and \d+ clips; below 1 from (\d+) on\)", said)
    found, from_on = {where: ratio for ratio, where, _ in parts}, {where: first for _, where, first in parts}
    text = page("docs/results.md")
    assert f"{found['cuda, fp32']} of Base-B's time per frame in fp32 and {found['cuda, bf16']} in bf16" in text
    graph, eager = from_on["cuda, fp32, cudagraph"], from_on["cuda, fp32"]
    assert f"As a CUDA graph in fp32 it is faster from {graph} clips on, eagerly from {eager} on" in text


def test_the_speed_of_a_training_step_on_a_gpu_is_that_of_its_page() -> None:
    text, told = (ROOT / "docs/speed-gpu.md").read_text(), page("docs/results.md")
    of = {
        against: re.findall(rf"32 clips \| bf16 \| authors', {against} \|.*?\| ([\d.]+) \[", text)
        for against in ("bf16", "fp32")
    }
    assert (
        f"is {of['bf16'][0]} times as fast as theirs in bf16 for Base-B and {of['bf16'][1]} times for BiCnet-TKS"
        in told
    )
    assert f"beside theirs in fp32 {of['fp32'][0]} and {of['fp32'][1]} times" in told
    (_, eager) = re.findall(r"bf16, eager \| .*?\| ([\d.]+) \[", text)
    assert f"with ours so, a step in bf16 is {eager} times as fast as theirs" in told
    layout = re.findall(r"authors', fp32, captured \| .*?\| ([\d.]+) \[", text)
    assert f"the layout by itself gains {layout[0]} and {layout[1]} times" in told


def test_what_full_size_gives_is_what_its_report_has() -> None:
    report, rows = "table2-full-accuracy-part", ("Base-B (256x128)", "BiCnet-TKS")
    best, tempo = ([cell(report, row, f"mAP{of} (%)", "", FULL).split()[0] for row in rows] for of in ("", " tempo"))
    seconds = {
        record.row: record.values["training_seconds"]
        for record in Store(ROOT / "results", FULL.name).records("accuracy")
    }
    minutes = [f"{seconds[row] / 60:.1f}" for row in rows]
    told = page("docs/results.md")
    assert f"{minutes[0]} and {minutes[1]} minutes for 3,000 steps in bf16. mAP {best[0]} and {best[1]}," in told
    assert f"the gain is in the tempo of the gait: {tempo[0]} and {tempo[1]}." in told
    assert f"mAP {best[0]} and {best[1]}." in page("README.md")


def test_what_fusing_gains_is_what_was_measured() -> None:
    store = Store(ROOT / "results", GPU.name)
    table = assemble(make_plan("overhead", registry.suite("overhead"), Request(), store), store)

    def times(precision: str, backend: str) -> dict[str, float]:
        how = ["cuda", precision, backend]
        (heading,) = (h for h in table.headings if h.column.quantity == "latency.latency" and h.ran_on == how)
        return {name: known.value for name, (known, _) in table.fresh(heading).items()}

    shares = [
        fused / times(precision, "cudagraph")[row]
        for precision in ("fp32", "bf16")
        for row, fused in times(precision, "fused").items()
    ]
    assert len(shares) == 10
    assert f"take {min(shares):.2f} to {max(shares):.2f} of their time as a plain CUDA graph" in page(
        "docs/deployment.md"
    )


def test_the_readme_tells_the_step_to_temporal_kernels_as_the_report_does() -> None:
    here = cell("table2", "BiCnet-TK (fix-fusion) over TB+CSP+DAO (BiCnet)", "mAP (pp)")
    published = {row.name: float(row.published[0].values["mAP"]) for row in registry.suite("table2").rows}
    there = published["BiCnet-TK (fix-fusion)"] - published["TB+CSP+DAO (BiCnet)"]
    assert f"(TK over BiCnet) is {here} here and {there:+.1f} on MARS" in page("README.md")


def test_the_readme_tells_what_tks_loses_where_it_starts_at_0() -> None:
    values = [
        cell("recipe", row, "mAP (%)").split()[0] for row in ("BiCnet-TKS, TKS starts at 0", "BiCnet-TKS", "Base-B")
    ]
    assert "has a mAP of {} instead of {}, no more than Base-B ({}).".format(*values) in page("README.md")


def test_clips_from_all_over_a_tracklet_have_the_accuracies_that_are_told() -> None:
    frame = reidbench.load_records("recipe", str(MACHINE))
    frame = frame[(frame.protocol == "restricted") & (frame.quantity == "mAP")].set_index("row")
    own, usual = (frame.value[f"BiCnet-TKS{name}"] for name in (", frames from all over the tracklet", ""))
    assert set(frame.n) == {3}
    assert f"`--protocol restricted`), {own:.1f}, where the usual training has {usual:.1f}." in page("docs/results.md")


def test_of_the_recipes_choices_base_b_is_moved_by_those_named_alone() -> None:
    gaps = {pairs[0][1]: dict(pairs) for heading, pairs in rows_of("recipe") if heading.endswith("against Base-B")}
    told = {name for name, pairs in gaps.items() if pairs["contains 0"] == "no"}
    named = {"without triplets", "Euclidean triplets", "trunk from random weights"}
    assert told == {"BiCnet-TKS", *(f"Base-B, {choice}" for choice in named)}
    assert len(gaps) - 1 == 11 and "with eleven other choices of the recipe" in page("docs/presets.md")


@pytest.mark.parametrize(
    ("report", "beyond", "within"),
    [
        ("table3", set(), {"256x128 + 128x64", "256x128 + 128x64 + 64x32"}),
        ("table4", set(), {f"alpha {alpha}" for alpha in (1, 2, 3, 4)}),
        ("table5", {f"kernels {k}" for k in ("3", "5", "3, 5", "5, 7", "3, 5, 7")}, {"kernels 7", "kernels 3, 7"}),
        ("table6", {"stage 1", "stage 2"}, {"stage 3", "stage 4"}),
        ("components", {"TKS"}, {"CSP", "DAO"}),
        (
            "recipe",
            {f"Base-B, {c}" for c in ("without triplets", "Euclidean triplets", "trunk from random weights")},
            {f"{network}, trained in bf16" for network in ("Base-B", "BiCnet-TKS")},
        ),
    ],
)
def test_what_results_calls_beyond_the_noise_is(report: str, beyond: set[str], within: set[str]) -> None:
    for row in beyond | within:
        low, high = map(float, cell(report, row, "95 % interval").strip("[]").split(", "))
        assert (low <= 0 <= high) == (row in within), row


def test_results_counts_the_audited_costs_as_the_audit_does() -> None:
    printed, follow, rules = re.search(
        r"Of (\d+) printed costs (\d+) follow one of (\d+) rules", page(f"results/{MACHINE.name}/audit.md")
    ).groups()
    assert rules == "4" and f"{follow} of {printed} follow four counting rules" in page("docs/results.md")


def test_one_row_read_aloud_is_that_of_table_2() -> None:
    section = re.search(r"## One row, read aloud(.*?)\n## ", (ROOT / "docs/reading.md").read_text(), flags=re.DOTALL)[1]
    found = [pairs for _, pairs in rows_of("table2") if pairs[0] == ("row", "BiCnet-TKS")]
    shown = {f"{column}: {text}" for pairs in found for column, text in pairs}
    quoted = re.findall(r"\*\*(.*?)\*\*", section)
    assert len(quoted) == 9 and set(quoted) <= shown
    value, _, _, seeds = re.search(r"mAP \(%\): (\S+) (±) (\S+) \((\S+)\)", section).groups()
    half = cell("table2", "BiCnet-TKS", "mAP (%)").split()[2]
    told = " ".join(section.split())
    assert f"over three trainings is {value} %" in told and f"reaches about {half} points" in told
    assert f"a standard deviation of {seeds}" in told


def test_the_readme_ranks_all_networks_as_they_were_measured() -> None:
    text = re.search(r"2\. \*\*Among all networks.*?\n3\. ", (ROOT / "README.md").read_text(), flags=re.DOTALL)[0]
    plan = make_plan(
        "rivals", registry.suite("rivals"), Request(only="accuracy", seeds=3), Store(MACHINE.parent, MACHINE.name)
    )
    table = assemble(plan, Store(MACHINE.parent, MACHINE.name))
    heading = table.trained()
    rows = table.fresh(heading)
    values = {name: table.entries[name, heading.index].estimate.value for name in rows}
    ranked = sorted(values, key=lambda name: -values[name])
    ahead = ranked[: ranked.index("BiCnet-TKS")]
    assert len(ahead) == 7 and f"eighth of {len(ranked)} by mAP" in text
    assert f"{len(ranked)} networks" in page("docs/results.md") and "the eight highest" in page("docs/results.md")
    named = re.search(r": (COSAM) \((\S+)\), (.*?) lead it, each by more than the noise", " ".join(text.split()))
    assert {named[1], *re.split(r", | and ", named[3])} == set(ahead) and ranked[0] == named[1]
    assert named[2] == f"{100 * values[named[1]]:.1f}"
    assert all(excludes_zero(compare(heading.quantity, rows[name], rows["BiCnet-TKS"])) for name in ahead)
    times = {name: float(cell("rivals", name, "Latency ratio (x)").split()[0]) for name in [*ahead, "BiCnet-TKS"]}
    assert min(times, key=times.__getitem__) == "BiCnet-TKS"
    told = re.search(r"(\S+) times Base-B's time per frame, the others (\S+) to (\S+) times", " ".join(text.split()))
    others = [times[name] for name in ahead]
    assert [*map(float, told.groups())] == [times["BiCnet-TKS"], min(others), max(others)]


def sessions_needed(divisors: int, machine: Path) -> int | None:
    """Sessions on each side from which a calibration caught 95 % of rows that were 10 % slower."""
    for _, pairs in rows_of("calibration", machine):
        cells = dict(pairs)
        slow = cells.get("rows divided by") == str(divisors) and cells["what"] == "10% slower"
        if slow and float(cells["worse"].rstrip("%")) >= 95:
            return int(cells["here : there"].partition(" ")[0])
    return None


@pytest.mark.parametrize("name", ["README.md", "docs/gate.md"])
def test_the_sessions_that_a_change_takes_are_those_of_the_calibration(name: str) -> None:
    words = {1: "one session on each side", 4: "four", None: "more than eight"}
    found = [words[sessions_needed(divisors, MACHINE)] for divisors in (7, 2, 1)]
    assert (
        f"{found[0]} if the other rows of Table 2 are unchanged, {found[1]} if Base-B and one other row are, and "
        f"{found[2]} if Base-B alone is" in page(name)
    )
    assert [sessions_needed(divisors, OLDER_CPU) for divisors in (7, 2, 1)] == [1, 8, None]
    assert re.search(r"on \[the other( CPU)?\]\(\S+\) one, eight, and more\.", page(name))
    minutes = []
    for machine in (MACHINE, OLDER_CPU):
        text = page(f"results/{machine.name}/calibration.md")
        sessions, *ends = re.search(r"(\d+) interleaved sessions of .*? from (\S+) to (\S+), one after", text).groups()
        start, end = map(datetime.fromisoformat, ends)
        minutes.append(round((end - start).total_seconds() / 60))
    assert f"come from {sessions} sessions each, within {minutes[0]} and {minutes[1]} minutes" in page(name)


def test_the_times_of_suites_are_those_that_their_files_tell() -> None:
    told = re.search(r"How long they take.*?about: (.*?)\. ", page("docs/commands.md"))[1]
    times = dict(re.fullmatch(r"`(\w+)` (.*)", part).groups() for part in told.split(" · "))
    assert set(times) == set(registry.suite_paths()) - {"gpu"}
    for name, time in times.items():
        first, about = STARTED.search(registry.suite_paths()[name].read_text()).groups()
        assert first == name and re.search(rf"\b{time}\b", about), f"{name}: {about}"
    assert f"{times['table2']} on two CPU cores" in page("README.md")


def test_the_frames_of_mars_take_what_the_readme_says() -> None:
    taken = 3 * 256 * 128 * mars.MARS.counts["training frames"]
    assert f"would take {taken / 1e9:.0f} GB decoded" in page("README.md")
