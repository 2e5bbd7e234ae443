"""A suite with its records as a table: which record fills which cell, what rows may be compared, how it is laid out."""
