"""The command line of reidbench: `python bench.py --help`."""

from reidbench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
