"""How lines of Verilog are laid out: ranges, blocks, and rows of at most WIDEST characters."""

WIDEST = 120


def bounds(width):
    """The range of a declaration, with a space before it; empty for one bit."""
    return f" [{width - 1}:0]" if width > 1 else ""


def bits(low, width, all_):
    """The selection of bits of a wire that has ``all_``; empty for all of them."""
    if width == all_:
        return ""
    return f"[{low}]" if width == 1 else f"[{low + width - 1}:{low}]"


def opened(head, body, space):
    """A head with its body: ``begin`` goes to the line of the head."""
    rows = wrapped(head)
    if body[0] == space + "begin":
        rows[-1] += " begin"
        return [*rows, *body[1:]]
    return [*rows, *body]


def chained(lines, space):
    """``end`` and the ``else`` after it on one line."""
    found = []
    for line in lines:
        if found and found[-1] == space + "end" and line.startswith(space + "else"):
            found[-1] += " " + line.strip()
        else:
            found.append(line)
    return found


def spaced(groups):
    """Groups of lines, an empty line before each."""
    return [line for group in groups if group for line in ("", *group)]


def wrapped(line):
    """A line in rows of at most WIDEST characters, where it has spaces; rows after the first stand further in."""
    space = " " * (len(line) - len(line.lstrip()) + 4)
    rows = []
    while len(line) > WIDEST:
        place = line.rfind(" ", len(space) + 1, WIDEST)
        if place < 0:
            place = line.find(" ", WIDEST)
            if place < 0:
                break
        rows.append(line[:place])
        line = space + line[place + 1 :]
    return [*rows, line]
