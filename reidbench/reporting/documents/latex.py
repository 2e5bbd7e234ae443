"""A report as LaTeX: an article, and each booktabs table in a file that a paper can take in.

For pdfLaTeX, LuaLaTeX or XeLaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, count, pairwise

from reidbench.reporting.documents.block import CONTINUED, Block
from reidbench.reporting.documents.document import (
    Code,
    Document,
    Items,
    Paragraph,
    Part,
    Picture,
    Section,
    Tabular,
    has_words,
    listed_levels,
)

PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\usepackage{iftex}
\iftutex\usepackage{fontspec}\else\usepackage[T1]{fontenc}\usepackage{textcomp}\usepackage{lmodern}\fi
\usepackage[margin=22mm]{geometry}
\usepackage{booktabs}
\usepackage{adjustbox}
\usepackage{graphicx}
\usepackage{caption}
\usepackage{placeins}
\usepackage{listings}
\usepackage[hidelinks]{hyperref}
\lstset{basicstyle=\small\ttfamily,breaklines=true,breakatwhitespace=true,columns=fullflexible,keepspaces=true,upquote=true}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6em}
\setcounter{secnumdepth}{2}
\emergencystretch=3em
"""
HEADINGS = ("section", "subsection", "subsubsection", "paragraph")

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "[": "{[}",
    "]": "{]}",
}
"""What LaTeX would read; a bracket could be taken for the option of what stands before it."""

SIGNS = {
    "±": r"\ensuremath{\pm}",
    "\N{MULTIPLICATION SIGN}": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "∞": r"\ensuremath{\infty}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "≈": r"\ensuremath{\approx}",
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "→": r"\ensuremath{\rightarrow}",
    "\N{GREEK SMALL LETTER ALPHA}": r"\ensuremath{\alpha}",
    "β": r"\ensuremath{\beta}",
    "\N{GREEK SMALL LETTER GAMMA}": r"\ensuremath{\gamma}",
    "μ": r"\ensuremath{\mu}",
    "\N{MICRO SIGN}": r"\ensuremath{\mu}",
    "\N{GREEK SMALL LETTER SIGMA}": r"\ensuremath{\sigma}",
    "τ": r"\ensuremath{\tau}",
    "\N{EN DASH}": "--",
    "—": "---",
    "…": r"\ldots{}",
    **{sign: rf"\textsuperscript{{{digit}}}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}
"""What the fonts of pdfLaTeX do not hold."""

PRINTED = {**SPECIAL, **SIGNS}
LIGATURES = ("-(?=-)", ",(?=,)")
"""Signs that LaTeX would draw together with the next one, as a dash or a quotation mark."""

_REPLACED = re.compile("|".join((*map(re.escape, PRINTED), *LIGATURES)))


PLACE = "{max width=\\linewidth,max totalheight=0.85\\textheight}"
"""How large a table may be."""

HIGHEST = "max totalheight=0.8\\textheight"
"""How high a figure may be that is as wide as the line: so that there is room for its caption."""

MADE = "% Made by reidbench. "
"""What the file of a table begins with."""


def latex(document: Document, name: str) -> dict[str, str]:
    """The files of a document by their names: `<name>.tex`, then `<name>-table1.tex` and so on, which it takes in.

    The file of a table is a tabular alone with its label, `tab:<name>-table1`, so that it fits below any caption; one
    stands in its comments. It is made smaller where it is wider than the line or the column that it stands in. What the
    article shows in several pieces is whole in `<name>-all.tex`, `<name>-all1.tex` and so on where there are several.
    Pictures are included by file name, as PDF or, where they are made of pixels, as PNG: they lie beside it.
    """
    tables: dict[str, str] = {}
    body = "\n\n".join(_parts(document.parts, 0, tables, (f"{name}-table{number}" for number in count(1))))
    head = f"{PREAMBLE}\\title{{{escape(document.title)}}}\n\\date{{}}\n"
    levels = listed_levels(document)
    contents = f"\\setcounter{{tocdepth}}{{{levels}}}\n\\tableofcontents\n\n" if levels else ""
    whole = f"{head}\n\\begin{{document}}\n\\maketitle\n\n{contents}{body}\n\n\\end{{document}}\n"
    several = len(document.wholes) > 1
    stems = [f"{name}-all{number if several else ''}" for number in range(1, len(document.wholes) + 1)]
    wholes = {stem: _tabular(block, stem) for stem, block in zip(stems, document.wholes, strict=True)}
    return {f"{stem}.tex": text for stem, text in {name: whole, **tables, **wholes}.items()}


def escape(text: str) -> str:
    """Text that LaTeX prints as it is, on one line."""
    return _REPLACED.sub(lambda found: PRINTED.get(found[0], f"{found[0]}{{}}"), " ".join(text.split()))


def _parts(parts: Sequence[Part], level: int, tables: dict[str, str], names: Iterator[str]) -> Iterator[str]:
    """Adds each table to `tables` under the next of `names`."""
    for part in parts:
        match part:
            case Paragraph(text):
                yield escape(text)
            case Items(lines):
                yield _environment("itemize", [f"\\item {escape(line)}" for line in lines])
            case Tabular(pieces):
                for piece in pieces:
                    name = next(names)
                    tables[name] = _tabular(piece, name)
                    yield _table(piece, name)
            case Picture():
                yield _figure(part)
            case Code(text):
                yield _environment("lstlisting", text.splitlines())
            case Section(title, inner):
                # Tables and figures stay in the section that they belong to.
                yield f"\\FloatBarrier\n\\{HEADINGS[min(level, len(HEADINGS) - 1)]}{{{escape(title)}}}"
                yield from _parts(inner, level + 1, tables, names)


def _table(block: Block, name: str) -> str:
    """The file of the block under its caption; the pieces of one table have one number."""
    notes = [f"\\par\\smallskip{{\\footnotesize {escape(note)}}}" for note in block.notes]
    inner = [
        *(["\\ContinuedFloat"] if block.title.endswith(CONTINUED) else []),
        "\\centering\\small",
        f"\\caption{{{escape(block.title)}}}",
        f"\\input{{\\detokenize{{{name}}}}}",
        *notes,
    ]
    return _environment("table", inner, "[!htbp]")


def _tabular(block: Block, name: str) -> str:
    """The block alone with its label, made smaller where it is larger than its place; a caption stands in comments."""
    lines = [
        [f"\\textbf{{{escape(text)}}}" if (y, x) in block.bold else escape(text) for x, text in enumerate(line)]
        for y, line in enumerate(block.lines)
    ]
    sides = "".join("l" if has_words(block, x) else "r" for x in range(len(block.header)))
    header = [*_spans(block.groups), _row([escape(text) for text in block.header])]
    rows = ["\\toprule", *header, "\\midrule", *map(_row, lines), "\\bottomrule"]
    label = f"\\label{{tab:{name}}}%"
    tabular = _environment("tabular", rows, f"{{{sides}}}")
    return "\n".join([*_comments(block), label, f"{_environment('adjustbox', [tabular], PLACE)}%", ""])


def _spans(groups: Sequence[tuple[str, int]]) -> list[str]:
    """The line above the header that says what several columns have in common, and the rules below it; or none."""
    if not groups:
        return []
    ends = list(accumulate((count for _, count in groups), initial=1))
    rules = (f"\\cmidrule(lr){{{first + 1}-{last}}}" for first, last in pairwise(ends))
    names = (f"\\multicolumn{{{count}}}{{c}}{{{escape(name)}}}" for name, count in groups)
    return [_row(["", *names]), " ".join(rules)]


def _comments(block: Block) -> list[str]:
    """What the file needs, and a caption that is ready where no comments stand before its lines."""
    lines = dict.fromkeys(
        escape(text) for text in (*(block.caption or (f"{block.title.removesuffix('.')}.",)), *block.notes)
    )
    return [
        f"{MADE}Needs booktabs and adjustbox, and with pdfLaTeX fontenc with T1.",
        "% A caption to put before it, without the signs at the beginnings of its lines:",
        "% \\caption{%",
        *(f"% {line}" for line in lines),
        "% }",
    ]


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _figure(picture: Picture) -> str:
    inner = [
        "\\centering",
        f"\\adjustbox{{{HIGHEST}}}{{\\includegraphics[width=\\linewidth]{{\\detokenize{{{picture.printed.name}}}}}}}",
        f"\\caption{{{escape(picture.caption)}}}",
    ]
    return _environment("figure", inner, "[!htbp]")


def _environment(name: str, lines: Sequence[str], options: str = "") -> str:
    return "\n".join([f"\\begin{{{name}}}{options}", *lines, f"\\end{{{name}}}"])
