"""The tasks and images of an account in a region.

Not thread-safe: the server executes one request at a time.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.lifecycle import Lifecycle
from local.ec2.regions import DEFAULT_REGIONS
from local.ec2.task_lists import MISSING_BUCKET_PREFIX, TaskLists

ACCOUNT_ID, REGION = "000000000000", "eu-west-1"
"""The account and the region of requests that name none."""


@dataclass(frozen=True)
class Task:
    """A bundle task; ``storage`` is the unchanged parameter of BundleInstance."""

    bundle_id: str
    instance_id: str
    storage: Mapping[str, Any]
    lifecycle: Lifecycle

    @property
    def manifest(self) -> str:
        """The location of the finished bundle's manifest, which RegisterImage needs as ImageLocation."""
        s3 = self.storage["S3"]
        return f"{s3['Bucket']}/{s3['Prefix']}.manifest.xml"


@dataclass(frozen=True)
class Image:
    """A registered AMI; ``params`` are the parameters of RegisterImage."""

    image_id: str
    params: Mapping[str, Any]
    registered: datetime


class Account:
    """Tasks and images in one region, and the speed of their time.

    ``speed`` divides every duration. ``listed_for`` is the time for which a finished task is listed, in minutes of
    EC2's time. ``seed`` makes ids and the order of lists reproducible. ``regions`` are the account's regions with their
    opt-in status.
    """

    def __init__(
        self,
        speed: float = 1.0,
        listed_for: float = 60.0,
        seed: str | None = None,
        account_id: str = ACCOUNT_ID,
        regions: Mapping[str, str] = DEFAULT_REGIONS,
    ) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed must be a number above 0, not {speed}")
        if not 0 <= listed_for < float("inf"):
            raise ValueError(f"listed_for must be a number of minutes, 0 or more, not {listed_for}")
        self.account_id = account_id
        self.regions = regions
        self.speed = speed
        self.listed_for = listed_for
        self.images: dict[str, Image] = {}
        self._tasks: dict[str, Task] = {}
        self._latest: dict[str, Task] = {}  # by instance: only its latest task can be running
        self.lists = TaskLists(speed, lambda prefix: self._new_id(prefix, digits=17, existing={}))
        self._random = random.Random(seed)  # nosec B311 # ids of fictional tasks, no secret

    def start_task(self, instance_id: str, storage: Mapping[str, Any], moment: datetime) -> Task:
        """Start a task at ``moment``."""
        will_fail = storage["S3"]["Bucket"].startswith(MISSING_BUCKET_PREFIX)
        bundle_id = self._new_id("bun", digits=8, existing=self._tasks)
        return self._store(Task(bundle_id, instance_id, storage, Lifecycle(moment, self.speed, will_fail)))

    def cancel_task(self, task: Task, moment: datetime) -> Task:
        """Cancel the task at ``moment``. Raises ValueError if it has ended by then."""
        return self._store(replace(task, lifecycle=task.lifecycle.cancel(moment)))

    def list_tasks(self, moment: datetime) -> list[Task]:
        """Return the tasks that EC2 lists at ``moment``, in random order."""
        tasks = [task for task in self._tasks.values() if self._is_listed(task, moment)]
        self._random.shuffle(tasks)
        return tasks

    def get_task(self, bundle_id: str, moment: datetime) -> Task:
        """Return a task that EC2 lists at ``moment``. Raises Ec2Error (InvalidBundleID.NotFound)."""
        task = self._tasks.get(bundle_id)
        if task is None or not self._is_listed(task, moment):
            # EC2 documents no InvalidBundleID.Malformed, so a malformed id gets the same error.
            raise Ec2Error("InvalidBundleID.NotFound", f"The bundle ID '{bundle_id}' does not exist")
        return task

    def is_bundling(self, instance_id: str, moment: datetime) -> bool:
        """Tell whether the instance has a running task."""
        task = self._latest.get(instance_id)
        return task is not None and moment < task.lifecycle.ended

    def has_manifest(self, location: str, moment: datetime) -> bool:
        """Tell whether any task, listed or not, has written the manifest ``location``."""
        return any(
            task.manifest == location and task.lifecycle.at(moment).state == "complete" for task in self._tasks.values()
        )

    def register_image(self, params: Mapping[str, Any], moment: datetime) -> Image:
        """Register an image at ``moment``."""
        image = Image(self._new_id("ami", digits=17, existing=self.images), params, moment)
        self.images[image.image_id] = image
        return image

    def list_images(self) -> list[Image]:
        """Return all images, in random order."""
        images = list(self.images.values())
        self._random.shuffle(images)
        return images

    def _is_listed(self, task: Task, moment: datetime) -> bool:
        return task.lifecycle.is_listed(moment, self.listed_for)

    def _store(self, task: Task) -> Task:
        self._tasks[task.bundle_id] = self._latest[task.instance_id] = task
        return task

    def _new_id(self, prefix: str, digits: int, existing: Mapping[str, Any]) -> str:
        while (new := f"{prefix}-{self._random.getrandbits(4 * digits):0{digits}x}") in existing:
            pass
        return new
