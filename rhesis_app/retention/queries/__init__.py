"""What is asked of retention."""
