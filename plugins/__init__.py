"""Built-in plugins: each folder is made exactly as a third party would make it."""
