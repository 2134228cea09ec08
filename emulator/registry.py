"""ECR: the address of a repository is one that `docker push` reaches without a name server and without TLS."""

from __future__ import annotations

from ministack.services import ecr

from emulator.settings import port


def install() -> None:
    """Docker takes every registry at 127.0.0.0/8 for one that may be reached without TLS."""
    ecr._repo_uri = lambda name: f"localhost:{port()}/{name}"
