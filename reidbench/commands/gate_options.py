"""The options of the commands that compare one version of the code with another."""

from __future__ import annotations

from argparse import ArgumentParser

from reidbench.commands.parser import Add, add_only, add_rows, selection, start, training


def add_gate(add: Add) -> None:
    """Adds the commands."""
    about = "compare this machine's records with a baseline: exit code 1 where something is worse"
    sub = add("check", "gate.check", about, training(), start(), selection())
    sub.add_argument("suite", metavar="SUITE", help="a suite; what its records lack is measured first")
    about = "the baseline: a results folder, or the folder of a machine in one"
    sub.add_argument("--against", required=True, metavar="DIR", help=about)
    sub.add_argument("--recorded", action="store_true", help="measure nothing; compare what is recorded")
    about = "interleaved sessions at most, for times that one cannot tell (default: 8)"
    sub.add_argument("--sessions", type=int, default=8, metavar="N", help=about)
    _add_limits(sub)
    _add_files(sub)
    about = "compare two results folders, or two git revisions measured in turns: exit code 1 where B is worse"
    sub = add("compare", "compare.compare", about, training(), start(), selection())
    sub.add_argument("a", metavar="A", help="the baseline: a results folder, a machine's folder, or a revision")
    sub.add_argument("b", metavar="B", help="what is compared with it, likewise")
    about = "the suite that is compared, and measured for revisions (default: table2)"
    sub.add_argument("--suite", default="table2", metavar="SUITE", help=about)
    about = "interleaved sessions of each revision (default: 3, A B B A A B)"
    sub.add_argument("--sessions", type=int, default=3, metavar="N", help=about)
    _add_limits(sub)
    _add_files(sub)
    about = "how often the gate is wrong on this machine: the same code measured again and again"
    sub = add("calibrate", "calibrate.calibrate", about)
    about = "the suite whose rows are timed (default: table2)"
    sub.add_argument("suite", nargs="?", default="table2", metavar="SUITE", help=about)
    add_only(sub)
    add_rows(sub)
    sub.add_argument("--device", default="cpu", help="where to time: cpu or cuda (default: cpu)")
    about = "interleaved sessions to have (default: 28, the machine being quiet)"
    sub.add_argument("--sessions", type=int, default=28, metavar="N", help=about)
    about = "training seeds of the sound model; faulty ones have half (default: 6)"
    sub.add_argument("--seeds", type=int, default=6, metavar="N", help=about)
    sub.add_argument("--preset", default="tiny", help="how the models are trained (default: tiny)")
    _add_limits(sub)
    sub = add("history", "history.history", "one row's value over the commits that recorded it, printed and drawn")
    sub.add_argument("row", metavar="ROW", help="a row by the name that its records have")
    sub.add_argument("quantity", metavar="QUANTITY", help="measurement.quantity, such as accuracy.mAP or latency.ratio")
    sub.add_argument("--all", action="store_true", help="also on data made with options, such as more occlusion")
    sub.add_argument("--out", default="", metavar="DIR", help="where to draw (default: the results folder)")


def _add_limits(sub: ArgumentParser) -> None:
    about = "the smallest change of a time that counts, in percent; of a memory twice that (default: 5)"
    sub.add_argument("--least", type=float, default=5.0, metavar="PERCENT", help=about)
    about = "the smallest difference of an accuracy that counts (default: 3)"
    sub.add_argument("--points", type=float, default=3.0, metavar="POINTS", help=about)


def _add_files(sub: ArgumentParser) -> None:
    about = "also write files: md, junit, json, or several of them"
    sub.add_argument("--format", nargs="+", default=[], metavar="FORMAT", help=about)
    sub.add_argument("--out", default="", metavar="DIR", help="where to write them (default: the machine's folder)")
