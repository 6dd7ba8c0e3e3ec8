"""What changes identity, a file per use case."""
