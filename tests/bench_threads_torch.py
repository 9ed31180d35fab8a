"""PyTorch's side of tests/bench_threads.c. Argument: the number of threads. Reads "dtype n reps widths...", answers with
the wall seconds of one full-batch step of gradient descent on cross entropy, ReLU layers without biases."""
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))


def seconds(dtype, n, reps, widths):
    torch.manual_seed(42)
    layers = []
    for l in range(len(widths) - 1):
        layers.append(torch.nn.Linear(widths[l], widths[l + 1], bias=False))
        if l + 2 < len(widths):
            layers.append(torch.nn.ReLU())
    model = torch.nn.Sequential(*layers).to(dtype)
    X, y = torch.randn(n, widths[0], dtype=dtype), torch.arange(n) % widths[-1]

    def step():
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(X), y).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 1e-3 * p.grad

    step()
    start = time.perf_counter()
    for _ in range(reps):
        step()
    return (time.perf_counter() - start) / reps


for line in sys.stdin:
    words = line.split()
    print(seconds(getattr(torch, words[0]), int(words[1]), int(words[2]), [int(w) for w in words[3:]]), flush=True)
