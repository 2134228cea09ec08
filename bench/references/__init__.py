"""What `GET /api/weather` is measured against: the same answers by FastAPI, written in three ways.

They run in an environment of their own (requirements/bench.txt) and leave out what costs and is not compared: counting
the rows (they know the totals from their start), access logs, request numbers, ETags, other filters.
"""
