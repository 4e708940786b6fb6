"""The tasks and images of the local EC2's one account.

Not safe for threads by itself: the server lets one request in at a time.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.lifecycle import Life

ACCOUNT_ID = "000000000000"
DOOMED_BUCKETS = "no-such-bucket"


@dataclass(frozen=True)
class Task:
    """A bundle task; ``storage`` is BundleInstance's parameter, exactly as it was given."""

    bundle_id: str
    instance_id: str
    storage: Mapping[str, Any]
    life: Life

    @property
    def manifest(self) -> str:
        """Where the finished bundle's manifest lies: what RegisterImage takes as ImageLocation."""
        s3 = self.storage["S3"]
        return f"{s3['Bucket']}/{s3['Prefix']}.manifest.xml"


@dataclass(frozen=True)
class Image:
    """A registered AMI; ``params`` are RegisterImage's."""

    image_id: str
    params: Mapping[str, Any]
    registered: datetime


class Account:
    """Bundle tasks and images, and how fast time runs for them.

    ``speed`` divides every duration; ``listed_for`` is in minutes before that division. ``seed``
    makes ids and the order of lists repeatable.
    """

    def __init__(self, speed: float = 1.0, listed_for: float = 60.0, seed: int | None = None) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed must be a number above 0, not {speed}")
        if not 0 <= listed_for < float("inf"):
            raise ValueError(f"listed_for must be minutes, 0 or more, not {listed_for}")
        self.speed = speed
        self.listed_for = listed_for
        self.images: dict[str, Image] = {}
        self._tasks: dict[str, Task] = {}
        self._latest: dict[str, Task] = {}  # by instance: only its latest task can still run
        self._random = random.Random(seed)  # nosec B311 # made-up tasks, no secret

    def start_task(self, instance_id: str, storage: Mapping[str, Any], moment: datetime) -> Task:
        """Start a task at ``moment``."""
        doomed = storage["S3"]["Bucket"].startswith(DOOMED_BUCKETS)
        bundle_id = self._new_id("bun", digits=8, taken=self._tasks)
        return self._keep(Task(bundle_id, instance_id, storage, Life(moment, self.speed, doomed)))

    def cancel_task(self, task: Task, moment: datetime) -> Task:
        """Cancel the task at ``moment``. Raises ValueError where it has ended by then."""
        return self._keep(replace(task, life=task.life.cancel(moment)))

    def listed_tasks(self, moment: datetime) -> list[Task]:
        """Return the tasks that EC2 still lists, in an order that means nothing."""
        tasks = [task for task in self._tasks.values() if self._is_listed(task, moment)]
        self._random.shuffle(tasks)
        return tasks

    def listed_task(self, bundle_id: str, moment: datetime) -> Task:
        """One task that EC2 still lists; Ec2Error (InvalidBundleID.NotFound) if it doesn't."""
        task = self._tasks.get(bundle_id)
        if task is None or not self._is_listed(task, moment):
            # EC2 documents no InvalidBundleID.Malformed, so an odd id is one that isn't found.
            raise Ec2Error("InvalidBundleID.NotFound", f"The bundle ID '{bundle_id}' does not exist")
        return task

    def is_bundling(self, instance_id: str, moment: datetime) -> bool:
        """Tell whether the instance has a task that hasn't ended."""
        task = self._latest.get(instance_id)
        return task is not None and moment < task.life.ended

    def has_manifest(self, location: str, moment: datetime) -> bool:
        """Tell whether a bundle was completed to ``location``, listed or not."""
        return any(
            task.manifest == location and task.life.at(moment).state == "complete" for task in self._tasks.values()
        )

    def register_image(self, params: Mapping[str, Any], moment: datetime) -> Image:
        """Register an image at ``moment``."""
        image = Image(self._new_id("ami", digits=17, taken=self.images), params, moment)
        self.images[image.image_id] = image
        return image

    def listed_images(self) -> list[Image]:
        """All images, in an order that means nothing."""
        images = list(self.images.values())
        self._random.shuffle(images)
        return images

    def _is_listed(self, task: Task, moment: datetime) -> bool:
        return task.life.is_listed(moment, self.listed_for)

    def _keep(self, task: Task) -> Task:
        self._tasks[task.bundle_id] = self._latest[task.instance_id] = task
        return task

    def _new_id(self, prefix: str, digits: int, taken: Mapping[str, Any]) -> str:
        while (new := f"{prefix}-{self._random.getrandbits(4 * digits):0{digits}x}") in taken:
            pass
        return new
