#!/usr/bin/env python3
"""How merging shards grows: time and memory of `--from` for a map of many runs.

    python3 tests/scale.py [RUNS] [SHARDS...]        default: 1000000 runs; 10 1000 10000 shards

The experiment is examples/template.c with a run that costs nothing, so only files and merging are
measured. The shards are cut from one result file; the merged file must have its bytes. Prints the
table of docs/clusters.md.
"""
import os, re, resource, subprocess, sys, tempfile, time

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def build(folder):
    source = open(os.path.join(root, "examples/template.c")).read()
    start = source.index("static clb_status train(")
    end = source.index("\n}\n", start) + 3
    source = source[:start] + """static clb_status train(kit *x, void *run)
{
    training *row = run;
    (void)x;
    row->drift = row->lr * (1 + 0.1 * clb_sin(row->seed)), row->diverged = 0;
    return CLB_OK;
}
""" + source[end:]
    source = source.replace('"../clb.h"', '"clb.h"').replace('"kit/kit.h"', '"examples/kit/kit.h"')
    path = os.path.join(folder, "map")
    open(path + ".c", "w").write(source)
    subprocess.run(["cc", "-O2", "-std=c99", "-DCLB_STATIC", "-I" + root, "-o", path, path + ".c", "-lm"], check=True)
    return path


def timed(command):
    """Seconds and peak megabytes of a command."""
    start = time.time()
    pid = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit("%s: status %d" % (command[0], status))
    return time.time() - start, used.ru_maxrss * 1.024e-3


def bare(path):
    return [line for line in open(path) if '"environment"' not in line]


def cut(whole, environment, shards, folder):
    """Run i goes to shard i mod shards, as --shard does. Returns the paths and the bytes of all."""
    first = next(i for i, line in enumerate(whole) if line == '  "runs": [\n') + 1
    last = next(i for i in range(first, len(whole)) if whole[i].startswith("  ]"))
    runs = [line.rstrip(",\n") for line in whole[first:last]]
    paths, size = [], 0
    for i in range(shards):
        mine = runs[i::shards]
        head = "".join(whole[:first]).replace('"shard": null', '"shard": "%d/%d"' % (i, shards))
        head = re.sub(r'"done": \d+', '"done": %d' % len(mine), head)
        paths.append(os.path.join(folder, "E24.shard-%d-of-%d.json" % (i, shards)))
        with open(paths[-1], "w") as file:
            file.write(head + ",\n".join(mine) + '\n  ],\n' + environment + "}\n")
        size += os.path.getsize(paths[-1])
    return paths, size


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    counts = [int(a) for a in sys.argv[2:]] or [10, 1000, 10000]
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        seeds = "1..%d" % (runs // 5)
        seconds, memory = timed([program, "--seeds", seeds, "--threads", "1", "-q", "--out", folder])
        whole = bare(os.path.join(folder, "E24.json"))
        environment = next(line for line in open(os.path.join(folder, "E24.json")) if '"environment"' in line)
        print("| %d runs | files | MB | s | peak MB |\n|---|---|---|---|---|" % runs)
        print("| one program makes and writes them | 1 | %.0f | %.1f | %.0f |"
              % (sum(map(len, whole)) / 1e6, seconds, memory))
        for shards in counts:
            parts = os.path.join(folder, "parts")
            os.mkdir(parts)
            paths, size = cut(whole, environment, shards, parts)
            merged = os.path.join(folder, "merged")
            os.chdir(parts)                    # short names: the command line has a limit of about 2 MB
            seconds, memory = timed([program, "--from", "-q", "--out", merged] + list(map(os.path.basename, paths)))
            os.chdir(folder)
            same = bare(os.path.join(merged, "E24.json")) == whole
            print("| %d shards merged%s | %d | %.0f | %.1f | %.0f |"
                  % (shards, "" if same else ", OTHER BYTES", shards, size / 1e6, seconds, memory), flush=True)
            for path in paths:
                os.remove(path)
            os.rmdir(parts)


main()
