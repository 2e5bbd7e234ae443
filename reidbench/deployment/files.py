"""Networks as files that others can run: ONNX, OpenVINO, TorchScript, and torch.export's own."""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from reidbench.registry import lookup
from reidbench.spec import UserError

OPSET = 20
"""The version of ONNX's operators; ONNX Runtime 1.17 and OpenVINO 2024 know it."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What exporters colour their messages with on a terminal."""

BATCH = "batch"
"""What the free dimension of a file for any number of clips is called."""

INPUT, OUTPUT = "clips", "vector"
"""What an ONNX or OpenVINO file calls what goes in and what comes out."""

NOTE = "reidbench"
"""Under which a file holds what is said of it, as its format's own metadata."""

Exportable = nn.Module | ExportedProgram


@dataclass(frozen=True)
class Format:
    """A kind of file: its suffix, the packages that write it with the extra they come with, and the writer.

    `write(exportable, clips, path, calibration, notes)` writes a network, or a program of one, for clips of that shape;
    with `calibration`, batches of clips, its products are quantised to int8, where the format has `int8`. Where it has
    `any_batch`, a program's file takes as many clips at a time as the program does. `notes` are its metadata, by name.
    """

    suffix: str
    write: Callable[[Exportable, Tensor, Path, Sequence[Tensor] | None, Mapping[str, str]], None]
    packages: tuple[str, ...] = ()
    extra: str = ""
    int8: bool = False
    any_batch: bool = True


def write(
    network: nn.Module,
    clips: Tensor,
    path: Path,
    name: str,
    *,
    calibration: Sequence[Tensor] | None = None,
    any_batch: bool = False,
    note: str = "",
) -> list[Path]:
    """Writes a network in evaluation mode under a format's `name`; returns the files, the first one `path`.

    `clips` `[B, T, 3, H, W]` fix the shape that the file is for, or with `any_batch` all of it but B. The file holds
    `note`, if there is one, among its metadata. Raises UserError if the exporter refuses the network, and for a
    `calibration` without clips.
    """
    found = lookup("format", name, FORMATS)
    if calibration is not None and not len(calibration):
        raise UserError(f"{path.name}: int8 is calibrated with clips, and there are none")
    try:
        with quiet(), torch.no_grad():
            exportable = _program_of_any_batch(network.eval(), clips) if any_batch else network.eval()
            found.write(exportable, clips, path, calibration, {NOTE: note} if note else {})
    except (RuntimeError, ValueError, TypeError, torch.onnx.OnnxExporterError) as error:
        cause: BaseException = error
        while cause.__cause__:  # what the exporter itself says is advice on how to debug it
            cause = cause.__cause__
        reason = " ".join(COLOURS.sub("", str(cause)).split())[:300]
        raise UserError(f"{path.name}: cannot be exported as {name} ({type(cause).__name__}: {reason})") from error
    return files_of(path)


def files_of(path: Path) -> list[Path]:
    """The files of an exported network: OpenVINO's weights lie beside its graph."""
    return [path, *([path.with_suffix(".bin")] if path.suffix == ".xml" else [])]


def size_of(path: Path) -> int:
    """Bytes on disk of an exported network."""
    return sum(file.stat().st_size for file in files_of(path))


def _program_of_any_batch(network: nn.Module, clips: Tensor) -> ExportedProgram:
    # Seen with one clip, a batch is taken for a constant; and only the strict way can follow a `len(clips)`.
    several = clips if len(clips) > 1 else torch.cat([clips, clips])
    dynamic = ({0: torch.export.Dim(BATCH, min=1)},)
    return torch.export.export(network, (several,), dynamic_shapes=dynamic, strict=True)


def _write_onnx(
    exportable: Exportable, clips: Tensor, path: Path, calibration: Sequence[Tensor] | None, notes: Mapping[str, str]
) -> None:
    program = torch.onnx.export(
        exportable,
        (clips,),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        # The program's own name of the dimension would be lost.
        dynamic_shapes=({0: BATCH},) if isinstance(exportable, ExportedProgram) else None,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(notes)
    program.save(path, external_data=False)


def _write_openvino(
    exportable: Exportable, clips: Tensor, path: Path, calibration: Sequence[Tensor] | None, notes: Mapping[str, str]
) -> None:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "network.onnx"
        _write_onnx(exportable, clips, graph, None, notes)  # whose metadata OpenVINO takes over
        model = openvino.Core().read_model(graph)
        if calibration is not None:
            import nncf

            samples = nncf.Dataset([batch.numpy() for batch in calibration])
            model = nncf.quantize(model, samples, subset_size=len(calibration))
        # Without this, weights are halved to float16 on the way to the disk.
        openvino.save_model(model, path, compress_to_fp16=False)


def _write_torchscript(
    exportable: Exportable, clips: Tensor, path: Path, calibration: Sequence[Tensor] | None, notes: Mapping[str, str]
) -> None:
    torch.jit.freeze(torch.jit.trace(exportable, clips)).save(str(path), _extra_files=dict(notes))


def _write_pt2(
    exportable: Exportable, clips: Tensor, path: Path, calibration: Sequence[Tensor] | None, notes: Mapping[str, str]
) -> None:
    program = exportable if isinstance(exportable, ExportedProgram) else torch.export.export(exportable, (clips,))
    torch.export.save(program, path, extra_files=dict(notes))


FORMATS = {
    "onnx": Format(".onnx", _write_onnx, ("onnx", "onnxscript"), "onnxruntime"),
    "openvino": Format(
        ".xml",
        _write_openvino,
        ("openvino", "nncf", "onnx", "onnxscript"),
        "openvino",
        int8=True,
    ),
    "torchscript": Format(".ts", _write_torchscript, any_batch=False),
    "pt2": Format(".pt2", _write_pt2),
}
"""Every format by name."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Exporters tell of their own steps at length; what matters of them is an error or the check afterwards."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "nncf", "torch.export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
