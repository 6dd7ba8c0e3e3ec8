"""Endpoints: the systems under test, how to ask them and how to read their answers."""
