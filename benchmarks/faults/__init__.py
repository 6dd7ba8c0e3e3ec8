"""The fault matrix: a run under each fault on servers of its own, and what must hold afterwards."""
