"""Trusted tests for the tasks in own.jsonl: written by hand, never shown to the program that solves them.

usage: trusted.py FOLDER   judges every dream_*.json below FOLDER whose entry point is here; prints one line a dream and
the counts, ends with 1 where a gold dream is wrong.
"""

import json
import math
import pathlib
import subprocess
import sys

E = ValueError
TRUSTED = {
    "digit_sum": [((0,), 0), ((-12,), 3), ((999,), 27), ((10**20,), 1), ((-5,), 5)],
    "count_vowels": [(("",), 0), (("AEIOU aeiou",), 10), (("rhythm",), 0), (("Queue",), 4), (("äö",), 0)],
    "second_smallest": [(([3, 1, 2],), 2), (([1, 1],), None), (([],), None), (([5, 5, 9, 9],), 9), (([-1, -2, 0],), -1)],
    "reverse_words": [(("a  b\tc",), "c b a"), (("",), ""), (("  x ",), "x"), (("one two",), "two one"), (("   ",), "")],
    "is_anagram": [(("Dormitory", "dirty room"), True), (("", ""), True), (("aab", "abb"), False), (("a b", "B A "), True), (("a", ""), False)],
    "running_max": [(([],), []), (([1, 3, 2, 5, 4],), [1, 3, 3, 5, 5]), (([-3, -5],), [-3, -3]), (([2],), [2])],
    "chunk_sums": [(([], 2), []), (([1, 2, 3, 4, 5], 2), [3, 7, 5]), (([1, 2], 5), [3]), (([1, 2, 3], 1), [1, 2, 3])],
    "caesar": [(("abc XYZ!", 3), "def ABC!"), (("a", -1), "z"), (("Zz", 53), "Aa"), (("", 5), ""), (("é1", 4), "é1")],
    "most_common": [((["b", "a"],), "a"), (([],), ""), ((["x", "y", "y"],), "y"), ((["b", "b", "a", "a", "c"],), "a")],
    "invert": [(({},), {}), (({"b": 1, "a": 1, "c": 2},), {1: ["a", "b"], 2: ["c"]}), (({"x": "y"},), {"y": ["x"]})],
    "flatten_once": [(([1, [2, [3]], []],), [1, 2, [3]]), (([],), []), (([[1], [2, 3]],), [1, 2, 3]), ((["ab", [1]],), ["ab", 1])],
    "collatz_steps": [((1,), 0), ((6,), 8), ((27,), 111), ((0,), E), ((-3,), E), ((2,), 1)],
    "roman": [((1,), "I"), ((1994,), "MCMXCIV"), ((3999,), "MMMCMXCIX"), ((444,), "CDXLIV"), ((0,), E), ((4000,), E)],
    "balanced": [(("",), True), (("(a[b]{c})",), True), (("(]",), False), (("((",), False), ((")(",), False), (("x",), True)],
    "transpose": [(([],), []), (([[1, 2, 3], [4, 5, 6]],), [[1, 4], [2, 5], [3, 6]]), (([[1]],), [[1]]), (([[1], [2]],), [[1, 2]])],
    "dedupe": [(([],), []), (([3, 1, 3, 2, 1],), [3, 1, 2]), (([[1], [1], [2]],), [[1], [2]]), ((["a", "A"],), ["a", "A"])],
    "longest_run": [(([],), 0), (([1],), 1), (([1, 1, 2, 2, 2, 1],), 3), ((["a", "b"],), 1), (([0, 0, 1, 0, 0, 0],), 3)],
    "to_snake": [(("maxValue",), "max_value"), (("",), ""), (("X",), "x"), (("aBCd",), "a_b_cd"), (("MaxValue",), "max_value")],
    "mean_of_middle": [(([1, 2, 3],), 2.0), (([5, 1, 1, 9],), 3.0), (([1, 2],), E), (([4, 4, 4, 4],), 4.0), (([],), E)],
    "merge_counts": [(({}, {}), {}), (({"a": 1}, {"a": 2, "b": 3}), {"a": 3, "b": 3}), (({"x": 0}, {}), {"x": 0}), (({"k": -1}, {"k": 1}), {"k": 0})],
    "count_inversions": [(([],), 0), (([3, 2, 1],), 3), (([1, 1],), 0), (([2, 1, 3, 1],), 3), (([1, 2, 3],), 0)],
    "spiral_order": [(([],), []), (([[1, 2, 3], [4, 5, 6], [7, 8, 9]],), [1, 2, 3, 6, 9, 8, 7, 4, 5]), (([[1, 2], [3, 4], [5, 6]],), [1, 2, 4, 6, 5, 3]), (([[1], [2]],), [1, 2]), (([[1, 2, 3]],), [1, 2, 3])],
    "parse_pairs": [(("",), {}), (("a=1; b = 2 ;;a=3",), {"a": "3", "b": "2"}), (("x=y=z",), {"x": "y=z"}), (("k=",), {"k": ""})],
    "is_prime": [((0,), False), ((1,), False), ((2,), True), ((9,), False), ((97,), True), ((-7,), False), ((25,), False)],
    "prime_factors": [((1,), []), ((12,), [2, 2, 3]), ((97,), [97]), ((49,), [7, 7]), ((0,), E), ((-4,), E), ((360,), [2, 2, 2, 3, 3, 5])],
    "binary_gap": [((0,), 0), ((9,), 2), ((529,), 4), ((20,), 1), ((15,), 0), ((32,), 0), ((1041,), 5)],
    "title_case": [(("hello wORLD",), "Hello World"), (("",), ""), (("a  b",), "A  B"), (("it's",), "It's"), ((" x",), " X")],
    "rotate_right": [(([], 3), []), (([1, 2, 3], 1), [3, 1, 2]), (([1, 2, 3], 3), [1, 2, 3]), (([1, 2], 5), [2, 1]), (([1], 0), [1])],
    "median": [(([1],), 1.0), (([3, 1, 2],), 2.0), (([4, 1, 3, 2],), 2.5), (([],), E), (([-1, 1],), 0.0)],
    "group_by_length": [(([],), {}), ((["a", "bb", "c"],), {1: ["a", "c"], 2: ["bb"]}), (([""],), {0: [""]}), ((["x", "x"],), {1: ["x", "x"]})],
    "compress": [(("",), ""), (("aab",), "a2b1"), (("abc",), "a1b1c1"), (("aaaaaaaaaaaa",), "a12"), (("aba",), "a1b1a1")],
    "expand": [(("",), ""), (("a2b1",), "aab"), (("a12",), "a" * 12), (("x0y1",), "y"), ((" 2-1",), "  -")],
    "pascal_row": [((0,), [1]), ((1,), [1, 1]), ((4,), [1, 4, 6, 4, 1]), ((10,), [math.comb(10, k) for k in range(11)])],
    "common_prefix": [(([],), ""), ((["abc", "abd"],), "ab"), ((["x"],), "x"), ((["a", ""],), ""), ((["ab", "ab", "abc"],), "ab")],
    "moving_average": [(([1, 2, 3, 4], 2), [1.5, 2.5, 3.5]), (([1], 2), []), (([], 1), []), (([1, 2], 0), E), (([5, 7], 1), [5.0, 7.0])],
    "is_palindrome": [(("A man, a plan!nalpanam A",), True), (("",), True), (("ab",), False), (("1a1",), True), (("?!",), True), (("12",), False)],
    "missing_numbers": [(([],), []), (([1, 4],), [2, 3]), (([5],), []), (([3, 1, 3],), [2]), (([-1, 1],), [0]), (([1, 2, 3],), [])],
    "zip_longest_sum": [(([], []), []), (([1, 2, 3], [10]), [11, 2, 3]), (([1], [1, 1]), [2, 1]), (([-1], [1]), [0])],
    "seconds_to_text": [((0,), "0:00:00"), ((3723,), "1:02:03"), ((59,), "0:00:59"), ((360000,), "100:00:00"), ((60,), "0:01:00")],
    "text_to_seconds": [(("1:02:03",), 3723), (("2:03",), 123), (("3",), 3), (("1:2:3:4",), E), (("a",), E), (("1::3",), E), (("",), E)],
    "top_scores": [(({"b": 1, "a": 1, "c": 5}, 2), ["c", "a"]), (({}, 3), []), (({"x": 1}, 0), []), (({"x": 1, "y": 2}, 9), ["y", "x"])],
    "sum_nested": [(([],), 0), (([1, [2, [3, []]], 4],), 10), (([[[]]],), 0), (([-1, [1]],), 0)],
    "depth": [(([],), 1), (([1, 2],), 1), (([[]],), 2), (([1, [2, [3]], [4]],), 3), (([[[[]]]],), 4)],
    "luhn": [(("79927398713",), True), (("79927398710",), False), (("",), False), (("0",), True), (("12a",), False), (("18",), True)],
    "matrix_multiply": [(([[1, 2], [3, 4]], [[5, 6], [7, 8]]), [[19, 22], [43, 50]]), (([[1, 2]], [[3], [4]]), [[11]]), (([[1]], [[1], [2]]), E), (([[2], [3]], [[4, 5]]), [[8, 10], [12, 15]])],
    "interleave": [(([], []), []), (([1, 2, 3], [9]), [1, 9, 2, 3]), (([1], [7, 8, 9]), [1, 7, 8, 9]), (([], [1]), [1])],
    "word_lengths": [(("",), []), (("a bb  ccc",), [1, 2, 3]), (("  ",), []), (("x\ny",), [1, 1])],
    "gcd_of_list": [(([],), 0), (([12, 18],), 6), (([-4, 6],), 2), (([0, 5],), 5), (([0],), 0), (([7],), 7)],
    "overlap": [(((1, 5), (3, 8)), 2), (((1, 2), (2, 3)), 0), (((1, 2), (5, 6)), 0), (((1, 10), (3, 4)), 1), (((5, 6), (1, 9)), 1)],
    "change": [((0, [1]), 0), ((11, [1, 2, 5]), 3), ((3, [2]), -1), ((6, [1, 3, 4]), 2), ((5, []), -1), ((0, []), 0)],
    "longest_word": [(("",), ""), (("a bbb cc ddd",), "bbb"), ((" x ",), "x"), (("one two",), "one")],
    "swap_case_alternate": [(("",), ""), (("abcd",), "AbCd"), (("ABCD",), "AbCd"), (("a1b",), "A1B"), (("x y",), "X Y")],
    "histogram": [(([], 5), {}), (([0, 4, 5, 12], 5), {0: 2, 5: 1, 10: 1}), (([3, 3], 1), {3: 2}), (([10], 3), {9: 1})],
    "strip_comments": [(([],), []), ((["a # b", "#", "  x  "],), ["a", "  x"]), (([""],), []), ((["a#b#c"],), ["a"])],
    "knapsack": [(([], 5), 0), (([(1, 1), (3, 4), (4, 5), (5, 7)], 7), 9), (([(6, 9)], 5), 0), (([(2, 3), (2, 3)], 3), 3), (([(1, 2), (1, 2)], 2), 4)],
    "lcs_length": [(("", "a"), 0), (("abcde", "ace"), 3), (("abc", "def"), 0), (("aggtab", "gxtxayb"), 4), (("aa", "aa"), 2)],
    "edit_distance": [(("", ""), 0), (("kitten", "sitting"), 3), (("abc", ""), 3), (("flaw", "lawn"), 2), (("a", "b"), 1)],
    "topological": [(({},), []), (({"b": ["a"], "a": [], "c": []},), ["a", "b", "c"]), (({"a": ["b"], "b": ["a"]},), E), (({"a": ["c"], "b": [], "c": []},), ["b", "c", "a"]), (({"a": ["z"], "z": []},), ["z", "a"])],
    "pins_left": [(([],), 10), (([3, 7],), 0), (([4],), 6), (([6, 5],), E), (([-1, 2],), E), (([10],), 0)],
    "weekday_name": [((0,), "Monday"), ((6,), "Sunday"), ((7,), "Monday"), ((-1,), "Sunday"), ((16,), "Wednesday")],
    "clamp": [((5, 1, 10), 5), ((0, 1, 10), 1), ((11, 1, 10), 10), ((1, 5, 4), E), ((3, 3, 3), 3)],
    "hamming": [(("", ""), 0), (("abc", "abd"), 1), (("a", "ab"), E), (("karolin", "kathrin"), 3), (("aA", "Aa"), 2)],
    "acronym": [(("",), ""), (("portable network graphics",), "PNG"), (("first-in  first-out",), "FIFO"), (("- x -",), "X"), (("a",), "A")],
    "cumulative_product": [(([],), []), (([1, 2, 3],), [1, 2, 6]), (([5, 0, 2],), [5, 0, 0]), (([-1, -1],), [-1, 1])],
}

# Runs in a process of its own, so that a solution that hangs or exits takes nothing with it.
JUDGE = """
import json, sys
sys.setrecursionlimit(10000)
space = {}
exec(compile(open(sys.argv[1]).read(), "solution", "exec"), space)
sys.path.insert(0, sys.argv[3])
from trusted import TRUSTED
def same(a, b):
    if type(a) is bool or type(b) is bool:
        return a is b
    if isinstance(b, float) or isinstance(a, float):
        return isinstance(a, (int, float)) and abs(a - b) < 1e-9
    return a == b
import copy
for args, expected in TRUSTED[sys.argv[2]]:
    try:
        got = space[sys.argv[2]](*copy.deepcopy(args))
    except Exception as error:
        assert isinstance(expected, type) and isinstance(error, expected), (args, error)
    else:
        assert not isinstance(expected, type), (args, got)
        assert same(got, expected), (args, got, expected)
"""


def judge(code: pathlib.Path, entry: str) -> str:
    """Empty where every trusted test holds, else what was seen."""
    here = str(pathlib.Path(__file__).resolve().parent)
    command = [sys.executable, "-I", "-c", JUDGE, str(code), entry, here]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return "no end within 30 s"
    return "" if run.returncode == 0 else run.stderr.strip().splitlines()[-1][:160]


def main(folder: str) -> int:
    right, wrong = {"gold": 0, "silver": 0}, {"gold": 0, "silver": 0}
    for path in sorted(pathlib.Path(folder).rglob("dream_*.json")):
        dream = json.loads(path.read_text())
        entry = dream["scenario"]["entry_point"]
        if entry not in TRUSTED:
            continue
        fault = judge(path.with_suffix(".py"), entry)
        (wrong if fault else right)[dream["tier"]] += 1
        print(f"{'WRONG' if fault else 'right'}  {dream['tier']:6}  {entry}  {fault}")
    for tier in ("gold", "silver"):
        print(f"{tier}: {right[tier]} right, {wrong[tier]} wrong")
    return 1 if wrong["gold"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
