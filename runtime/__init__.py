"""What both programs need to run anywhere: their environment variables, their logs, the version they say they are."""

__version__ = "0.1.0"
