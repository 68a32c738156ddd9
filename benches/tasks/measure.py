"""Dreams of the tasks in own.jsonl with a real model and holds what was saved against the trusted tests; beside it the
naive way on the same server at the same concurrency: one call for tests, one for code, kept if green.

usage: measure.py DREAMER URL [COUNT] [--from=N] [--shown] [--naive-only | --dreamer-only] [--keep=FOLDER]
  DREAMER  the program; URL  an OpenAI-compatible server, such as http://127.0.0.1:8080; COUNT  as many tasks only
  N  how many tasks are passed over, from the first on
  --shown  each task with its two examples of shown.jsonl, as a person who gives tasks usually adds them
  FOLDER  where the dreams stay, for omit.py; else they go with the run
"""

import concurrent.futures
import contextlib
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

from trusted import TRUSTED, judge

HERE = pathlib.Path(__file__).resolve().parent
# As many as the program has under way on a server with four slots.
AT_ONCE = 4


def interval(right: int, of: int) -> str:
    """Exact (Clopper-Pearson) 95 % interval of a share, by bisection of the binomial distribution."""
    if of == 0:
        return "no dream"

    def tail(p: float, least: int) -> float:
        return sum(math.comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(least, of + 1))

    def solve(meets) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if meets(middle) else (low, middle)
        return low

    low = 0.0 if right == 0 else solve(lambda p: tail(p, right) < 0.025)
    high = 1.0 if right == of else solve(lambda p: 1 - tail(p, right + 1) > 0.025)
    return f"{right / of:.3f} [{low:.3f}, {high:.3f}]"


def told(name: str, judged: dict, tasks: int, seconds: float) -> None:
    right = sum(not fault for fault in judged.values())
    for entry, fault in judged.items():
        if fault:
            print(f"  WRONG {entry}: {fault}")
    print(
        f"{name}: {len(judged)} of {tasks} tasks kept ({len(judged) / tasks:.2f}), true {interval(right, len(judged))}, "
        f"{seconds:.0f} s, {right / seconds * 3600:.1f} true an hour",
        flush=True,
    )


def dreamer(program: str, url: str, tasks: list, kept: str | None) -> None:
    if kept:
        os.makedirs(kept, exist_ok=True)
    with contextlib.nullcontext(os.path.abspath(kept)) if kept else tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "tasks.jsonl")
        file.write_text("".join(json.dumps(task) + "\n" for task in tasks))
        env = dict(os.environ, XDG_DATA_HOME=folder, DREAMING_DATA_DIR=folder + "/data", DREAMING_LLM_URL=url)
        began = time.monotonic()
        run = subprocess.run(
            [program, "dream", "--tasks", str(file), "--max-scenarios", str(len(tasks))],
            env=env, stdout=subprocess.PIPE, text=True, cwd=folder,
        )
        seconds = time.monotonic() - began
        print(run.stdout[-6000:])
        judged = {}
        for path in pathlib.Path(folder).rglob("dream_*.json"):
            dream = json.loads(path.read_text())
            if dream["tier"] == "gold":
                entry = dream["scenario"]["entry_point"]
                judged[entry] = judge(path.with_suffix(".py"), entry)
        told("dreamer, gold", judged, len(tasks), seconds)


def ask(url: str, text: str) -> str:
    body = {"messages": [{"role": "user", "content": text}], "temperature": 0.2, "max_tokens": 700}
    request = urllib.request.Request(
        url.rstrip("/").removesuffix("/v1") + "/v1/chat/completions",
        json.dumps(body).encode(), {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as reply:
        answer = json.load(reply)["choices"][0]["message"]["content"]
    block = re.search(r"```(?:python)?\n(.*?)```", answer, re.S)
    return block.group(1) if block else answer


def naive_one(url: str, task: dict) -> str | None:
    """The code that its own model's tests found green; nothing where they did not."""
    prompt, entry = task["task_prompt"], task["entry_point"]
    tests = ask(url, f"{prompt}\n\nWrite 5 test lines of the form `assert {entry}(...) == ...`. Answer with one python block and nothing else.")
    code = ask(url, f"{prompt}\n\nAnswer with one python block that holds the function and nothing else.")
    lines = [line for line in tests.splitlines() if line.startswith("assert ")]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "solution.py")
        path.write_text(code + "\n" + "\n".join(lines))
        try:
            run = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, timeout=30, cwd=folder)
        except subprocess.TimeoutExpired:
            return None
        return code if lines and run.returncode == 0 else None


def naive(url: str, tasks: list) -> None:
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(lambda task: naive_one(url, task), tasks))
    seconds = time.monotonic() - began
    judged = {}
    with tempfile.TemporaryDirectory() as folder:
        for task, code in zip(tasks, codes, strict=True):
            if code is not None:
                path = pathlib.Path(folder, "solution.py")
                path.write_text(code)
                judged[task["entry_point"]] = judge(path, task["entry_point"])
    told("naive, green", judged, len(tasks), seconds)


def option_value(option: str) -> str | None:
    given = [word for word in sys.argv[1:] if word.startswith(option + "=")]
    return given[-1].removeprefix(option + "=") if given else None


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    tasks = [json.loads(line) for line in (HERE / "own.jsonl").read_text().splitlines()]
    assert all(task["entry_point"] in TRUSTED for task in tasks)
    if "--shown" in sys.argv:
        shown = [json.loads(line) for line in (HERE / "shown.jsonl").read_text().splitlines()]
        for task, told_of in zip(tasks, shown, strict=True):
            assert task["entry_point"] == told_of["entry_point"]
            lines = [f">>> {call}\n{value}" for call, value in told_of["examples"].items()]
            task["task_prompt"] += "\n\n" + "\n".join(lines)
    tasks = tasks[int(option_value("--from") or 0) :]
    if len(words) > 2:
        tasks = tasks[: int(words[2])]
    if "--dreamer-only" not in sys.argv:
        naive(words[1], tasks)
    if "--naive-only" not in sys.argv:
        dreamer(words[0], words[1], tasks, option_value("--keep"))


if __name__ == "__main__":
    main()
