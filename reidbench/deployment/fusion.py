"""A network as a graph of fewer operators: a convolution takes its norm, what is added to it and its ReLU along."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.fx import GraphModule, Interpreter, Node
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from reidbench.deployment.files import quiet

aten = torch.ops.aten

GEOMETRY: dict[str, Any] = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
"""What a convolution has behind its input, weight and bias, as torch leaves it out."""


def fuse(network: nn.Module, clips: Tensor) -> GraphModule:
    """The network for the shape, device and precision of `clips`, as a graph of operators that change nothing in place.

    Batch norms are folded into the convolutions before them, in float64. A convolution, an addition to it and its ReLU
    are one operator where cuDNN has that. The network itself stays as it is, and what was folded is not held. Raises
    what torch raises where the network cannot be exported, and ValueError for one that writes to its buffers or clips.
    """
    with quiet():
        program = torch.export.export(network, (clips,), strict=False).run_decompositions({}).module()
    assert isinstance(program, GraphModule)
    for node in program.graph.nodes:
        if node.op == "call_module" and not node.users:  # it looks at the shape of the clips
            program.graph.erase_node(node)
        elif node.target in (aten.view.default, aten._unsafe_view.default):
            node.target = aten.reshape.default  # maps may lie otherwise than the export foresaw
        elif isinstance(node.target, OpOverload) and node.target._schema.is_mutable:
            raise ValueError(f"the network writes to what it is given or holds ({node.target}), which cannot be fused")
    for convolution in program.graph.find_nodes(op="call_function", target=aten.conv2d.default):
        _take_along(program, convolution)
    with torch.inference_mode():
        Settle(program).run(clips)
    return GraphModule(program, program.graph)


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, added: Tensor | None, stride: Any, padding: Any, *rest: Any
) -> Tensor:
    """The ReLU of a convolution, with another map added where there is one: operator by operator."""
    found = functional.conv2d(x, weight, bias, stride, padding, *rest)
    return (found if added is None else found + added).relu_()


def convolve_at_once(
    x: Tensor, weight: Tensor, bias: Tensor | None, added: Tensor | None, stride: Any, padding: Any, *rest: Any
) -> Tensor:
    """The same by one operator of cuDNN. Raises RuntimeError where it has none for that, and without a GPU."""
    if added is None:
        return torch.cudnn_convolution_relu(x, weight, bias, stride, padding, *rest)
    return torch.cudnn_convolution_add_relu(x, weight, added, 1.0, bias, stride, padding, *rest)


class Settle(Interpreter):
    """Runs a graph once, and leaves each convolution that cuDNN does not take at once to its operators."""

    def run_node(self, n: Node) -> Any:
        if n.target is convolve_at_once:
            try:
                return super().run_node(n)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                n.target = convolve
        return super().run_node(n)


def _take_along(program: GraphModule, convolution: Node) -> None:
    """Folds the batch norm that follows a convolution alone into it, and takes an addition and a ReLU along."""
    graph, last = program.graph, convolution
    given: list[Any] = [*convolution.args, *[None] * (3 - len(convolution.args))]
    x, weight, bias, *geometry = given
    geometry += list(GEOMETRY.values())[len(geometry) :]
    norm = _only_user(last, aten._native_batch_norm_legit_no_training.default)
    fixed = norm and all(node is None or node.op == "get_attr" for node in (weight, bias, *norm.args[1:5]))
    if norm and fixed and (value := _only_user(norm, operator.getitem)):
        last = value
        names = _fold(program, weight, bias, norm)
        with graph.inserting_before(convolution):
            weight, bias = map(graph.get_attr, names)
    addition = _only_user(last, aten.add.Tensor)
    added = _other(addition, last) if addition else None
    relu = _only_user(addition if addition and added else last, aten.relu.default)
    if relu:
        last = relu
        with graph.inserting_before(last):
            found = graph.call_function(convolve_at_once, (x, weight, bias, added, *geometry))
    elif last is not convolution:
        with graph.inserting_before(last):
            found = graph.call_function(aten.conv2d.default, (x, weight, bias, *geometry))
    else:
        return
    found.meta.update(last.meta)
    last.replace_all_uses_with(found)
    graph.eliminate_dead_code()


def _only_user(node: Node, target: object) -> Node | None:
    """What alone uses a node, if that is a call of `target`."""
    users = list(node.users)
    return users[0] if len(users) == 1 and users[0].target is target else None


def _other(addition: Node, own: Node) -> Node | None:
    """What a sum adds to `own`, where it is a map of the same shape and type and nothing is scaled."""
    others = [term for term in addition.args if term is not own]
    if addition.kwargs or len(others) != 1 or not isinstance(others[0], Node):
        return None
    kinds = [(node.meta["val"].shape, node.meta["val"].dtype) for node in (own, others[0])]
    return others[0] if kinds[0] == kinds[1] else None


def _fold(program: GraphModule, weight: Any, bias: Any, norm: Node) -> list[str]:
    """The names in the program of a convolution's weight and bias with its batch norm: what branches share, once."""
    parts = [str(node.target).replace(".", "_") for node in (weight, bias, norm.args[3]) if isinstance(node, Node)]
    names = [f"{'_'.join(parts)}_folded_{ending}" for ending in ("weight", "bias")]
    if not hasattr(program, names[0]):
        for name, tensor in zip(names, _folded(program, weight, bias, norm), strict=True):
            program.register_buffer(name, tensor)
    return names


def _folded(program: GraphModule, weight: Any, bias: Any, norm: Node) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with its batch norm, computed in float64."""

    def doubled(node: Any) -> Any:
        return node and operator.attrgetter(node.target)(program).detach().double()

    scale, shift, mean, variance, _, eps = norm.args[1:]
    own, parameters = (doubled(weight), doubled(bias)), (doubled(scale), doubled(shift))
    folded = fuse_conv_bn_weights(*own, doubled(mean), doubled(variance), eps, *parameters)  # type: ignore[arg-type]
    dtype = operator.attrgetter(weight.target)(program).dtype
    kernel, offset = (tensor.detach().to(dtype) for tensor in folded)
    return kernel.contiguous(memory_format=torch.channels_last), offset
