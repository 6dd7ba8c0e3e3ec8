"""The API of runs and of schedules."""
