"""Checkpoints of the authors' releases under this project's names.

BiCnet-TKS (github.com/blue-blue272/BiCnet-TKS) and TCLNet (github.com/blue-blue272/VideoReID-TCLNet) inflate their
convolutions to `[out, in, 1, k, k]` and hold parallel modules apart which here run as one grouped operation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from reidbench import registry
from reidbench.spec import UserError

Rules = tuple[tuple[str, tuple[str, ...]], ...]
"""Pattern of a name here, and the names of the release whose tensors, joined along the first axis, it holds."""

BICNET_TKS: Rules = (
    (r"trunk\.(.+)", (r"\1",)),
    (r"csp\.(\d)\.(.+)", (r"layer\1_h2l.\2",)),
    (r"tks\.2\.kernels\.paths\.0\.(.+)", (r"TKS.conv1.\1",)),
    (r"tks\.2\.kernels\.paths\.1\.(.+)", (r"TKS.conv2.\1",)),
    (r"tks\.2\.kernels\.select\.([01])\.(.+)", (r"TKS.fc1.\1.\2",)),
    (r"tks\.2\.kernels\.select\.3\.(.+)", (r"TKS.fc2.\1",)),
    (r"tks\.2\.norm\.(.+)", (r"TKS.W.\1",)),
    (r"dao\.big\.norm\.(.+)", (r"DAO.W.0.\1",)),
    (r"dao\.small\.norm\.(.+)", (r"DAO.W.1.\1", r"DAO.W.2.\1", r"DAO.W.3.\1")),
    (r"dao\.small\.attention\.score\.(.+)", (r"DAO.conv.0.\1", r"DAO.conv.1.\1")),
    (r"dao\.small\.attention\.mix\.(.+)", (r"DAO.conv1.0.conv.\1", r"DAO.conv1.1.conv.\1")),
    (r"dao\.small\.attention\.norm\.(.+)", (r"DAO.conv1.0.bn.\1", r"DAO.conv1.1.bn.\1")),
    (r"neck\.(.+)", (r"bn.\1",)),
    (r"classifier\.(.+)", (r"classifier.\1",)),
)

TCLNET: Rules = (
    (r"trunk\.layer4\.(.+)", (r"TSE_Module.layer4.\1",)),
    (r"trunk\.(.+)", (r"\1",)),
    (r"tsb\.project\.(.+)", (r"layer2.4.W.\1",)),
    (r"tse\.learners\.(.+)", (r"TSE_Module.branch.\1",)),
    (r"tse\.reduce\.(.+)", (r"TSE_Module.conv_reduce.\1",)),
    (r"tse\.fill\.(.+)", (r"TSE_Module.conv_erase.\1",)),
    (r"neck\.norms\.(.+)", (r"bn.\1",)),
    (r"classifier\.(.+)", (r"classifier.\1",)),
)

RELEASES: dict[str, tuple[str, Rules]] = {
    "bicnet_tks": ("TKS.", BICNET_TKS),
    "tclnet": ("TSE_Module.", TCLNET),
}


def release_model(state: Mapping[str, Tensor]) -> str:
    """The registered model a release's state dict belongs to, or "" if it is of neither release."""
    known = (name for name, (prefix, _) in RELEASES.items() if any(key.startswith(prefix) for key in state))
    return next(known, "")


def convert_release(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A release's state dict as that of `registry.build(release_model(state), classes=...)` with default options.

    Every key is used. Raises UserError, one line, for a state dict of no release, and naming keys that are missing or
    left over and shapes that differ.
    """
    name = release_model(state)
    if not name:
        raise UserError(f"the checkpoint is not of a known release ({', '.join(RELEASES)}): it has no key of theirs")
    classes = next((len(value) for key, value in state.items() if re.fullmatch(r"classifier\.(0\.)?bias", key)), 0)
    with torch.device("meta"):
        wanted = registry.build(name, classes=classes).state_dict()
    sources = {key: _sources(key, RELEASES[name][1]) for key in wanted}
    used = [source for names in sources.values() for source in names]
    missing = [key for key in used if key not in state]
    left_over = sorted(state.keys() - set(used))
    if missing or left_over:
        raise UserError(f"the checkpoint is not a complete {name} release: {_faults(missing, left_over)}")
    return {key: _join(key, [state[n] for n in sources[key]], value.shape) for key, value in wanted.items()}


def _sources(key: str, rules: Rules) -> tuple[str, ...]:
    for pattern, templates in rules:
        match = re.fullmatch(pattern, key)
        if match:
            return tuple(match.expand(template) for template in templates)
    raise AssertionError(f"no rule for {key}")


def _join(key: str, parts: list[Tensor], shape: torch.Size) -> Tensor:
    """The parts along the first axis (a scalar counter is the same in all), their axes of length 1 as in `shape`."""
    joined = torch.cat(parts) if parts[0].ndim else parts[0]
    if [n for n in joined.shape if n != 1] != [n for n in shape if n != 1]:
        raise UserError(f"the checkpoint's {key} has shape {list(joined.shape)} where {list(shape)} is needed")
    return joined.reshape(shape)


def _faults(missing: list[str], left_over: list[str]) -> str:
    found = (("missing", missing), ("left over", left_over))
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in found if names)
