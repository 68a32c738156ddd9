"""Would leaving a sentence out of a task show that nobody heeded it? For each gold dream that measure.py kept, the task without
one of its sentences is solved once more; a doubt is raised where neither the dream's own calls nor 600 changed ones tell that
solution from the dream's. Beside it stands whether the dream is right by the trusted tests.

usage: omit.py FOLDER URL
  FOLDER  of `measure.py --keep=FOLDER`; URL  an OpenAI-compatible server
Each line: of two solutions (temperature 0.2, then 0.6 and asked another way) the calls of the dream and the changed calls, of all
changed ones, that end otherwise; then the sentence. Sentences that are checks of their own must be left aside by the reader.
Runs what the model wrote with this interpreter, without a sandbox: only for tasks of this folder, on a machine of no worth.
"""

import json
import pathlib
import re
import subprocess
import sys
import urllib.request

from trusted import judge

WAYS = [
    ("You are an expert Python programmer who writes short, correct code.", "Read every sentence of the task and follow it exactly.", 0.2),
    (
        "You are a Python programmer who knows the standard library well.",
        "Prefer built-in functions and the standard library where they do exactly what is asked.",
        0.6,
    ),
]
SECONDS = 20
DIFFERS = pathlib.Path(__file__).with_name("differs.py")


def solve(url: str, task: str, name: str, way: tuple) -> str:
    who, how, temperature = way
    text = (
        f"Write the Python code for this task.\n\nTask:\n{task}\n\n{how}\nLeave the arguments as they are: sort or change a copy.\n"
        f"Answer with one ```python block that holds the complete function `{name}`, with its imports (standard library only) "
        "and nothing else: no tests, no example calls, no printing."
    )
    messages = [{"role": "system", "content": who}, {"role": "user", "content": text}]
    body = {"messages": messages, "temperature": temperature, "max_tokens": 600, "seed": 7}
    request = urllib.request.Request(
        url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    said = json.load(urllib.request.urlopen(request, timeout=600))["choices"][0]["message"]["content"]
    block = re.search(r"```(?:python)?\n(.*?)```", said, re.S)
    return block.group(1) if block else said


def compare(*words) -> list:
    """How many of the dream's calls and of the changed ones end otherwise, and how many were changed."""
    try:
        run = subprocess.run(
            [sys.executable, "-I", str(DIFFERS)],
            input=json.dumps(words), capture_output=True, text=True, timeout=SECONDS,
        )
        return json.loads(run.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return ["fail", 0, 0]


def main() -> None:
    folder, url = sys.argv[1:]
    for record in sorted(pathlib.Path(folder).rglob("dream_*.json")):
        dream = json.loads(record.read_text())
        if dream["tier"] != "gold":
            continue
        code = record.with_suffix(".py")
        name, task = dream["scenario"]["entry_point"], dream["scenario"]["task_prompt"].strip()
        calls = [check.get("call", "") for check in dream["checks"] + dream["hidden_checks"]]
        sentences = re.split(r"(?<=[.!?]) +(?=[A-Z`])", task)
        print("WRONG" if judge(code, name) else "right", name, len(sentences), flush=True)
        # The first one names the function and says what it is for: without it there is no task.
        for at in range(1, len(sentences)):
            rest = " ".join(sentences[:at] + sentences[at + 1 :])
            seen = [compare(code.read_text(), solve(url, rest, name, way), name, calls) for way in WAYS]
            print("   ", seen, sentences[at], flush=True)


if __name__ == "__main__":
    main()
