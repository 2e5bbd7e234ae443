"""Finds and reads the files that models, datasets, measurements and suites are written in."""
