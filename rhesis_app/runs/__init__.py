"""Runs: the durable execution of a test set against an endpoint, and its results."""
