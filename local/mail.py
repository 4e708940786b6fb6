"""The emails of the local SNS."""

import mailbox
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mail:
    """An email."""

    to: str
    """Address of the recipient."""
    subject: str
    """Subject line."""
    text: str
    """Body as plain text."""


class Inbox:
    """A Maildir folder, which is read again at each call of `new`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._maildir = mailbox.Maildir(str(folder), create=True)
        self._read_keys: set[str] = set()

    def new(self) -> list[Mail]:
        """Return the emails that arrived since the last call, oldest first."""
        arrived = sorted(set(self._maildir.keys()) - self._read_keys, key=lambda key: (float(key.split(".")[0]), key))
        self._read_keys.update(arrived)
        return [_parse(self._maildir.get_message(key)) for key in arrived]


def _parse(message: mailbox.MaildirMessage) -> Mail:
    text = message.get_payload(decode=True)
    assert isinstance(text, bytes)  # nosec B101 # for the type checker
    return Mail(str(message["To"]), str(message["Subject"]), text.decode())
