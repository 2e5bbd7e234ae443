"""What a number was measured on."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import reidbench
from reidbench import machine
from reidbench.cli import main
from reidbench.commands.asked import asked_gpus, check_gpu
from reidbench.planning.plan import Request, make_plan
from reidbench.registry import suite
from reidbench.spec import UserError
from reidbench.store import Store


def test_the_time_of_guests_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux has it in its host processes' time too."""
    times = namedtuple("times", "user nice system idle iowait irq softirq steal guest guest_nice")
    monkeypatch.setattr(psutil, "cpu_times", lambda: times(16, 32, 1, 1000, 2000, 2, 4, 8, 10, 20))
    assert machine.busy_seconds() == 16 + 32 + 1 + 2 + 4 + 8


def test_a_system_that_tells_less_of_its_time_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    times = namedtuple("times", "user system idle")
    monkeypatch.setattr(psutil, "cpu_times", lambda: times(3, 1, 50))
    assert machine.busy_seconds() == 4


@pytest.fixture
def torch_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """Returns `says(code, driver=True)`: what torch is asked by, on a machine with a driver that names a GPU or
    without. It returns the list of the questions asked.
    """
    asked: list[str] = []
    run = machine.subprocess.run

    def counted(command: list[str], **how: object) -> object:
        asked.append(command[0])
        return run(command, **how)

    def says(code: str, *, driver: bool = True) -> list[str]:
        monkeypatch.setattr(machine, "ASK_TORCH", code)
        if driver:
            smi = tmp_path / "nvidia-smi"
            smi.write_text("#!/bin/sh\necho NVIDIA of the driver\n")
            smi.chmod(0o755)
        forget()
        return asked

    def forget() -> None:
        machine.gpu.cache_clear()
        machine.describe.cache_clear()

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "SIGNS_OF_A_GPU", ())
    monkeypatch.setattr(machine.subprocess, "run", counted)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("REIDBENCH_MACHINE", raising=False)
    yield says
    forget()


NONE = "import sys; sys.exit('Torch not compiled with CUDA enabled')"


def gpu_plan(tmp_path: Path) -> tuple[int, set[str]]:
    """How many cells of the suite for GPUs are planned, and why others are not."""
    made = make_plan("gpu", suite("gpu"), Request(), Store(tmp_path, machine.name()))
    return len(made.cells), set(made.absent.values())


def test_torch_names_the_gpu_and_not_the_driver(torch_says: Callable[..., list[str]], tmp_path: Path) -> None:
    asked = torch_says("print('a warning'); print('NVIDIA H9 of torch')")
    assert machine.name().startswith("nvidia-h9-of-torch-")
    cells, absent = gpu_plan(tmp_path)
    assert cells and not absent
    check_gpu("cuda")
    assert len(asked) == 1, "once for all that a command does"


ASKED_FOR_TWO = Namespace(gpus=2, device="cuda")


@pytest.mark.parametrize(
    ("shown", "sees", "alike"),
    [
        (None, "H9\tT4\tH9", ("0", "2")),
        ("3,GPU-d5, 1", "H9\tH9\tT4", ("3", "GPU-d5")),
        ("3,1,9,0", "H9\tH9", ("3", "1")),  # there is no GPU 9: CUDA sees those before it
        ("MIG-7", "H9", ("MIG-7",)),
    ],
)
def test_gpus_of_one_name_train_side_by_side(
    torch_says: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    shown: str | None,
    sees: str,
    alike: tuple[str, ...],
) -> None:
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    torch_says(f"print({sees!r})")
    assert machine.gpu().name == "H9" and machine.gpu().alike == alike
    assert asked_gpus(Namespace(gpus=1, device="cpu")) == (), "as torch chooses"
    if len(alike) == 2:
        assert asked_gpus(ASKED_FOR_TWO) == alike
    else:
        with pytest.raises(UserError, match="--gpus 2: torch sees 1 H9; only GPUs alike are shared"):
            asked_gpus(ASKED_FOR_TWO)


def test_the_code_that_asks_torch_names_all_its_gpus() -> None:
    """Run with a stand-in for torch, as it is in a process of its own."""
    fake = "import sys, types; sys.modules['torch'] = types.SimpleNamespace(cuda=types.SimpleNamespace({}))\n"
    two = fake.format("device_count=lambda: 2, get_device_name='H{}'.format")
    asked = subprocess.run([sys.executable, "-c", two + machine.ASK_TORCH], capture_output=True, text=True, check=True)
    assert asked.stdout == "H0\tH1\n"
    none = fake.format("device_count=lambda: 0, get_device_name=lambda n: 1 // n")
    refused = subprocess.run([sys.executable, "-c", none + machine.ASK_TORCH], capture_output=True, text=True)
    assert refused.returncode == 1 and "by zero" in refused.stderr and "Traceback" not in refused.stderr


def test_several_gpus_are_for_trainings_on_a_gpu(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for given, said in (("2", "--gpus 2: give --device cuda, too"), ("0", "--gpus 0: give at least 1")):
        assert main(["table2", "--gpus", given, "--results", str(tmp_path)]) == 2
        assert said in capsys.readouterr().err


def test_a_gpu_that_torch_cannot_use_is_none_and_says_why(
    torch_says: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_says(NONE, driver=False)
    without = machine.name()
    torch_says(NONE)
    assert machine.name() == without, "its records are those of the CPU"
    assert gpu_plan(tmp_path) == (0, {"torch sees no GPU: Torch not compiled with CUDA enabled"})
    with pytest.raises(UserError, match="--device cuda: torch sees no CUDA GPU: Torch not compiled with CUDA enabled;"):
        check_gpu("cuda")
    torch_says("import os; os.abort()")
    assert machine.gpu().reason == "exit code -6"
    asked = torch_says("print('NVIDIA H9')")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    before = len(asked)
    assert gpu_plan(tmp_path) == (0, {"torch sees no GPU: CUDA_VISIBLE_DEVICES hides it"}) and len(asked) == before


def test_the_devices_of_a_container_are_enough_to_ask(
    torch_says: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(machine, "SIGNS_OF_A_GPU", (str(tmp_path / "nvidia*"),))
    torch_says("print('NVIDIA H9')", driver=False)
    assert machine.describe()["gpu"] == "NVIDIA H9"


def test_where_no_gpu_can_be_torch_is_not_asked(torch_says: Callable[..., list[str]], tmp_path: Path) -> None:
    asked = torch_says("print('NVIDIA H9')", driver=False)
    assert gpu_plan(tmp_path) == (0, {"no CUDA GPU on this machine"}) and not asked


def test_a_torch_that_does_not_answer_makes_no_other_machine(
    torch_says: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch_says("import time; time.sleep(30)")
    monkeypatch.setattr(machine, "SECONDS_TO_ASK", 0.1)
    assert main(["table2"]) == 2
    assert "torch: did not say within 0.1 s what GPU it sees; try again" in capsys.readouterr().err
    assert main(["list"]) == 0, "which has no need to ask"


def test_the_version_of_this_project_is_that_of_the_code_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_version", lambda package: "9.9 installed")
    found = machine.versions()
    assert found["reidbench"] == reidbench.__version__ and found["numpy"] == "9.9 installed"
    assert list(found)[:2] == ["python", "reidbench"]


ARM = """processor\t: 0
BogoMIPS\t: 243.75
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: {variant}
CPU part\t: {part}
CPU revision\t: 1
"""

X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC 7B13 Processor
stepping\t: 0
"""


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], str]:
    """The name of the processor where the system says this of it ("" for none), on such an architecture."""

    def found(cpuinfo: str, architecture: str) -> str:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
        monkeypatch.setattr(machine, "CPUINFO", tmp_path / ("cpuinfo" if cpuinfo else "none"))
        monkeypatch.setattr(machine.platform, "machine", lambda: architecture)
        return machine._cpu()

    return found


def test_processors_of_arm_are_told_apart(cpu: Callable[[str, str], str]) -> None:
    """Linux has no name for them; folders of results are named by what stands before the bracket."""
    parts = [("0xd0c", "0x3"), ("0xd40", "0x1"), ("0xd4f", "0x0"), ("0xd0c", "0x4")]
    names = [cpu(ARM.format(part=part, variant=variant), "aarch64") for part, variant in parts]
    assert len(set(names)) == 4 and names[0] == "aarch64 (implementer 0x41 part 0xd0c variant 0x3)"


def test_the_names_of_other_processors_are_as_they_were(cpu: Callable[[str, str], str]) -> None:
    """By them the folders of results are named."""
    assert cpu(X86, "x86_64") == "AMD EPYC 7B13 (family 25 model 1 stepping 0)"
    assert cpu("processor : 0\nhart : 0\n", "riscv64") == "riscv64"


@pytest.mark.parametrize(
    ("architecture", "says", "name"),
    [("arm64", "Apple M1  Pro\n", "Apple M1 Pro"), ("arm64", None, "arm"), ("x86_64", "Intel(R) Core(TM)", "i386")],
)
def test_a_mac_says_which_of_apples_processors_it_has(
    architecture: str, says: str | None, name: str, cpu: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> object:
        assert command[0].endswith("sysctl")
        if says is None:
            raise FileNotFoundError
        return machine.subprocess.CompletedProcess(command, 0, says)

    monkeypatch.setattr(machine.subprocess, "run", run)
    monkeypatch.setattr(machine.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(machine.platform, "processor", lambda: "arm" if architecture == "arm64" else "i386")
    assert cpu("", architecture) == name


def test_the_cores_that_are_built_in_are_counted_once_and_those_allowed_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: asked.append(logical) or 4)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: range(8))
    machine._cores_built_in.cache_clear()
    try:
        assert [machine.physical_cores() for _ in range(3)] == [4, 4, 4] and asked == [False]
        monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: range(2))
        assert machine.physical_cores() == 2
    finally:
        machine._cores_built_in.cache_clear()
