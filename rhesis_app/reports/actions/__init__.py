"""Writing reports, and telling of them."""
