"""The documentation, and what parts of it are made with."""
