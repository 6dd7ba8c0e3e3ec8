"""What changes endpoints, and what calls them."""
