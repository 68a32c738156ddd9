"""Labels: the names that Greyfen Ferries writes on crates, files and lockers.

A label has to survive paint, rain and three different computer systems, so it is made of few characters, has a known
length, and carries a digit that catches slips of the pen. Every function here is pure: it takes text and gives text.
"""

import re

SMALL_WORDS = {"of", "the", "and", "von", "van", "de"}
VOWELS = "aeiou"


def slugify(title, limit=30):
    """Turn a title into a file name of lower-case letters, digits and single hyphens.

    Everything that is neither a letter of a to z nor a digit becomes a hyphen, and hyphens never stand at the ends or
    side by side. A slug longer than `limit` characters is cut at the last hyphen that fits; where there is none, it is
    cut in the middle of the word. A title that leaves nothing becomes `untitled`.

    >>> slugify("Crossing to Sandholm")
    'crossing-to-sandholm'
    >>> slugify("  Wind & weather: week 7 ")
    'wind-weather-week-7'
    >>> slugify("Lost property, found again at the north quay")
    'lost-property-found-again-at'
    >>> slugify("Unforeseeable", limit=8)
    'unforese'
    >>> slugify("?!")
    'untitled'
    >>> slugify("deck-plan 2", limit=9)
    'deck-plan'
    >>> slugify("deck-plan 2", limit=8)
    'deck'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    if not slug:
        return "untitled"
    if len(slug) <= limit:
        return slug
    cut = slug[:limit]
    if slug[limit] != "-" and "-" in cut:
        cut = cut[: cut.rindex("-")]
    return cut.strip("-")


def squeeze(text, width):
    """Shorten a text to `width` characters by taking letters out of its middle.

    A text that fits stays as it is. Otherwise two dots replace the middle, so that the beginning and the end, which
    tell crates apart, stay readable; when the rest cannot be shared evenly, the beginning gets the extra character. A
    width below 4 leaves no room for that and raises `ValueError`.

    >>> squeeze("harbour", 10)
    'harbour'
    >>> squeeze("harbourmaster", 8)
    'har..ter'
    >>> squeeze("harbourmaster", 9)
    'harb..ter'
    >>> squeeze("abcde", 4)
    'a..e'
    >>> squeeze("abcd", 4)
    'abcd'
    >>> squeeze("harbour", 3)
    Traceback (most recent call last):
    ValueError: a width of 3 is too narrow
    """
    if width < 4:
        raise ValueError(f"a width of {width} is too narrow")
    if len(text) <= width:
        return text
    kept = width - 2
    head = (kept + 1) // 2
    tail = kept - head
    return text[:head] + ".." + text[len(text) - tail :]


def initials(name):
    """The initials that go on a locker: capital first letters, small words skipped.

    Small words such as "of" and "van" give no letter unless they open the name. Double names give a letter for each
    part, joined by the hyphen that joins the parts. Runs of blanks do not matter.

    >>> initials("Mara Quist")
    'MQ'
    >>> initials("Captain of the Guard")
    'CG'
    >>> initials("van der Meer")
    'VDM'
    >>> initials("jean-luc  arden")
    'J-LA'
    >>> initials("")
    ''
    >>> initials("Ole de Wit and Sons")
    'OWS'
    >>> initials("lisa--marie o-")
    'L-MO'
    """
    letters = []
    for index, word in enumerate(name.split()):
        if index > 0 and word.lower() in SMALL_WORDS:
            continue
        parts = [part[0].upper() for part in word.split("-") if part]
        letters.append("-".join(parts))
    return "".join(letters)


def check_digit(code):
    """The check character of a crate number, `0` to `9` or `X`.

    The digits are weighted from the right with 2, 3, 4 and so on, starting over after 7. The character is what brings
    the sum up to a multiple of 11, and ten is written `X`. Letters count by their place in the alphabet, so `A` is 1
    and `Z` is 26; upper and lower case are the same. Blanks and hyphens are skipped; any other character raises
    `ValueError`.

    >>> check_digit("12345")
    '5'
    >>> check_digit("1")
    '9'
    >>> check_digit("6")
    'X'
    >>> check_digit("GF-204")
    '0'
    >>> check_digit("gf 204")
    '0'
    >>> check_digit("98765432")
    '5'
    >>> check_digit("12_3")
    Traceback (most recent call last):
    ValueError: '_' has no place in a crate number
    """
    total = 0
    weight = 2
    for char in reversed(code.upper()):
        if char in " -":
            continue
        if "0" <= char <= "9":
            value = int(char)
        elif "A" <= char <= "Z":
            value = ord(char) - ord("A") + 1
        else:
            raise ValueError(f"{char!r} has no place in a crate number")
        total += weight * value
        weight = 2 if weight == 7 else weight + 1
    rest = -total % 11
    return "X" if rest == 10 else str(rest)


def natural_order(names):
    """Sort names as people do: numbers inside them by value, letters without regard to case.

    Names that read the same apart from case keep the order in which they came. A number stands before a letter in the
    same place.

    >>> natural_order(["deck 10", "deck 2", "Deck 1"])
    ['Deck 1', 'deck 2', 'deck 10']
    >>> natural_order(["b", "A", "a"])
    ['A', 'a', 'b']
    >>> natural_order(["a2b10", "a2b9", "a10b1"])
    ['a2b9', 'a2b10', 'a10b1']
    >>> natural_order(["quay", "7 quay"])
    ['7 quay', 'quay']
    >>> natural_order([])
    []
    >>> natural_order(["x007", "x7", "x1"])
    ['x1', 'x007', 'x7']
    """

    def key(name):
        parts = []
        for part in re.split(r"(\d+)", name.lower()):
            if part.isdigit():
                parts.append((0, int(part), ""))
            elif part:
                parts.append((1, 0, part))
        return parts

    return sorted(names, key=key)


def abbreviate(word, length=4):
    """Shorten a word for a narrow column by dropping vowels, last ones first, then cutting.

    The first letter always stays. Vowels are dropped from the right only as long as the word is too long; if it is
    still too long without any, its end is cut off.

    >>> abbreviate("quay")
    'quay'
    >>> abbreviate("harbour")
    'hrbr'
    >>> abbreviate("island", 5)
    'islnd'
    >>> abbreviate("ferry", 4)
    'frry'
    >>> abbreviate("lighthouse", 4)
    'lght'
    >>> abbreviate("anchor", 5)
    'anchr'
    """
    letters = list(word)
    index = len(letters) - 1
    while len(letters) > length and index > 0:
        if letters[index].lower() in VOWELS:
            del letters[index]
        index -= 1
    return "".join(letters[:length])
