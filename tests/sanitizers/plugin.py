"""For pytest: programs built with a sanitizer, none of which may report anything.

A report fails the test that ran when it was written.
"""

import ctypes
import os
from pathlib import Path

import pytest

ADDR_NO_RANDOMIZE = 0x0040000
RANDOM_BITS = Path("/proc/sys/vm/mmap_rnd_bits")
RANDOM_BITS_MAX = 28  # with more, ThreadSanitizer may find memory where it has its own
REPORT_CHARS_MAX = 20_000

HERE = Path(__file__).resolve().parent
OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    # A report does not end the program: one run shows them all.
    "TSAN_OPTIONS": f"suppressions={HERE}/tsan.supp:second_deadlock_stack=1:history_size=4",
}

SLOWNESS = {"DRAIN_MS": "60000"}  # of programs whose every access is checked, on a busy machine
STATE = pytest.StashKey()


class Reports:
    """The files that sanitizers write, one for each process that has something to say."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.told = {}

    def news(self):
        """What was written since the last call."""
        found = []
        for path in sorted(self.directory.iterdir()):
            text = path.read_text("utf-8", "replace")
            before = self.told.get(path, 0)
            if len(text) > before:
                found.append(f"{path.name}:\n{text[before:][:REPORT_CHARS_MAX]}")
                self.told[path] = len(text)
        return found


def pytest_addoption(parser):
    parser.addoption("--reports", required=True, help="where sanitizers write; an empty directory")


def pytest_configure(config):
    reports = Reports(config.getoption("--reports"))
    config.stash[STATE] = reports
    for name, options in OPTIONS.items():
        tool = name.partition("_")[0].lower()
        given = os.environ.get(name, "")
        os.environ[name] = f"{options}:log_path={reports.directory}/{tool}:{given}".rstrip(":")
    os.environ.update(SLOWNESS)
    if int(RANDOM_BITS.read_text()) > RANDOM_BITS_MAX:
        # Handed on to whatever is started from here.
        if ctypes.CDLL(None, use_errno=True).personality(ADDR_NO_RANDOMIZE) < 0:
            raise OSError(ctypes.get_errno(), "personality")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that passed has failed when there are reports; so has what came before and after."""
    report = (yield).get_result()
    news = item.config.stash[STATE].news()
    if news and report.passed:
        report.outcome = "failed"
        report.longrepr = "\n".join(news)
    elif news:
        report.sections.append(("sanitizers", "\n".join(news)))
