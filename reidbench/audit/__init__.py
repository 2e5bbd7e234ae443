"""Which counting rule each printed cost follows: rules as data, verdicts computed from stored counts. No torch."""
