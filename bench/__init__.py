"""What `make bench` measures: each figure against a reference in the same run, so that it holds on any machine."""
