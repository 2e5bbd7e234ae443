"""The command line as a module: `python -m reidbench --help`."""

from reidbench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
