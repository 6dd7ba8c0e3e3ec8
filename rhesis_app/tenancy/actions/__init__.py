"""What changes tenancy, a file per use case."""
