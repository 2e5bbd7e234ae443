"""A measurement of your own, and a suite that shows it: how many numbers the convolutions put out.

python bench.py mymeasurement --plugin docs/examples/mymeasurement.py
"""

from reidbench.registry import measurement
from reidbench.spec import Column, Outcome, Quantity, Row, Suite


@measurement(
    mode="batch",  # one process measures several rows, one after the other
    needs=(),  # it is the same on every device
    quantities={
        "per_frame": Quantity(
            "Activations/frame", "M", "lower", digits=2, scale=1e-6, about="numbers that all convolutions put out"
        ),
    },
)
def activations(cells, progress):
    """Numbers that all convolutions put out, a frame (Radosavovic et al., CVPR 2020)."""
    for done, cell in enumerate(cells):
        progress(cell, done, len(cells), "counting")
        shape = cell.settings["shape"]  # one clip at the paper's scale: [1, T, 3, H, W]
        yield cell, Outcome({"per_frame": count(cell, shape) / shape[1]})


def count(cell, shape):
    import torch  # here, so that listing does not wait for it

    from reidbench.profiling.session import build

    model, counted = build(cell.model, cell.options), []
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d):
            module.register_forward_hook(lambda module, given, out: counted.append(out.numel()))
    with torch.inference_mode():
        model(torch.zeros(shape))
    return float(sum(counted))


SUITE = Suite(
    title="Activations of Base-B and BiCnet-TKS",
    reference="Base-B",
    rows=(Row("Base-B", "baseline"), Row("BiCnet-TKS", "bicnet_tks")),
    columns=(Column("activations.per_frame"), Column("complexity.macs")),
    figures=(),
)
