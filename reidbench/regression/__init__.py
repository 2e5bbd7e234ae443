"""Whether one version of the code is worse than another: two sets of records, and a verdict for each cell. No torch."""
