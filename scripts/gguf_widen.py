"""Rewrites a GGUF model's Q4_1 tensors as Q5_1, value for value, for an engine that reads only the latter.

A Q4_1 block of 32 weights is scale, minimum and 32 times four bits (20 bytes); a Q5_1 block has the fifth bits between
them (24 bytes). With the fifth bits zero both mean the same. Used by scripts/llm-tiny.
usage: gguf_widen.py OLD NEW
"""

import struct
import sys

Q4_1, Q5_1 = 3, 7
OLD_BLOCK, NEW_BLOCK, HEAD, FIFTH_BITS = 20, 24, 4, 4
# Bytes of GGUF's scalar metadata types; 8 is a string and 9 an array.
SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def text(self):
        length = self.number("Q")
        self.at += length
        return bytes(self.data[self.at - length : self.at])

    def skip(self, kind):
        if kind == 8:
            self.text()
        elif kind == 9:
            inner, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.skip(inner)
        else:
            self.at += SCALARS[kind]


def widen(blocks):
    count = len(blocks) // OLD_BLOCK
    new = bytearray(count * NEW_BLOCK)
    for byte in range(OLD_BLOCK):
        new[byte + (FIFTH_BITS if byte >= HEAD else 0) :: NEW_BLOCK] = blocks[byte::OLD_BLOCK]
    return new


def main(old_path, new_path):
    with open(old_path, "rb") as file:
        data = file.read()
    cursor = Cursor(data)
    assert data[:4] == b"GGUF", "not a GGUF file"
    cursor.at = 8
    tensors, pairs, alignment = cursor.number("Q"), cursor.number("Q"), 32
    for _ in range(pairs):
        name, kind = cursor.text(), cursor.number("I")
        if name == b"general.alignment":
            alignment = struct.unpack_from("<I", data, cursor.at)[0]
        cursor.skip(kind)
    head_end, infos = cursor.at, []
    for _ in range(tensors):
        name, rank = cursor.text(), cursor.number("I")
        shape = [cursor.number("Q") for _ in range(rank)]
        infos.append((name, shape, cursor.number("I"), cursor.number("Q")))
    padded = lambda size: -(-size // alignment) * alignment
    start = padded(cursor.at)
    # A tensor's bytes end where the next one's begin; the last ends with the file.
    ends = sorted(offset for *_, offset in infos)[1:] + [len(data) - start]
    order = sorted(range(tensors), key=lambda index: infos[index][3])
    bodies, offsets, place = {}, {}, 0
    for index, end in zip(order, ends):
        _, shape, kind, offset = infos[index]
        body = data[start + offset : start + end]
        if kind == Q4_1:
            weights = 1
            for side in shape:
                weights *= side
            body = widen(body[: weights // 32 * OLD_BLOCK])
        bodies[index], offsets[index] = body, place
        place = padded(place + len(body))
    head = bytearray(data[:head_end])
    for index, (name, shape, kind, _) in enumerate(infos):
        head += struct.pack("<Q", len(name)) + name + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", Q5_1 if kind == Q4_1 else kind, offsets[index])
    with open(new_path, "wb") as file:
        file.write(head.ljust(padded(len(head)), b"\0"))
        for index in order:
            body = bodies[index]
            file.write(bytes(body).ljust(padded(len(body)), b"\0"))


main(*sys.argv[1:])
