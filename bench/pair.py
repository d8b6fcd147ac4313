#!/usr/bin/env python3
"""Two executables of Tailcast under the same loads, in turn: what each costs, how long lines take, and the ratio.

Each run has a server of its own, on a free port, with a fresh data folder or database, and begins when the machine is
quiet. The load is that of `tailcast bench`, of one executable for both. The order changes from round to round.
"""

import argparse
import json
import statistics
import sys

import cases
import machine
from server import Server

# Beyond this share of the machine, in percent, others disturbed a run.
DISTURBED = 15


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="an executable of Tailcast")
    parser.add_argument("after", help="another one; the same to see how much runs differ by themselves")
    parser.add_argument("--case", action="append", choices=cases.CASES, help="one load; can be repeated [default: all]")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each executable [default: 3]")
    parser.add_argument("--bench", help="the executable that makes the load [default: AFTER]")
    parser.add_argument("--store", help="a MongoDB, mongodb://HOST:PORT,…/?replicaSet=…: each run has a database of its own")
    parser.add_argument("--pid", type=int, action="append", default=[], help="a process of that MongoDB; can be repeated")
    parser.add_argument("--quiet", type=float, default=12, help="percent of the machine that others may use [default: 12]")
    parser.add_argument("--patience", type=float, default=14, help="seconds to wait for that, at most [default: 14]")
    parser.add_argument("--seconds", type=int, help="of each run, instead of the load's own")
    parser.add_argument("--json", action="store_true", help="one object for each run instead of tables")
    return parser.parse_args()


def measure(options, executable, case):
    """One run: name, value."""
    load = cases.CASES[case].split()
    if options.seconds:
        load[load.index("--seconds") + 1] = str(options.seconds)
    with Server(executable, options.store, options.pid) as server:
        machine.wait_for_quiet(options.quiet, options.patience)
        begin = machine.Moment(server.all_pids)
        report = server.bench(options.bench or options.after, load)
        end = machine.Moment(server.all_pids)
        found = cases.figures(report)
        ours = end.cpu - begin.cpu + found["bench CPU s"]
        found["others %"] = end.others(begin, ours)
        # What a server does later belongs to what it was asked for.
        machine.wait_for_rest(server.all_pids, 20)
        rested = machine.Moment(server.all_pids)
        costs(found, report, rested.cpu - end.cpu, rested.written - end.written)
        lines = server.stored_lines()
        found["wrong"] += unstored(report["lines"], lines)
        if lines and not report["lines"]["delivered"]:
            server.stop()
            found["disk B a line"] = server.stored_bytes() / lines
    return found


def unstored(report, stored):
    """Lines that were acknowledged and are not in the store, or are there and nobody heard of it."""
    known = report and "acknowledged_in_all" in report and not report["unacknowledged"]
    return abs(stored - report["acknowledged_in_all"]) if known else 0


def costs(found, report, later_cpu, later_written):
    """Adds what the servers spent until they rested."""
    server, lines = report["server"], report["lines"]
    cpu = server["cpu_user"] + server["cpu_system"]
    found["CPU s"], found["CPU s settled"] = cpu, cpu + later_cpu
    count = lines and (lines["delivered"] or lines["acknowledged"])
    if count:
        found["CPU s/M"], found["CPU s/M settled"] = cpu / count * 1e6, (cpu + later_cpu) / count * 1e6
    if lines and lines["acknowledged"] and server["written"] is not None:
        found["written B a line"] = (server["written"] + later_written) / lines["acknowledged"]


def spread(values):
    return " / ".join(number(value) for value in (min(values), statistics.median(values), max(values)))


def number(value):
    for bound, digits in ((1_000, 0), (100, 0), (10, 1), (1, 2)):
        if abs(value) >= bound:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}" if value else "0"


def table(title, runs):
    """Least, median and most of each figure of two, and the ratio of the medians. `runs`: name, a list of figures."""
    (one, ones), (other, others) = runs.items()
    lines = [f"## {title}", "", f"| | {one} | {other} | {other} : {one} |", "|---|---|---|---|"]
    for name in ones[0]:
        before, after = ([run[name] for run in some if name in run] for some in (ones, others))
        if not before or not after:
            continue
        middle = statistics.median(before)
        ratio = f"{statistics.median(after) / middle:.2f}" if middle > 0 and name != "others %" else ""
        lines.append(f"| {name} | {spread(before)} | {spread(after)} | {ratio} |")
    disturbed = sum(run.get("others %", 0) > DISTURBED for run in ones + others)
    if disturbed:
        lines += ["", f"Others used more than {DISTURBED} % of the machine in {disturbed} runs."]
    return "\n".join(lines) + "\n"


def main():
    options = arguments()
    executables = {"before": options.before, "after": options.after}
    wrong = 0
    for case in options.case or cases.CASES:
        runs = {"before": [], "after": []}
        for nth in range(options.rounds):
            for which in ("before", "after") if nth % 2 == 0 else ("after", "before"):
                found = measure(options, executables[which], case)
                runs[which].append(found)
                wrong += found["wrong"]
                if options.json:
                    print(json.dumps({"case": case, "which": which, **found}), flush=True)
        if not options.json:
            print(table(f"{case}: `{cases.CASES[case]}`", runs), flush=True)
    if wrong:
        sys.exit(f"{wrong:,} lines or sessions went wrong")


if __name__ == "__main__":
    main()
