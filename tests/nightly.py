import os

NIGHTLY: bool = bool(os.environ.get("REIDBENCH_NIGHTLY"))
