"""What is asked of tenancy."""
