"""Runs the cells of a plan in fresh processes, watches them and shows how far they are."""
