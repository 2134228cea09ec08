"""CloudFormation types that MiniStack refuses or does by halves, on top of its own APIs."""
