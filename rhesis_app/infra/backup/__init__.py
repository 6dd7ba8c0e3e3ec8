"""One file that holds an installation: its database and its keys; taken from a running one, restored into a resting one."""
