"""How often an expected value is right, by the probability with which the model wrote it: read from a tape (tape.py) of a
session over the tasks in own.jsonl. What is right is what a solution on the same tape gives that passes the trusted tests.

usage: sure.py TAPE
Runs what the model wrote with this interpreter, without a sandbox: only for tasks of this folder, on a machine of no worth.
"""

import ast
import collections
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

from trusted import TRUSTED, judge

BANDS = (0.99, 0.95, 0.9, 0.8, 0.5, 0.0)
RUN = """
import json, sys
code, calls = json.load(sys.stdin)
world, values = {}, []
exec(code, world)
for call in calls:
    try:
        values.append(repr(eval(call, world)))
    except Exception:
        values.append(None)
print(json.dumps(values))
"""


def spoken(body: str) -> tuple:
    """The text of a streamed answer, and where each token begins and ends with the logarithm of its probability."""
    text, tokens = "", []
    for line in body.splitlines():
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:]).get("choices") or []:
            piece = choice.get("delta", {}).get("content") or ""
            odds = (choice.get("logprobs") or {}).get("content") or []
            if piece and odds:
                tokens.append((len(text), len(text) + len(piece), sum(one["logprob"] for one in odds)))
            text += piece
    return text, tokens


def expected(text: str, tokens: list) -> dict:
    """Probability and value by call; the first one where a call is asked twice."""
    found, begin = {}, 0
    for line in text.split("\n"):
        parts = re.match(r"assert (.*?) == (.*)$", line)
        if parts and tokens:
            span = (begin + parts.start(2), begin + parts.end(2))
            ln = sum(ln for start, end, ln in tokens if start < span[1] and end > span[0])
            found.setdefault(parts[1], (math.exp(ln), parts[2]))
        begin += len(line) + 1
    return found


def same(value: str, wanted: str) -> bool:
    try:
        return ast.literal_eval(value) == ast.literal_eval(wanted)
    except (ValueError, SyntaxError):
        return False


def values(code: str, calls: list) -> list:
    try:
        run = subprocess.run(
            [sys.executable, "-I", "-c", RUN], input=json.dumps([code, calls]), capture_output=True, text=True, timeout=30
        )
        return json.loads(run.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return [None] * len(calls)


def main(tape: str) -> None:
    lists, right = collections.defaultdict(dict), {}
    with tempfile.TemporaryDirectory() as folder, open(tape) as lines:
        file = pathlib.Path(folder, "solution.py")
        for row in map(json.loads, lines):
            question = row["asked"]["messages"][-1]["content"]
            entry = next((name for name in re.findall(r"(\w+)\(", question) if name in TRUSTED), None)
            text, tokens = spoken(row["body"])
            if entry and "checks of `" in question.rsplit("\n\n", 1)[-1]:
                for call, told in expected(text, tokens).items():
                    if f">>> {call}\n" not in question:
                        lists[entry].setdefault(call, told)
            elif entry and entry not in right:
                code = re.search(r"```(?:python)?\n(.*?)(?:```|$)", text, re.S)
                file.write_text(code[1] if code else text)
                if not judge(file, entry):
                    right[entry] = file.read_text()
    counts = collections.Counter()
    for entry, calls in lists.items():
        if entry in right:
            truth = values(right[entry], list(calls))
            for (odds, value), wanted in zip(calls.values(), truth):
                band = next(least for least in BANDS if odds >= least)
                counts[band, wanted is not None and same(value, wanted)] += 1
    print(f"{len(right.keys() & lists.keys())} of {len(lists)} tasks with a list have a right solution on the tape")
    for band in BANDS:
        print(f"written with at least {band:.2f}: {counts[band, True]} right, {counts[band, False]} wrong")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
