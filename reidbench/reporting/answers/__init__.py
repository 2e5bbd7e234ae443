"""What commands show that are no tables of suites: scores, the profile of one model, what a dataset holds."""
