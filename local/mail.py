"""The emails that the local SNS sent."""

import mailbox
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mail:
    """One email as its reader sees it."""

    to: str
    subject: str
    text: str


class Inbox:
    """A Maildir, read again at each question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._box = mailbox.Maildir(str(folder), create=True)
        self._read: set[str] = set()

    def new(self) -> list[Mail]:
        """Return the emails that came since the last call, oldest first."""
        arrived = sorted(set(self._box.keys()) - self._read, key=lambda key: (float(key.split(".")[0]), key))
        self._read.update(arrived)
        return [_mail(self._box.get_message(key)) for key in arrived]


def _mail(message: mailbox.MaildirMessage) -> Mail:
    text = message.get_payload(decode=True)
    assert isinstance(text, bytes)  # nosec B101 # for the type checker
    return Mail(str(message["To"]), str(message["Subject"]), text.decode())
