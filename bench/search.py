#!/usr/bin/env python3
"""A store of many lines, and how long questions to it take: for one executable of Tailcast or several, in turn.

Fills a store by `tailcast bench`, waits until the server rests, and asks each question several times.
"""

import argparse
import json
import statistics

import machine
from server import Server


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("executable", nargs="+", help="executables of Tailcast")
    parser.add_argument("--bench", help="the executable that fills the stores [default: the last one]")
    parser.add_argument("--seconds", type=int, default=15, help="how long lines are sent [default: 15]")
    parser.add_argument("--streams", type=int, default=4, help="[default: 4]")
    parser.add_argument("--lines", type=int, default=1000, help="lines a request; 1 fills it with small batches [default: 1000]")
    parser.add_argument("--rounds", type=int, default=5, help="times that each question is asked [default: 5]")
    parser.add_argument("--rest", type=float, default=60, help="seconds to wait for the server's rest, at most [default: 60]")
    parser.add_argument("--store", help="a MongoDB; the store is a database in it")
    parser.add_argument("--pid", type=int, action="append", default=[], help="a process of that MongoDB; can be repeated")
    return parser.parse_args()


def questions(run):
    """Name: path and query. No line has the word `zzyzx`, and none has a level."""
    stream = f"bench/{run}/0"
    return {
        "a word that is nowhere": ("/v1/lines", {"stream": stream, "filter": "zzyzx", "limit": 100}),
        "a level that is nowhere": ("/v1/lines", {"stream": stream, "filter": "level>=warn", "limit": 100}),
        "a common word and one that is nowhere": ("/v1/lines", {"stream": stream, "filter": "request zzyzx", "limit": 100}),
        "a common word, all counted": ("/v1/counts", {"stream": stream, "filter": "payment"}),
        "the last 100 lines": ("/v1/lines", {"stream": stream, "last": 100}),
        "100,000 lines": ("/v1/lines", {"stream": stream, "limit": 100_000}),
        "/v1/streams": ("/v1/streams", {}),
    }


def fill(server, options):
    load = ["--sessions", "0", "--flat-out", "--streams", options.streams, "--connections", options.streams]
    load += ["--lines", options.lines, "--seconds", options.seconds]
    report = server.bench(options.bench or options.executable[-1], [str(part) for part in load], options.seconds + 120)
    machine.wait_for_rest(server.all_pids, options.rest)
    return report


def ask(server, options, path, query, head):
    """Seconds of each time, and the bytes of an answer. A search that ends before the stream's head is gone on with."""
    token, took, answer = server.token(), [], 0
    for _ in range(options.rounds):
        body, goes_on, seconds = server.get(path, token, **query)
        while "filter" in query and not body and goes_on and int(goes_on) < head:
            body, goes_on, more = server.get(path, token, **query, **{"from": goes_on})
            seconds += more
        took.append(seconds)
        answer = len(body)
    return took, answer


def main():
    options = arguments()
    for executable in options.executable:
        with Server(executable, options.store, options.pid) as server:
            report = fill(server, options)
            streams = json.loads(server.get("/v1/streams", server.token())[0])["streams"]
            lines, first = sum(stream["next"] for stream in streams), f"bench/{report['run']}/0"
            of_first = next(stream["next"] for stream in streams if stream["name"] == first)
            size = of_first * report["line_bytes"] / 1e9
            print(f"## {executable}: {lines:,} lines of {report['line_bytes']} bytes in {len(streams)} streams; "
                  f"questions are about {of_first:,} of them, {size:.2f} GB\n")
            print("| question | ms: least / median / most | s a GB | bytes of the answer |\n|---|---|---|---|")
            for name, (path, query) in questions(report["run"]).items():
                took, answer = ask(server, options, path, query, of_first)
                middle = statistics.median(took)
                values = " / ".join(f"{seconds * 1e3:,.1f}" for seconds in (min(took), middle, max(took)))
                a_gb = f"{middle / size:.2f}" if "filter" in query else ""
                print(f"| {name} | {values} | {a_gb} | {answer:,} |", flush=True)
            server.stop()
            print(f"\n{server.stored_bytes() / lines:.1f} bytes on the disk a line\n", flush=True)


if __name__ == "__main__":
    main()
