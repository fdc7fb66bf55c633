"""Small disks to be filled: tmpfs in a mount namespace that ends with the last process in it.

    with SmallDisks({"kafka": 96}) as disks:      # megabytes
        disks.prefix                              # of commands that are to find disks.path("kafka")
        disks.fill("kafka")

Mounting takes root, or a kernel that lets users have namespaces of their own. Where neither is to
be had (a container without CAP_SYS_ADMIN), there is no small disk, and the test fails and says so.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.wait import wait_for

MOUNTED_S = 10
END_S = 5
BALLAST = "ballast"
BLOCKS = (1 << 20, 4096, 1)  # to the last byte

# Ways to a mount namespace, and how to enter it.
OWN = (["unshare", "--mount", "--propagation", "private"], ["--mount"])
USERS = (["unshare", "--user", "--map-current-user", "--keep-caps", "--mount",
          "--propagation", "private"], ["--user", "--preserve-credentials", "--mount"])
# Ends when whoever holds its standard input does.
MOUNT = """
set -e
while [ $# -gt 0 ]; do
    mount -t tmpfs -o "size=$2m,mode=0711" seatline "$1"
    shift 2
done
: >"$READY"
exec cat
"""


class SmallDisks:
    def __init__(self, megabytes):
        self.megabytes = megabytes
        self.home = Path(tempfile.mkdtemp(prefix="seatline-disks-", dir="/var/tmp"))
        self._holder = None
        self.prefix = []

    def path(self, name):
        return self.home / name

    def __enter__(self):
        self.home.chmod(0o711)
        for name in self.megabytes:
            self.path(name).mkdir()
        told = []
        for way, enter in (OWN, USERS):
            if self._mount(way, told):
                self.prefix = ["nsenter", "--target", str(self._holder.pid), *enter, "--wdns=/"]
                return self
        shutil.rmtree(self.home)
        raise AssertionError(
            "no small disk can be mounted here: that takes root with CAP_SYS_ADMIN (a container:"
            " --cap-add SYS_ADMIN), or user namespaces: " + "; ".join(told))

    def _mount(self, way, told):
        ready = self.home / "ready"
        wanted = [str(word) for name, size in self.megabytes.items()
                  for word in (self.path(name), size)]
        self._holder = subprocess.Popen(
            [*way, "sh", "-c", MOUNT, "sh", *wanted], env={**os.environ, "READY": str(ready)},
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: ready.exists() or self._holder.poll() is not None, MOUNTED_S,
                 "small disks are mounted, or that is refused")
        if self._holder.poll() is None:
            ready.unlink()
            return True
        told.append(self._holder.stderr.read().strip())
        return False

    def __exit__(self, *_):
        self._holder.stdin.close()
        try:
            self._holder.wait(END_S)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait(END_S)
        shutil.rmtree(self.home, ignore_errors=True)

    def inside(self, name):
        """Where this process finds it."""
        return Path(f"/proc/{self._holder.pid}/root{self.path(name)}")

    def fill(self, name):
        """To the last byte that is free."""
        with open(self.inside(name) / BALLAST, "ab", buffering=0) as ballast:
            for block in BLOCKS:
                try:
                    while ballast.write(bytes(block)) == block:
                        pass
                except OSError as error:
                    assert error.errno == 28, error

    def free(self, name):
        (self.inside(name) / BALLAST).unlink()
