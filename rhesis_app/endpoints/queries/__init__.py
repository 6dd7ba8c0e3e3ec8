"""What is asked of endpoints and models."""
