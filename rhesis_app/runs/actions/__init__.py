"""What changes runs: start, claim, ask, finish, cancel, sweep. One file per use case."""
