"""Reads the reports of Autobahn's fuzzing client: prints how the cases ended, and fails when one did not end well.

For Python 2.7, from which it asks the suite itself which cases there are: one without a result fails.
"""
from __future__ import print_function

import io
import json
import os
import sys
from collections import Counter

from autobahntestsuite.fuzzing import CaseBasename, CaseCategories, Cases, CaseSet, CaseSetname, CaseSubCategories

GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
GOOD_CLOSE = {"OK", "INFORMATIONAL"}
# Compression, which is not offered.
LEFT_OUT = {"12", "13"}
COLUMNS = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED"]


def read(*path):
    with io.open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file)


def verdict(section, result):
    behavior, close = result["behavior"], result["behaviorClose"]
    if behavior == "UNIMPLEMENTED" and section in LEFT_OUT and close in GOOD_CLOSE:
        return behavior
    return behavior if behavior in GOOD and close in GOOD_CLOSE else "FAILED"


def main(spec):
    spec = read(spec)
    suite = CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories)
    results = read(spec["outdir"], "index.json").get("echo", {})
    missing = {"behavior": "no result", "behaviorClose": "no result"}
    sections, counts, failed = [], {}, []
    for case in suite.parseSpecCases(spec):
        section = case.split(".")[0]
        result = results.get(case, missing)
        end = verdict(section, result)
        if section not in counts:
            sections.append(section)
        counts.setdefault(section, Counter())[end] += 1
        if end == "FAILED":
            failed.append((case, result))

    row = "{:<46}" + "{:>15}" * len(COLUMNS)
    print(row.format("", *COLUMNS))
    for section in sections:
        name = "{:>2} {}".format(section, CaseCategories[section])
        print(row.format(name, *(counts[section][column] for column in COLUMNS)))
    total = sum(counts.values(), Counter())
    print(row.format("", *(total[column] for column in COLUMNS)))

    for case, result in failed:
        print("{}: {behavior}, close: {behaviorClose}".format(case, **result), end="")
        if "reportfile" in result:
            report = read(spec["outdir"], result["reportfile"])
            print(" ({result} {resultClose}.)".format(**report), end="")
        print()
    passed = sum(total[column] for column in GOOD)
    print("tests/autobahn: {} passed, {} failed, 0 skipped".format(passed, len(failed)))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
