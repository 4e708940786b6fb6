"""Commands that a reader can paste into a shell as they stand, whatever EC2 put into the values."""

import shlex

from task_reporter.rows import Row, place_of


def register_command(row: Row) -> str | None:
    """The command that makes an AMI of a bundle, quoted for a shell; None where the image's place is unknown.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
    """
    if "image_location" not in row:
        return None
    options = {"name": str(row["task_id"]), "image-location": str(row["image_location"])}
    return _command("ec2 register-image", row, options)


def check_command(row: Row) -> str | None:
    """The command that fails where a bundle has no manifest, quoted for a shell; None where its place is unknown."""
    if "image_location" not in row:
        return None
    bucket, _, key = str(row["image_location"]).partition("/")
    return _command("s3api head-object", row, {"bucket": bucket, "key": key})


def _command(name: str, row: Row, options: dict[str, str]) -> str:
    _, region = place_of(row)
    quoted = (f"--{option} {shlex.quote(value)}" for option, value in {"region": region, **options}.items())
    return f"aws {name} {' '.join(quoted)}"
