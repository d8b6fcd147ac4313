#!/usr/bin/env python3
"""What it costs to read the beginnings of plain text: one executable with `plain_text` as it is and turned off, in turn.

Each run has a server of its own, on a free port, with a fresh data folder; the same bodies, over HTTP. What it costs are
the server's CPU seconds until it rests, for a million lines.
"""

import argparse
import concurrent.futures
import http.client
import json
import random
import statistics
import urllib.parse

import machine
from server import Server

LINES = 1_000
CONNECTIONS = 4


def access(nth, some):
    return (
        f'10.{some.randrange(256)}.{some.randrange(256)}.{some.randrange(256)} - - [30/Nov/2026:05:{nth // 60 % 60:02}:{nth % 60:02} +0100] '
        f'"GET /api/v1/items/{some.randrange(100_000)} HTTP/1.1" {some.choice((200, 200, 304, 404, 502))} {some.randrange(50_000)} "-" "curl/8.5"'
    )


def log4j(nth, some):
    level = some.choice(("INFO ", "INFO ", "DEBUG", "WARN ", "ERROR"))
    return (
        f"2026-11-30 05:{nth // 60 % 60:02}:{nth % 60:02},{some.randrange(1_000):03} {level} [worker-{some.randrange(16)}] "
        f"org.example.shop.OrderService - Order {some.randrange(100_000)} of user {some.randrange(10_000)} handled in {some.randrange(900)} ms"
    )


def sentence(nth, some):
    return f"GET /api/v1/items/{some.randrange(100_000)} handled in {some.randrange(900)} ms for user {some.randrange(10_000)}, who asked {nth} times"


FORMS = {"access": access, "log4j": log4j, "sentence": sentence}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("executable", help="an executable of Tailcast")
    parser.add_argument("--form", action="append", choices=FORMS, help="what lines look like; can be repeated [default: all]")
    parser.add_argument("--rounds", type=int, default=4, help="runs of each [default: 4]")
    parser.add_argument("--requests", type=int, default=1_000, help=f"of {LINES} lines, in each run [default: 1000]")
    return parser.parse_args()


def send(address, token, stream, bodies):
    """Sends them one after the other: how many lines were taken."""
    connection = http.client.HTTPConnection(address, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    taken = 0
    for body in bodies:
        connection.request("POST", f"/v1/lines?stream={stream}", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {said[:500]}")
        taken += json.loads(said)["accepted"]
    connection.close()
    return taken


def measure(executable, plain_text, bodies, requests):
    """One run: CPU seconds for a million lines."""
    server = Server(executable)
    server.arguments += ["--plain-text", plain_text]
    with server:
        address, token = urllib.parse.urlsplit(server.url).netloc, server.token()
        begin = machine.Moment(server.all_pids)
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as connections:
            mine = [bodies[nth % len(bodies)] for nth in range(requests // CONNECTIONS)]
            sent = [connections.submit(send, address, token, f"bench/{nth}", mine) for nth in range(CONNECTIONS)]
            taken = sum(connection.result() for connection in sent)
        machine.wait_for_rest(server.all_pids, 20)
        spent = machine.Moment(server.all_pids).cpu - begin.cpu
        if server.stored_lines() != taken:
            raise SystemExit(f"{taken:,} lines were taken, and {server.stored_lines():,} are stored")
    return spent / taken * 1e6


def main():
    options = arguments()
    print("| lines | CPU s/M read, least / median / most | unread | read : unread |", "|---|---|---|---|", sep="\n")
    for form in options.form or FORMS:
        some = random.Random(form)
        line = FORMS[form]
        bodies = [
            "".join(line(body * LINES + nth, some) + "\n" for nth in range(LINES)).encode() for body in range(16)
        ]
        runs = {"read": [], "unread": []}
        for nth in range(options.rounds):
            for plain_text in ("read", "unread") if nth % 2 == 0 else ("unread", "read"):
                runs[plain_text].append(measure(options.executable, plain_text, bodies, options.requests))
        said = [f"{min(all):.3f} / {statistics.median(all):.3f} / {max(all):.3f}" for all in runs.values()]
        ratio = statistics.median(runs["read"]) / statistics.median(runs["unread"])
        print(f"| {form} | {said[0]} | {said[1]} | {ratio:.3f} |", flush=True)


if __name__ == "__main__":
    main()
