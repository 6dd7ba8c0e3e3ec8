"""Rhesis App: a self-hosted platform for testing LLM applications and agents."""

__version__ = "0.1.0"
