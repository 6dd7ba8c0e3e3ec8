"""What the authoring API takes, one file per asset."""
