"""What a table says, in sentences: differences, verdicts, how sure they are, how all of it was measured."""
