"""What the Python members of a churning group share: `PROGRAM GROUP TOPIC [KEY=VALUE...]`, told on standard input who
joins (`join NAME [INSTANCE SESSION_TIMEOUT]`) and who leaves (`leave NAME`). Everything that befalls a member is a line of
standard output, written before it takes effect: crates/testkit/tests/churn."""

import os
import sys
import threading

GROUP, TOPIC = sys.argv[1:3]
SETTINGS = dict(setting.split("=") for setting in sys.argv[3:])


def pairs(offsets):
    return ",".join(f"{partition}:{offset}" for partition, offset in offsets)


def numbers(partitions):
    return ",".join(str(each.partition) for each in sorted(partitions, key=lambda each: each.partition))


class Told:
    """A member by its name: tells what happens to it, and is told to leave."""

    def __init__(self, name, instance=None, session_timeout="6000"):
        self.name = name
        self.instance = instance
        self.session_timeout = int(session_timeout)
        self.leaving = False

    def tell(self, what):
        # One write of one line: the file's order is the order in which things happened.
        os.write(1, f"{self.name} {what}\n".encode())


def obey(start):
    """Starts `start(told)` in a thread for each member that joins; ends with the input."""
    members = {}

    def run(told):
        try:
            start(told)
        except BaseException as problem:
            told.tell(f"failed {problem!r}".replace("\n", " "))
            raise
        told.tell("left")

    for line in sys.stdin:
        command, name, *more = line.split()
        if command == "join":
            members[name] = Told(name, *more)
            threading.Thread(target=run, args=[members[name]], daemon=True).start()
        else:
            members.pop(name).leaving = True
    os._exit(0)
