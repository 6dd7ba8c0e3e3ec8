"""`rhesis-app run`: a run for a pipeline, against a server by its address and a token."""
