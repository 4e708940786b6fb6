"""The one error that the local EC2 answers with."""


class Ec2Error(Exception):
    """The request is refused, in EC2's words.

    ``code`` is one of EC2's error codes, ``status`` the HTTP status that goes with it.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
