# SPDX-License-Identifier: ISC
"""The queue of outgoing mail, inside of our store: how fast it takes recipients
in and gives them away, with 10,000 of them and with 1,000,000."""

import os
import shutil

import measure
from running import Figure, tool_json

SIZES = {"10k": 10_000, "1M": 1_000_000}
STEADY = ("most", 1.25)  # a fifth of the rate

FIGURES = [
    *(Figure(f"queue_{what}_{size}", f"queue of {size}: {title}", "/s", "more", None, meaning)
      for size in SIZES for what, title, meaning in (
          ("enqueue", "taken in", "recipients, ten a message, from empty to full, eight at a time"),
          ("dispatch", "given away", "leases and reports of 5,000 recipients, eight at a time"))),
    *(Figure(f"queue_{what}_grows", f"queue of 1M against 10k: {title}", "times", "less", STEADY,
             "the time for a recipient, at 1,000,000 divided by that at 10,000")
      for what, title in (("enqueue", "taken in"), ("dispatch", "given away"))),
    Figure("queue_start_1M", "queue of 1M: start", "s", "less", None, "of the store, with all of it waiting"),
    Figure("queue_memory", "queue: memory", "octets", "less", None, "of the store, a recipient that waits"),
]


def once(run, size):
    folder = os.path.join(run.server.root, "queue")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        return tool_json([measure.tool("load-queue"), folder, str(size)])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure_queue(run):
    sizes = {"10k": SIZES["10k"]} if run.plan.sizes == ["10k"] else SIZES
    found = {name: once(run, size) for name, size in sizes.items()}
    for name, told in found.items():
        for what in ("enqueue", "dispatch"):
            run.put(f"queue_{what}_{name}", told[f"{what}_rate"], cpu=told[f"{what}_us"] / 1000)
    if "1M" not in found:
        return
    for what in ("enqueue", "dispatch"):
        run.put(f"queue_{what}_grows", found["10k"][f"{what}_rate"] / found["1M"][f"{what}_rate"])
    run.put("queue_start_1M", SIZES["1M"] / found["1M"]["start_rate"])
    run.put("queue_memory", found["1M"]["memory_octets"])
