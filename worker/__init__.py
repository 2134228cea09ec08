"""The worker: loads weather files into the database and keeps the yearly statistics."""
