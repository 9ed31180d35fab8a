"""Small inputs for the fuzz targets command and matrix (tests/fuzz/fuzz.c); only the standard library.
    python3 tests/fuzz/make_inputs.py tests/fuzz/corpus
Those of the target json are result files:
    build/e05_drift_scaling --quick --seeds 42,137 --lrs 0.1,0.3 --json tests/fuzz/corpus/json/E05.json"""
import math, os, struct, sys


def save(kind, name, data):
    os.makedirs(os.path.join(sys.argv[1], kind), exist_ok=True)
    with open(os.path.join(sys.argv[1], kind, name), "wb") as f:
        f.write(data)


for i, words in enumerate(["--seeds 42,137 --lrs 0.001,1e-2 -j 2 --out results", "--seeds=1..100 --shard=3/16 -q --json -",
                           "--from -- a.json -b.json", "--published --quick --part sweep,x --resume --cache c",
                           "--isa scalar --estimate --list -V -h", "-j4 -oout --threads 4096 --lrs 1e308,5e-324"]):
    save("command", "%d.args" % i, words.replace(" ", "\0").encode())


def matrix(name, n, entry):
    rows = [struct.pack("<d", entry(i, j)) for i in range(n) for j in range(i + 1)]
    save("matrix", name, bytes([n - 1]) + b"".join(rows))


matrix("one.mat", 1, lambda i, j: -2.0)
matrix("zero.mat", 5, lambda i, j: 0.0)
matrix("identity.mat", 6, lambda i, j: float(i == j))
matrix("hilbert.mat", 8, lambda i, j: 1 / (i + j + 1))
matrix("wilkinson.mat", 11, lambda i, j: abs(i - 5.0) if i == j else float(i - j == 1))
matrix("graded.mat", 9, lambda i, j: 10.0 ** (-20 * (i + j)))
matrix("tiny.mat", 4, lambda i, j: 1e-300 * (i + 2 * j))
matrix("large.mat", 4, lambda i, j: 1e300 * math.cos(i * j))
matrix("coupled.mat", 3, lambda i, j: 1.0 if i == j == 0 else 1e-200 * (i != j))
matrix("nan.mat", 2, lambda i, j: math.nan if i != j else 1.0)
