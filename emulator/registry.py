"""ECR: the address of a repository is one that `docker push` reaches without a name server and without TLS."""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ecr

from emulator.settings import port


def install() -> None:
    """Docker takes every registry at 127.0.0.0/8 for one that may be reached without TLS."""
    ecr._repo_uri = lambda name: f"localhost:{port()}/{name}"
    _say_what_is_missing()


def _say_what_is_missing() -> None:
    """Images that are asked for by name and are not there are an error, not an empty list."""
    describe = ecr._describe_images

    def repaired(data: dict[str, Any]) -> Any:
        answer = describe(data)
        if data.get("imageIds") and answer[0] == 200 and not json.loads(answer[2])["imageDetails"]:
            text = "The image requested does not exist within the repository."
            return error_response_json("ImageNotFoundException", text, 400)
        return answer

    ecr._describe_images = repaired
