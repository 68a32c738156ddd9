"""Cargo: what goes into the hold, what it costs, and what has to be ordered again.

Weights are whole kilograms and money is whole cents; nothing here ever rounds a float.
"""

CHILD_BELOW = 6
YOUTH_BELOW = 16
SENIOR_FROM = 65


class Overload(ValueError):
    """A single piece is heavier than any crate may be."""


def pack_crates(weights, limit):
    """Share pieces out among crates, heaviest first, each into the first crate that still has room.

    Returns one list for each crate, in the order in which the crates were opened, each in the order of packing. A
    piece heavier than `limit` raises `Overload`; pieces without weight or with a negative one are no cargo and are left
    out.

    >>> pack_crates([4, 8, 1, 4, 2, 1], 10)
    [[8, 2], [4, 4, 1, 1]]
    >>> pack_crates([], 10)
    []
    >>> pack_crates([10, 10], 10)
    [[10], [10]]
    >>> pack_crates([0, 3, -2], 5)
    [[3]]
    >>> pack_crates([5, 5, 5], 9)
    [[5], [5], [5]]
    >>> pack_crates([11], 10)
    Traceback (most recent call last):
    cargo.Overload: 11 kg in a crate for 10 kg
    """
    crates = []
    room = []
    for weight in sorted(weights, reverse=True):
        if weight > limit:
            raise Overload(f"{weight} kg in a crate for {limit} kg")
        if weight <= 0:
            continue
        for index, left in enumerate(room):
            if weight <= left:
                crates[index].append(weight)
                room[index] -= weight
                break
        else:
            crates.append([weight])
            room.append(limit - weight)
    return crates


def fare(age, zones, bicycle=False):
    """The price of one crossing in cents.

    A grown-up pays 300 for the first zone and 150 for each further one. Children below 6 travel free, young people
    below 16 pay half, and from 65 on a quarter is taken off; what is left is rounded down to a multiple of 5 cents. A
    bicycle costs 200 more, whoever brings it. A crossing has at least one zone: fewer raise `ValueError`.

    >>> fare(30, 1)
    300
    >>> fare(30, 3)
    600
    >>> fare(5, 4)
    0
    >>> fare(15, 2)
    225
    >>> fare(16, 2)
    450
    >>> fare(65, 2)
    335
    >>> fare(4, 1, bicycle=True)
    200
    >>> fare(30, 0)
    Traceback (most recent call last):
    ValueError: a crossing has at least one zone
    """
    if zones < 1:
        raise ValueError("a crossing has at least one zone")
    price = 300 + 150 * (zones - 1)
    if age < CHILD_BELOW:
        price = 0
    elif age < YOUTH_BELOW:
        price = price // 2
    elif age >= SENIOR_FROM:
        price = price * 3 // 4
    price -= price % 5
    if bicycle:
        price += 200
    return price


def parse_manifest(text):
    """Read a manifest, one piece a line, into a dict of name to total weight.

    A line reads `name: weight kg` or `name: count x weight kg`. Empty lines and lines that start with `#` are notes.
    The same name on several lines adds up. A line that cannot be read raises `ValueError` with its number.

    >>> parse_manifest("rope: 12 kg")
    {'rope': 12}
    >>> parse_manifest("# north hold\\n\\npaint: 3 x 20 kg\\nrope: 5 kg")
    {'paint': 60, 'rope': 5}
    >>> parse_manifest("rope: 5 kg\\nrope: 2 x 6 kg")
    {'rope': 17}
    >>> parse_manifest("")
    {}
    >>> parse_manifest("rope: 5 kg\\nanchor")
    Traceback (most recent call last):
    ValueError: line 2 is no piece of cargo
    >>> parse_manifest("rope: 5 lb")
    Traceback (most recent call last):
    ValueError: line 1 is no piece of cargo
    """
    totals = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, amount = line.partition(":")
        words = amount.split()
        if len(words) == 4 and words[1] == "x":
            words = [words[0], words[2], words[3]]
        elif len(words) == 2:
            words = ["1", *words]
        if not colon or len(words) != 3 or words[2] != "kg" or not (words[0] + words[1]).isdigit():
            raise ValueError(f"line {number} is no piece of cargo")
        weight = int(words[0]) * int(words[1])
        totals[name.strip()] = totals.get(name.strip(), 0) + weight
    return totals


def split_cost(total, shares):
    """Share a bill out in proportion, in whole cents, so that the parts add up to the bill exactly.

    `shares` maps names to whole numbers. Everybody first gets the part rounded down; the cents that are left go one
    each to those whose part was cut the most, and by name where that is equal. No shares at all raise `ValueError`.
    """
    whole = sum(shares.values())
    if whole <= 0:
        raise ValueError("nobody has a share")
    parts = {name: total * share // whole for name, share in shares.items()}
    left = total - sum(parts.values())
    by_cut = sorted(shares, key=lambda name: (-(total * shares[name] % whole), name))
    for name in by_cut[:left]:
        parts[name] += 1
    return parts


def to_order(stock, wanted, pack_size=1):
    """What to order so that the stores hold what is wanted, in whole packs.

    Returns a dict with an entry for each thing of which there is too little, sorted by name: the number of pieces to
    order, rounded up to a multiple of `pack_size`. What is not in stock at all counts as none. Things in stock that
    nobody wants are left alone.
    """
    order = {}
    for name in sorted(wanted):
        missing = wanted[name] - stock.get(name, 0)
        if missing <= 0:
            continue
        packs = -(-missing // pack_size)
        order[name] = packs * pack_size
    return order
