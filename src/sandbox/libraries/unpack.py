# Unpacks wheels without running anything of theirs. Called by `dreamer sandbox prepare` with the host's own Python, which
# knows archives; what a wheel holds is data here, and a wheel that is not plain is refused as a whole.
# usage: unpack.py WHEELS SITE
import hashlib, json, os, stat, sys, zipfile

MAX_FILES = 60_000  # the largest scientific sets hold some twenty thousand
MAX_BYTES = 4 << 30  # unpacked, all wheels together
PIECE = 1 << 20

wheels, site = sys.argv[1:]
files = room = 0


def refuse(wheel, why):
    print("%s: %s" % (wheel, why), file=sys.stderr)
    sys.exit(1)


def place(wheel, info):
    """Where a member goes, or nothing for what is not wanted: scripts, headers, and files that run at every start."""
    name = info.filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    parts = name.split("/")
    plain = name.isprintable() and "\\" not in name and not name.startswith("/") and ":" not in parts[0]
    if not plain or any(p in ("", ".", "..") for p in parts[:-1]) or parts[-1] in (".", ".."):
        refuse(wheel, "it holds a file named %r" % name)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        refuse(wheel, "%r is neither a file nor a folder" % name)
    if info.is_dir():
        return None
    if parts[0].endswith(".data"):
        if len(parts) < 3 or parts[1] not in ("purelib", "platlib"):
            return None
        parts = parts[2:]
    if len(parts) == 1 and parts[0].endswith(".pth"):
        return None
    return parts


def modules_of(members):
    found = set()
    for parts in members:
        top, _, rest = parts[0].partition(".")
        importable = parts[-1].endswith((".py", ".so"))
        if importable and top.isidentifier() and (len(parts) == 1 or not rest):
            found.add(top)
    return sorted(found)


told = []
for wheel in sorted(os.listdir(wheels)):
    path = os.path.join(wheels, wheel)
    if not wheel.endswith(".whl"):
        refuse(wheel, "it is no wheel")
    with open(path, "rb") as f:
        digest = hashlib.file_digest(f, "sha256") if hasattr(hashlib, "file_digest") else hashlib.sha256(f.read())
    members = []
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                parts = place(wheel, info)
                if parts is None:
                    continue
                files += 1
                target = os.path.join(site, *parts)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                members.append(parts)
                if os.path.lexists(target):
                    continue  # two wheels hold it: the first wins, in the order of their names
                with archive.open(info) as source, open(target, "xb") as out:
                    while piece := source.read(PIECE):
                        room += len(piece)
                        if files > MAX_FILES or room > MAX_BYTES:
                            refuse(wheel, "the set is larger than anything honest")
                        out.write(piece)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        refuse(wheel, "it cannot be unpacked: %s" % error)
    told.append({"wheel": wheel, "sha256": digest.hexdigest(), "modules": modules_of(members)})
print(json.dumps(told))
