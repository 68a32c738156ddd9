# What a job left in the folders that it may write.


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
