"""What a caller may have set in its process, put aside while a model is profiled there, one at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch
from torch.overrides import _get_current_function_mode_stack, _pop_mode_temporarily

from reidbench.precision import tf32_restored

ONE_AT_A_TIME = threading.Lock()
"""Held while a process is measured: counters patch torch for all threads, and memory and times are the process's."""


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Alone among such blocks, with torch as in a fresh process, and as it was afterwards: the TF32 that is allowed, no
    inference mode (whose operations a counter has no rules for), no autocast, no default type but float32, and none of
    the modes that are called for every function of torch, such as a default device (counters call them, too).
    """
    with ONE_AT_A_TIME, contextlib.ExitStack() as aside:
        aside.enter_context(tf32_restored())
        aside.enter_context(torch.inference_mode(False))
        for device in filter(torch.is_autocast_enabled, ("cpu", "cuda")):
            aside.enter_context(torch.autocast(device, enabled=False))
        for _ in _get_current_function_mode_stack():
            aside.enter_context(_pop_mode_temporarily())
        aside.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
        yield
