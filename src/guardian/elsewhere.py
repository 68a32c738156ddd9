# What is in front of a solution where it runs elsewhere: another zone, language, folder, name of the program and module,
# no mark of the hash seed, and a year later. Executed by itself, with these among its names: `zone`, `module`, and whether
# the solution may ask the time, by functions (`clock`) or by a class (`now`).
import locale, os, sys, time

os.environ.update(TZ=zone, LC_ALL="C", LANG="C")
os.environ.pop("PYTHONHASHSEED", None)
time.tzset()
locale.setlocale(locale.LC_ALL, "C")
sys.argv[:] = [module + ".py"]
# Who looks a class's module up by its name finds it.
sys.modules[module] = sys.modules["solution"]
try:
    os.makedirs("/tmp/" + module, exist_ok=True)
    os.chdir("/tmp/" + module)
except OSError:
    pass

LATER = 400 * 24 * 3600


def later(module, name):
    """Moves what a function gives, or what it takes where it is given nothing, by a constant: durations stay."""
    real = getattr(module, name)
    if name in ("time", "time_ns"):
        shift = LATER if name == "time" else LATER * 10**9
        moved = lambda: real() + shift
    elif name == "strftime":
        moved = lambda form, *at: real(form, *(at or (time.localtime(),)))
    elif name == "asctime":
        moved = lambda *at: real(*(at or (time.localtime(),)))
    else:
        moved = lambda *at: real(*(at if at and at[0] is not None else (time.time(),)))
    setattr(module, name, moved)


def later_class(kind):
    """Stands for a class that nobody can change: what it makes is of the class itself, and so is what it takes for its own."""

    class Same(type):
        def __instancecheck__(cls, value):
            return isinstance(value, kind) if cls is face else type.__instancecheck__(cls, value)

        def __subclasscheck__(cls, other):
            return issubclass(other, kind) if cls is face else type.__subclasscheck__(cls, other)

    def new(cls, *args, **kwargs):
        return kind(*args, **kwargs) if cls is face else kind.__new__(cls, *args, **kwargs)

    def moved(real):
        return classmethod(lambda cls, *args, **kwargs: real(*args, **kwargs) + datetime.timedelta(seconds=LATER))

    # `today` asks the function that was moved already.
    own = dict(__new__=new, now=moved(kind.now), utcnow=moved(kind.utcnow), __module__=kind.__module__)
    face = Same(kind.__name__, (kind,), own)
    return face


if clock:
    for name in ("time", "time_ns", "gmtime", "localtime", "ctime", "strftime", "asctime"):
        later(time, name)
if now:
    import datetime

    datetime.datetime = later_class(datetime.datetime)
