"""What each command of the command line does; a function takes the parsed arguments and returns the exit code."""
