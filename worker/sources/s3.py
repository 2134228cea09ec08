"""Weather files in an S3 bucket, read as a stream: never a whole object in memory, never one on the disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from worker.sources import OWN_FOLDER, PAGE_SIZE, SAMPLE_MARK, ByteStream, FileUnavailableError, ListedFile, SourceError

# Standard retries of the SDK (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html) answer
# throttling and 5xx before a body begins; `_OpenObject` goes on where a body breaks off.
RETRIES = {"mode": "standard", "max_attempts": 6}
TIMEOUT_S = 30
RESUMES = 5

# The timeout is for the next byte. A body of a byte now and then would hold up a pass for days: what comes more slowly
# than a kilobyte a second, over a whole minute of waiting, has broken off.
SLOW_AFTER_S = 60.0
SLOW_BYTES = 60 << 10


def client(*, anonymous: bool) -> Any:
    """An S3 client with the project's retries and timeouts; region, keys and endpoint come from the AWS environment."""
    return boto3.client(
        "s3",
        config=Config(
            retries=RETRIES,
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
            signature_version=UNSIGNED if anonymous else None,
        ),
    )


class Bucket:
    """A bucket, or the part of it below a prefix, as a source."""

    def __init__(self, address: str, *, anonymous: bool) -> None:
        self.address = address
        self._bucket, _, prefix = address.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._own = f"{self._prefix}{OWN_FOLDER}/"
        self._s3 = client(anonymous=anonymous)

    def pages(self) -> Iterator[list[ListedFile]]:
        """All objects below the prefix, in the order of their keys."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix, PaginationConfig={"PageSize": PAGE_SIZE}
        )
        try:
            for page in pages:
                found = page.get("Contents", [])
                yield [
                    self._listed(entry)
                    for entry in found
                    # A key that ends in a slash is what the console makes for an empty folder.
                    if not entry["Key"].endswith("/") and not entry["Key"].startswith(self._own)
                ]
        except (BotoCoreError, ClientError) as error:
            raise SourceError(
                f"{self.address} cannot be listed: {error}. Check the name of the bucket, the credentials "
                "(or WINDSOCK_S3_ANONYMOUS=yes for a public bucket) and the permission s3:ListBucket"
            ) from error

    def _listed(self, entry: dict[str, Any]) -> ListedFile:
        key = entry["Key"]
        return ListedFile(
            uri=f"s3://{self._bucket}/{_storable(key)}",
            name=_storable(key.rsplit("/", 1)[-1]),
            location=key,
            size=entry["Size"],
            modified_at=entry["LastModified"],
            version=entry["ETag"].strip('"'),
        )

    def open(self, file: ListedFile) -> ByteStream:
        """The bytes of an object, of exactly the version that was listed."""
        return _OpenObject(self._s3, self._bucket, file)

    def is_generated(self) -> bool:
        """Whether the mark of `worker sample` was uploaded with the files."""
        try:
            self._s3.head_object(Bucket=self._bucket, Key=f"{self._own}{SAMPLE_MARK}")
        except (BotoCoreError, ClientError):
            return False
        return True


def _storable(name: str) -> str:
    """The name as text that PostgreSQL takes, which a NUL in a key is not to end."""
    return name.replace("\0", "\\x00")


class _OpenObject:
    """An object's body, asked for again from where it broke off."""

    def __init__(self, s3: Any, bucket: str, file: ListedFile) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._file = file
        self._position = 0
        self._resumes = 0
        self._body = contextlib.ExitStack()
        self._received, self._waited = 0, 0.0
        self._stream = self._get()

    def _get(self) -> Any:
        # IfMatch: another version of the object, put there since the listing, is refused instead of mixed in.
        wanted: dict[str, str] = {"Range": f"bytes={self._position}-"} if self._position else {}
        try:
            body = self._s3.get_object(
                Bucket=self._bucket, Key=self._file.location, IfMatch=f'"{self._file.version}"', **wanted
            )["Body"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            reason = {
                "PreconditionFailed": "it has changed since it was listed",
                "412": "it has changed since it was listed",
                "NoSuchKey": "it was deleted after it had been listed",
            }.get(code, f"S3 answered {error}")
            raise FileUnavailableError(reason) from error
        except BotoCoreError as error:
            raise FileUnavailableError(f"S3 cannot be reached: {error}") from error
        return self._body.enter_context(body)  # of urllib3

    def read(self, size: int, /) -> bytes:
        while self._position < self._file.size:
            try:
                data = self._receive(min(size, self._file.size - self._position))
            except (HTTPError, OSError) as error:
                data, why = b"", str(error)
            else:
                why = f"the body ended after {self._position:,} of {self._file.size:,} bytes"
            if data:
                self._position += len(data)
                return data
            self._resumes += 1
            if self._resumes > RESUMES:
                raise FileUnavailableError(f"S3 broke off {self._resumes} times, at last: {why}")
            self.close()
            self._stream = self._get()
        return b""

    def _receive(self, size: int) -> bytes:
        """What has arrived, as soon as something has: whoever waits for more cannot tell how slowly it comes.

        Raises:
            TimeoutError: it comes too slowly.
        """
        began = time.monotonic()
        data: bytes = self._stream.read1(size)
        self._waited += time.monotonic() - began
        self._received += len(data)
        if self._waited > SLOW_AFTER_S:
            received, waited = self._received, self._waited
            self._received, self._waited = 0, 0.0
            if received < SLOW_BYTES:
                raise TimeoutError(f"only {received:,} bytes came in {waited:.0f} s")
        return data

    def close(self) -> None:
        self._body.close()
