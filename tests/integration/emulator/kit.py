"""The project's own stacks on the emulated AWS, as the deployment makes them."""

from __future__ import annotations

import io
import zipfile

HANDLER = "import os\n\ndef handler(event, context):\n    return {'event': event, 'environment': dict(os.environ)}\n"


def function_package(source: str, module: str) -> bytes:
    """A zip with one module."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr(module, source)
    return buffer.getvalue()
