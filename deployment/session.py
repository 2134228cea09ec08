"""Talking to AWS: as whom, where, and what its errors mean."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 6},
    connect_timeout=10,
    read_timeout=70,
    user_agent_appid="windsock",
    s3={"addressing_style": "path"},
)
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_UNKNOWN = ("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "SignatureDoesNotMatch")
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
_THROTTLED = ("Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")


@dataclass(frozen=True)
class Place:
    """An account and a region of AWS, as the inventory names them. Its clients may be used by several threads."""

    region: str
    profile: str = ""
    endpoint_url: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    stack_role: str = ""
    """The role that CloudFormation works as; the caller's own rights where it is empty."""
    _clients: dict[tuple[str, str, float | None], Any] = field(default_factory=dict, compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def client(self, service: str, region: str | None = None, *, answer_s: float | None = None) -> Any:
        """A client of a service.

        Args:
            service: Such as "ecs".
            region: Another one than the place's.
            answer_s: For calls that take long: the seconds that an answer is waited for; none is asked for twice.
        """
        key = (service, region or self.region, answer_s)
        with self._lock:  # making one is not safe in threads, using one is
            if key not in self._clients:
                session = boto3.Session(
                    profile_name=self.profile or None,
                    aws_access_key_id=self.access_key_id or None,
                    aws_secret_access_key=self.secret_access_key or None,
                )
                patient = Config(read_timeout=answer_s, retries={"mode": "standard", "total_max_attempts": 1})
                self._clients[key] = session.client(
                    service,
                    region_name=key[1],
                    endpoint_url=self.endpoint_url or None,
                    config=_CONFIG.merge(patient) if answer_s else _CONFIG,
                )
            return self._clients[key]


def explain(error: Exception) -> str:
    """What an error of boto3 means, and what to do about it, in a sentence or two."""
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return (
            "There are no credentials for AWS: run `aws configure sso` or `aws configure`, or set AWS_PROFILE, or name "
            "a profile in the inventory's aws.profile."
        )
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{error}: name one of ~/.aws/config in the inventory's aws.profile, or leave it empty."
    if isinstance(
        error, exceptions.UnauthorizedSSOTokenError | exceptions.SSOTokenLoadError | exceptions.TokenRetrievalError
    ):
        return "The login to AWS has ended: run `aws sso login` with the same profile, then this again."
    if isinstance(error, exceptions.ClientError):
        return _explain_answer(error)
    return f"{type(error).__name__}: {error}{_next_step(error)}"


def _next_step(error: Exception) -> str:
    if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
        return " Is the region right, and is the network there? For the rehearsal, is the emulator running?"
    if isinstance(error, exceptions.ReadTimeoutError | exceptions.ConnectionClosedError):
        return " Whether AWS did as it was asked is not known: run this again."
    return ""


def _explain_answer(error: exceptions.ClientError) -> str:
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", str(error))
    if code in _EXPIRED:
        return f"The credentials for AWS have expired ({code}): log in again, then run this again."
    if code in _UNKNOWN:
        return f"AWS does not accept the credentials ({code}: {message}): check the profile, the keys and the clock."
    if code in _DENIED:
        return (
            f"AWS does not allow {error.operation_name} to these credentials: {message} Use a role that may, or have "
            f"it allowed."
        )
    if code in _THROTTLED:
        return f"AWS asks for fewer requests ({error.operation_name}: {code}): wait a minute, then run this again."
    return f"{error.operation_name}: {message} ({code})"
