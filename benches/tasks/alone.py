"""How often dreams that nobody else's solution agrees with are false, by what they missed.

Arguments: folders that `measure.py --keep=FOLDER` filled, each with what it printed beside it as FOLDER.txt.
Counts the gold dreams that stood alone by how many expectations they missed of which the model was not sure, and by
how many solutions were asked for.
"""

import collections
import json
import pathlib
import re
import sys

counted = collections.Counter()
for folder in map(pathlib.Path, sys.argv[1:]):
    printed = folder.with_name(folder.name + ".txt").read_text(encoding="utf-8")
    false = set(re.findall(r"WRONG (\w+):", printed))
    for path in folder.glob("data/data/synthetic_training/dream_*.json"):
        dream = json.loads(path.read_text(encoding="utf-8"))
        agreement = next(gate["detail"] for gate in dream["evidence"] if gate["gate"] == "agreement")
        if dream["tier"] != "gold" or "expected without seeing" not in agreement:
            continue
        unsure = sum("not sure" in one["why"] for one in dream.get("dropped_checks", []))
        name = dream["scenario"]["entry_point"]
        counted[min(unsure, 2), dream["tries"]["tried"], name in false] += 1
for (unsure, solutions, is_false), dreams in sorted(counted.items()):
    at_least = "at least " if unsure == 2 else ""
    print(f"{dreams:3} {'false' if is_false else 'right'}: missed {at_least}{unsure}, {solutions} solutions asked for")
