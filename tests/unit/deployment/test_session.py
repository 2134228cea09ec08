"""What an error of AWS means, in words that say what to do."""

from __future__ import annotations

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from deployment.session import Place, explain


def refused(code: str, message: str = "No.") -> ClientError:
    """An answer of AWS that refuses."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.NoCredentialsError(), "There are no credentials for AWS: run `aws configure sso`"),
        (exceptions.ProfileNotFound(profile="mine"), "(mine) could not be found: name one of ~/.aws/config"),
        (exceptions.UnauthorizedSSOTokenError(), "The login to AWS has ended: run `aws sso login`"),
        (refused("ExpiredToken"), "The credentials for AWS have expired (ExpiredToken): log in again"),
        (refused("RequestExpired"), "The credentials for AWS have expired (RequestExpired): log in again"),
        (refused("InvalidClientTokenId"), "AWS does not accept the credentials (InvalidClientTokenId: No.): check"),
        (refused("AccessDenied", "User x may not."), "AWS does not allow DescribeStacks to these credentials: User x"),
        (refused("Throttling"), "AWS asks for fewer requests (DescribeStacks: Throttling): wait a minute"),
        (refused("ValidationError", "Stack is busy"), "DescribeStacks: Stack is busy (ValidationError)"),
        (
            exceptions.EndpointConnectionError(endpoint_url="https://x"),
            "Is the region right, and is the network there?",
        ),
        (exceptions.ReadTimeoutError(endpoint_url="https://x"), "Whether AWS did as it was asked is not known"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, said: str) -> None:
    assert said in explain(error)


def test_nobody_listening_is_said_with_what_to_look_at() -> None:
    nowhere = Place("us-east-1", "", "http://127.0.0.1:1", "x", "x")
    with pytest.raises(exceptions.EndpointConnectionError) as refusal:
        nowhere.client("sts", answer_s=1).get_caller_identity()
    assert "is the emulator running?" in explain(refusal.value)
