"""A network as fewer operators, and those side by side, computes what it does one after another."""

from __future__ import annotations

from collections import Counter
from typing import Any

import imaginary_gpu
import pytest
import torch
from exportable import clips, tiny_model
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node

from reidbench.deployment.fusion import aten, convolve, convolve_at_once, fuse
from reidbench.deployment.lanes import Lanes, _stream, lanes_of
from reidbench.deployment.network import Network


def operators(program: GraphModule) -> Counter[Any]:
    return Counter(node.target for node in program.graph.nodes if node.op == "call_function")


Fused = tuple[Network, Tensor, GraphModule]


@pytest.fixture(scope="module")
def fused() -> Fused:
    """The tiny model in float64, a clip, and the program that is made of them, which takes seconds."""
    network, given = Network(tiny_model()).double(), clips().double()
    return network, given, fuse(network, given)


def test_a_fused_network_computes_what_it_does_and_keeps_its_weights(fused: Fused) -> None:
    network, given, program = fused
    with torch.inference_mode():
        torch.testing.assert_close(program(given), network(given), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(network.state_dict(), Network(tiny_model()).double().state_dict(), rtol=0, atol=0)


def test_what_both_branches_share_is_held_once_and_what_was_folded_not_at_all(fused: Fused) -> None:
    network, _, program = fused
    held = sum(tensor.nbytes for tensor in (*program.parameters(), *program.buffers()))
    assert 0.8 < held / sum(parameter.nbytes for parameter in network.parameters()) < 1.05


class Block(nn.Module):
    """Every way in which something follows a convolution, or does not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(4, 4, 3, padding=1, bias=bias) for bias in (True, False, True))
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))
        for norm in self.norms:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        a = self.norms[0](self.first(x)).relu()
        b = (self.norms[1](self.second(a)) + a).relu()
        return b


def test_a_convolution_takes_norm_addition_and_relu_along() -> None:
    program = fuse(Block().double().eval(), torch.randn(2, 4, 8, 8, dtype=torch.float64))
    assert operators(program) == {convolve: 2}
    first, second = program.graph.find_nodes(op="call_function", target=convolve)
    assert first.args[3] is None and second.args[3] is first


FOLLOWERS = {
    "nothing": (lambda block, x: block.third(x), {aten.conv2d.default: 1}),
    "a norm": (lambda block, x: block.norms[0](block.first(x)), {aten.conv2d.default: 1}),
    "a ReLU": (lambda block, x: block.first(x).relu(), {convolve: 1}),
    "a norm that another sees the input of": (
        lambda block, x: block.norms[0](found := block.first(x)).relu() + found,
        None,
    ),
    "a ReLU that another sees the input of": (
        lambda block, x: (found := block.norms[0](block.first(x))).relu() + found,
        {aten.conv2d.default: 1, aten.relu.default: 1, aten.add.Tensor: 1},
    ),
    "itself, added": (
        lambda block, x: ((found := block.norms[0](block.first(x))) + found).relu(),
        {aten.conv2d.default: 1, aten.relu.default: 1, aten.add.Tensor: 1},
    ),
    "a number": (
        lambda block, x: (block.norms[0](block.first(x)) + 1.0).relu(),
        {aten.conv2d.default: 1, aten.relu.default: 1, aten.add.Tensor: 1},
    ),
    "a scaled map": (
        lambda block, x: torch.add(block.norms[0](block.first(x)), x, alpha=2).relu(),
        {aten.conv2d.default: 1, aten.relu.default: 1, aten.add.Tensor: 1},
    ),
    "a vector, repeated": (
        lambda block, x: (block.norms[0](block.first(x)) + x.mean((2, 3), keepdim=True)).relu(),
        {aten.conv2d.default: 1, aten.relu.default: 1, aten.add.Tensor: 1, aten.mean.dim: 1},
    ),
    "a sum that another sees": (
        lambda block, x: (found := block.norms[0](block.first(x)) + x).relu() * found,
        {aten.conv2d.default: 1, aten.relu.default: 1, aten.add.Tensor: 1, aten.mul.Tensor: 1},
    ),
    "a stride and a dilation": (
        lambda block, x: torch.conv2d(x, block.first.weight, None, 2, 2, 2).relu(),
        {convolve: 1},
    ),
}


@pytest.mark.parametrize("follows", FOLLOWERS)
def test_nothing_is_taken_along_that_another_operator_sees(follows: str) -> None:
    forward, wanted = FOLLOWERS[follows]
    block = Block().double().eval()
    block.forward = lambda x: forward(block, x)  # type: ignore[method-assign]
    given = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    program = fuse(block, given)
    with torch.inference_mode():
        torch.testing.assert_close(program(given), block(given), rtol=1e-12, atol=1e-12)
    if wanted:
        assert operators(program) == wanted


def test_norms_that_are_computed_and_terms_of_another_type_are_left() -> None:
    block, given = Block().eval(), torch.randn(2, 4, 8, 8)

    def normalised(x: Tensor) -> Tensor:
        return torch.nn.functional.batch_norm(block.third(x), x.mean((0, 2, 3)), x.var((0, 2, 3))).relu()

    def wider(x: Tensor) -> Tensor:
        return (block.third(x) + x.double()).relu()

    for forward, left in ((normalised, aten._native_batch_norm_legit_no_training.default), (wider, aten.add.Tensor)):
        block.forward = forward  # type: ignore[method-assign]
        program = fuse(block, given)
        assert operators(program)[left] == 1
        with torch.inference_mode():
            torch.testing.assert_close(program(given), block(given), rtol=1e-5, atol=1e-5)


def test_a_network_that_writes_to_what_it_holds_is_refused() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            self.count.add_(1)
            return x * self.count

    network = Counts()
    with pytest.raises(ValueError, match="writes to what it is given or holds"):
        fuse(network, torch.randn(2))
    assert network.count == 0


def test_want_of_memory_is_no_reason_to_do_without_cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "cudnn_convolution_relu", full)
    with pytest.raises(torch.OutOfMemoryError):
        fuse(Block().eval(), torch.randn(2, 4, 8, 8))


def test_what_cudnn_takes_is_one_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its operators are imagined here; that of an addition refuses."""
    taken = []

    def with_relu(x: Tensor, weight: Tensor, bias: Tensor, *geometry: Any) -> Tensor:
        taken.append(geometry)
        return convolve(x, weight, bias, None, *geometry)

    def refuse(*_: object) -> Tensor:
        raise RuntimeError("FIND was unable to find an engine to execute this computation")

    monkeypatch.setattr(torch, "cudnn_convolution_relu", with_relu)
    monkeypatch.setattr(torch, "cudnn_convolution_add_relu", refuse)
    block, given = Block().double().eval(), torch.randn(2, 4, 8, 8, dtype=torch.float64)
    program = fuse(block, given)
    assert operators(program) == {convolve_at_once: 1, convolve: 1}
    assert taken == [([1, 1], [1, 1], [1, 1], 1)]
    with torch.inference_mode():
        torch.testing.assert_close(program(given), block(given), rtol=1e-12, atol=1e-12)


def test_every_operator_runs_after_those_it_takes_something_of(fused: Fused, monkeypatch: pytest.MonkeyPatch) -> None:
    imaginary_gpu.install(monkeypatch)
    _stream.cache_clear()
    ran: dict[Node, imaginary_gpu.Stream] = {}

    class Watched(Lanes):
        def run_node(self, n: Node) -> Any:
            found = super().run_node(n)
            if n in self.lanes:
                stream = self.streams[self.lanes[n]]
                assert all(self.events[p] in self.events[n].done for p in n.all_input_nodes if p in self.lanes), n
                ran[n] = stream
                away = [p for p in n.all_input_nodes if self.lanes.get(p, self.lanes[n]) != self.lanes[n]]
                held = {id(value) for value in self.crossing}
                assert {id(self.env[p]) for p in away} <= held, "freed while another lane reads it"
            return found

    network, given, program = fused
    watched = Watched(program)
    with torch.inference_mode():
        found = watched.run(given)
        torch.testing.assert_close(found, network(given), rtol=1e-12, atol=1e-12)
    assert len(set(map(id, ran.values()))) > 2 and len(ran) == sum(operators(program).values())
    assert all(watched.streams[0].done >= stream.done for stream in watched.streams)
    assert not watched.crossing and not watched.events, "nothing is held when all is done"
    _stream.cache_clear()


def test_only_what_waits_for_nothing_of_a_lane_leaves_it() -> None:
    """Two branches of two operators from one: two lanes; what follows their sum goes on in one of them."""
    graph = Graph()
    given = graph.placeholder("x")
    trunk = graph.call_function(torch.relu, (given,))
    branches = [graph.call_function(torch.exp, (graph.call_function(torch.sin, (trunk,)),)) for _ in range(2)]
    total = graph.call_function(torch.add, tuple(branches))
    last = graph.call_function(torch.relu, (total,))
    after = graph.call_function(torch.relu, (total,))
    graph.output((last, after))
    lanes = lanes_of(graph)
    assert lanes[trunk] == lanes[branches[0]] == 0 and lanes[branches[1]] == 1
    assert {lanes[last], lanes[after]} == {0, 1}
