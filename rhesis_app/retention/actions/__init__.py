"""What changes retention."""
