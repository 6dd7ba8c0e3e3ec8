"""Making the demonstration, waiting for its runs, and removing it."""
