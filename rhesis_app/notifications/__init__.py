"""Notifications own what goes on while nobody waits: background work, and the word to people when something has happened."""
