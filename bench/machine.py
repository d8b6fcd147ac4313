"""What this machine and its processes do, as Linux tells in /proc."""

import os
import time

TICK = os.sysconf("SC_CLK_TCK")


class Moment:
    """What some processes had used, and all processors had done, at one time."""

    def __init__(self, pids):
        self.at = time.monotonic()
        self.cpu = sum(_cpu(pid) for pid in pids)
        self.written = sum(_written(pid) for pid in pids)
        with open("/proc/stat") as stat:
            times = [int(text) / TICK for text in stat.readline().split()[1:9]]
        # Idle and waiting for a disk; stolen by the host.
        self.idle, self.all, self.stolen = times[3] + times[4], sum(times), times[7]

    def others(self, since, ours):
        """The share of the machine that neither we nor the host had, in percent, when we used `ours` CPU seconds."""
        everything = self.all - since.all
        busy = everything - (self.idle - since.idle) - (self.stolen - since.stolen)
        return 100 * (busy - ours) / everything if everything else 0.0


def wait_for_quiet(share, bound):
    """Returns when others use at most `share` percent for a second, or after `bound` seconds."""
    until = time.monotonic() + bound
    while True:
        before = Moment([])
        time.sleep(1)
        if Moment([]).others(before, 0) <= share or time.monotonic() > until:
            return


def wait_for_rest(pids, bound):
    """Returns when the processes use less than 3 % of a processor for two seconds, or after `bound` seconds."""
    until = time.monotonic() + bound
    while time.monotonic() < until:
        before = Moment(pids)
        time.sleep(2)
        if Moment(pids).cpu - before.cpu < 0.06:
            return


def disk_bytes(folder):
    """What a folder's files take."""
    found = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.stat(os.path.join(parent, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return found


def _cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        members = stat.read().rsplit(")", 1)[1].split()
    return (int(members[11]) + int(members[12])) / TICK


def _written(pid):
    try:
        with open(f"/proc/{pid}/io") as io:
            return next(int(line.split()[1]) for line in io if line.startswith("write_bytes:"))
    except PermissionError:
        return 0
