"""Operators side by side: what does not wait for each other runs on CUDA streams of its own."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Interpreter, Node


def lanes_of(graph: Graph) -> dict[Node, int]:
    """A lane for each operator, so that those of one lane wait for each other in any case.

    An operator goes on in the lane of one of those it takes something of, where no other does yet; else in a lane whose
    last operator it waits for anyway, or a new one. Lane 0 has the first operator.
    """
    lanes: dict[Node, int] = {}
    ends: list[Node] = []
    before: dict[Node, frozenset[Node]] = {}
    for node in graph.nodes:
        if node.op not in ("call_function", "call_method", "call_module"):
            continue
        parents = [parent for parent in node.all_input_nodes if parent in lanes]
        before[node] = frozenset(parents).union(*(before[parent] for parent in parents))
        free = [lane for lane, end in enumerate(ends) if end in before[node]]
        going = [lanes[parent] for parent in parents if ends[lanes[parent]] is parent]
        lane = (going or free or [len(ends)])[0]
        ends[lane : lane + 1] = [node]
        lanes[node] = lane
    return lanes


class Lanes(Interpreter):
    """Runs a graph of operators that change nothing in place, each on the stream of its lane.

    Lane 0 is the stream that is current, which all others wait for at first and which waits for all of them at last.
    """

    def __init__(self, program: GraphModule) -> None:
        super().__init__(program)
        self.lanes = lanes_of(program.graph)
        self.events: dict[Node, torch.cuda.Event] = {}
        self.crossing: list[Any] = []  # or its memory is given away while another lane still reads it

    def run(self, *args: Any, **kwargs: Any) -> Any:
        main = torch.cuda.current_stream()
        self.streams = [main, *(_stream(lane) for lane in range(1, max(self.lanes.values(), default=0) + 1))]
        for stream in self.streams[1:]:
            stream.wait_stream(main)
        found = super().run(*args, **kwargs)
        for stream in self.streams[1:]:
            main.wait_stream(stream)
        self.events.clear()
        self.crossing.clear()
        return found

    def run_node(self, n: Node) -> Any:
        if n not in self.lanes:
            return super().run_node(n)
        stream = self.streams[self.lanes[n]]
        for parent in n.all_input_nodes:
            if self.lanes.get(parent, self.lanes[n]) != self.lanes[n]:
                stream.wait_event(self.events[parent])
                self.crossing.append(self.env[parent])
        with torch.cuda.stream(stream):
            found = super().run_node(n)
            self.events[n] = stream.record_event()
        return found


@cache
def _stream(lane: int) -> torch.cuda.Stream:
    """The stream of a lane, the same for all graphs: the memory that one has freed is then there for the next."""
    return torch.cuda.Stream()
