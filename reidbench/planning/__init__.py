"""From what is asked to the cells that answer it."""
