"""HTML forms of endpoints and models, parsed into the arguments of actions."""
