"""Runs two solutions of one task on its calls, and on changes of them; called by omit.py in an interpreter that may hang.

Reads a JSON list from standard input: code, other code, name of the function, calls. Prints how many of the calls and of the
changed ones end otherwise, and how many changed ones the first code answers.
"""

import ast
import copy
import json
import random
import sys

CHANGED = 600
LETTERS = "aZ1 -_,.;=()[]{}"


def change_text(text, chance):
    if not text:
        return chance.choice(["", "a", " "])
    at, letter = chance.randrange(len(text)), chance.choice(LETTERS)
    before, here, after = text[:at], text[at], text[at + 1 :]
    return chance.choice(
        [
            "",
            before + after,
            before + here + here + after,
            before + here.swapcase() + after,
            before + " " + here + after,
            text[::-1],
            text + letter,
            before + letter + after,
        ]
    )


def change_items(items, chance):
    if not items:
        return items
    at, way = chance.randrange(len(items)), chance.randrange(6)
    if way == 0:
        return []
    if way == 1:
        return items[:at] + items[at + 1 :]
    if way == 2:
        return items[:at] + [copy.deepcopy(chance.choice(items))] + items[at:]
    if way == 3:
        return items[::-1]
    return items[:at] + [change(items[at], chance)] + items[at + 1 :]


def change_dict(items, chance):
    if not items:
        return items
    key = chance.choice(list(items))
    if chance.random() < 0.3:
        return {k: v for k, v in items.items() if k != key}
    return {**items, key: change(items[key], chance)}


def change(value, chance):
    """A neighbour of a plain value."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice([value + 1, value - 1, 0, -value, value * 2, value])
    if isinstance(value, float):
        return chance.choice([value + 1, -value, 0.0, value / 2])
    if isinstance(value, str):
        return change_text(value, chance)
    if isinstance(value, (list, tuple)):
        return type(value)(change_items(list(value), chance))
    if isinstance(value, dict):
        return change_dict(value, chance)
    return value


def arguments(call, name):
    """What a call hands over; nothing where it is not a plain call of the function with literals."""
    try:
        tree = ast.parse(call, mode="eval").body
        if isinstance(tree, ast.Call) and getattr(tree.func, "id", None) == name:
            return [ast.literal_eval(argument) for argument in tree.args]
    except (SyntaxError, ValueError):
        pass
    return None


def ending(function, given):
    try:
        return "gives", repr(function(*copy.deepcopy(given)))
    except Exception as error:
        return "raises", type(error).__name__


def main():
    code, other, name, calls = json.load(sys.stdin)
    ours, theirs = {}, {}
    exec(code, ours)
    try:
        exec(other, theirs)
        one, two = ours[name], theirs[name]
    except Exception:
        print(json.dumps(["broken", 0, 0]))
        return
    chance = random.Random(1)
    asked = [given for given in (arguments(call, name) for call in calls) if given]
    told = sum(ending(one, given) != ending(two, given) for given in asked)
    differ = answered = 0
    for _ in range(CHANGED if asked else 0):
        given = copy.deepcopy(chance.choice(asked))
        for _ in range(chance.choice([1, 1, 2, 3])):
            at = chance.randrange(len(given))
            given[at] = change(given[at], chance)
        first = ending(one, given)
        if first[0] == "gives":
            answered += 1
            differ += first != ending(two, given)
    print(json.dumps([told, differ, answered]))


main()
