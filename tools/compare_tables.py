#!/usr/bin/env python3
"""Do the tables of a page tables/E05.md stand in result files, number for number?

    tools/compare_tables.py tables/E05.md build/results/E05.json build/results/E05_regimes.json

Every table of the page but the verdicts and the summary is looked for in the result files: the same
columns, and every cell the same text when printed as the page prints it. Exit status 1 if one is
missing or differs. A table that only has more columns or lines than the page's is said to.
"""
import json
import re
import sys


def page_tables(path):
    """(heading, columns, rows) of every table; Markdown escapes removed."""
    heading, table, found = "", None, []
    for line in open(path, encoding="utf-8"):
        if line.startswith("#"):
            heading, table = line.lstrip("# ").strip(), None
        elif line.startswith("|"):
            cells = [re.sub(r"\\(.)", r"\1", c.strip()) for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            if table is None:
                table = (heading, cells, [])
                found.append(table)
            elif not all(re.fullmatch("-+", c) and len(c) > 2 for c in cells):
                table[2].append(cells)
        elif line.strip() == "":
            table = None
    return [t for t in found if t[0] not in ("Verdicts", "Summary")]


def shown(cell, reason):
    if isinstance(cell, str):
        return cell
    if cell is None:
        return {"nan": "nan", "inf": "inf", "-inf": "-inf", None: "-"}[reason]
    return "%.6g" % cell


def result_tables(path):
    for t in json.load(open(path, encoding="utf-8"))["tables"]:
        reasons = {(n["row"], n["column"]): n["reason"] for n in t["nulls"]}
        rows = [[shown(c, reasons.get((i, k))) for k, c in enumerate(r)] for i, r in enumerate(t["rows"])]
        yield t["name"], [c["name"] for c in t["columns"]], rows


def distance(old, columns, rows):
    """Cells of the old table that the new one does not have at the same place; None: other columns."""
    if any(c not in columns for c in old[1]):
        return None
    at = [columns.index(c) for c in old[1]]
    return [(i, c, cell, rows[i][k] if i < len(rows) else "(no line)")
            for i, line in enumerate(old[2]) for c, cell, k in zip(old[1], line, at)
            if i >= len(rows) or rows[i][k] != cell]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    new = [t for path in sys.argv[2:] for t in result_tables(path)]
    bad = 0
    for old in page_tables(sys.argv[1]):
        tried = [(d, name, columns, rows) for name, columns, rows in new
                 if (d := distance(old, columns, rows)) is not None]
        if not tried:
            bad += 1
            print("MISSING  %s\n         columns %s" % (old[0][:90], ", ".join(old[1])))
            continue
        differing, name, columns, rows = min(tried, key=lambda t: (len(t[0]), len(t[2]) + len(t[3])))
        more = "" if len(columns) == len(old[1]) and len(rows) == len(old[2]) else \
            " (%d columns more, %d lines more)" % (len(columns) - len(old[1]), len(rows) - len(old[2]))
        if not differing:
            print("same     %s: %d lines%s" % (name, len(old[2]), more))
            continue
        bad += 1
        print("DIFFERS  %s, nearest table %s%s: %d cells" % (old[0][:70], name, more, len(differing)))
        for i, column, was, now in differing[:5]:
            print("         line %d, %s: was %s, is %s" % (i + 1, column, was, now))
    return 1 if bad else 0


sys.exit(main())
