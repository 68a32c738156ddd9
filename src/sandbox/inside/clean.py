# What a job left in the folders that it may write.

FOLDERS = ("/tmp", "/dev/shm")


def empty(folder):
    """Removes everything in a folder; false where something stays or there is too much of it."""
    left, stack = MAX_TMP, [folder]
    try:
        while stack:
            here, deeper = stack[-1], False
            os.chmod(here, 0o700) if here != folder else None
            with os.scandir(here) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        return False
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                        deeper = True
                        break
                    os.unlink(entry.path)
            if not deeper:
                stack.pop()
                if here != folder:
                    os.rmdir(here)
        return True
    except FileNotFoundError:
        return True
    except OSError:
        return False


def is_empty(folder):
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except FileNotFoundError:
        return True
    except OSError:
        return False


def clean(user):
    """True where nothing is left of a job's files. They are the job's user's, and only that user may look into its
    folders: where jobs have users of their own, a child becomes that user once more."""
    if all(map(is_empty, FOLDERS)):
        return True
    if user:
        pid = os.fork()
        if pid == 0:
            done = False
            try:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
                done = all(map(empty, FOLDERS))
            finally:
                _exit(0 if done else 1)
        os.waitpid(pid, 0)
    else:
        all(map(empty, FOLDERS))
    return all(map(is_empty, FOLDERS))
