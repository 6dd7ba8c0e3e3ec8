"""Authoring's HTML forms, parsed into the actions' arguments."""
