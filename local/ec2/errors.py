"""The error of the local EC2."""


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
