"""The error of the local EC2."""

AUTH_FAILURE = ("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
"""Arguments of the error for unknown credentials, and for a disabled region."""


class Ec2Error(Exception):
    """A request is refused. The error becomes the response.

    ``code`` is one of EC2's error codes, ``message`` its text and ``status`` its HTTP status.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
