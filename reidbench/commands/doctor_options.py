"""The options of `doctor`."""

from __future__ import annotations

from reidbench.commands.parser import Add


def add_doctor(add: Add) -> None:
    """Adds the command."""
    about = "check the installation, this machine's noise and the records: exit code 1 where something is to be mended"
    sub = add("doctor", "doctor.doctor", about)
    about = "move what is damaged or misnamed to where it belongs; nothing is deleted"
    sub.add_argument("--repair", action="store_true", help=about)
    about = "how long the noise is measured (default: 4; 0 leaves it out)"
    sub.add_argument("--seconds", type=float, default=4.0, metavar="S", help=about)
