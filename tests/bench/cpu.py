"""Where the processors' time goes: by process, whatever else the machine does."""

import os
import resource
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
USER, CHILDREN_SYSTEM = 11, 15  # fields of /proc/<pid>/stat after the name


def stat(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def children(parent):
    found = []
    for entry in Path("/proc").iterdir():
        fields = stat(entry.name) if entry.name.isdigit() else None
        if fields and int(fields[1]) == parent:
            found.append(int(entry.name))
    return found


def spent_s(pid, with_children):
    """User and system; of children that have ended, too."""
    fields = stat(pid)
    if not fields:
        return 0.0
    own = sum(map(int, fields[USER:CHILDREN_SYSTEM if with_children else USER + 2])) / TICKS
    if not with_children:
        return own
    return own + sum(spent_s(child, False) for child in children(pid))


class Cpu:
    """operations: what the time is divided by; set it before the end."""

    FAMILIES = ("postgresql", "nginx")

    def __init__(self, seatline):
        self.seatline, self.operations = seatline, 1
        self.before = self.now()

    def now(self):
        """clients: this process and the loads that it has waited for."""
        used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF,
                                                        resource.RUSAGE_CHILDREN)]
        clients = sum(each.ru_utime + each.ru_stime for each in used)
        return {("clients", 0): clients, **self.servers()}

    def servers(self):
        return {(name, service.pid): spent_s(service.pid, name in self.FAMILIES)
                for name, service in self.seatline.services.items() if service.is_running}

    def spent(self):
        """Seconds by process; what was started meanwhile has spent all of its own."""
        return {name.removesuffix("-0"): max(0.0, spent - self.before.get((name, pid), 0.0))
                for (name, pid), spent in self.now().items()}
