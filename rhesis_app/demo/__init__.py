"""The demonstration: an organization with a tested chatbot, to look at before anything is set up, and to remove again."""
