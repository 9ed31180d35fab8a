"""PyTorch's side of tests/bench.c: reads "what dtype m L ce linear reps", answers with the CPU seconds of reps
repetitions. The step is the one of the published programs: forward, loss, backward, squared gradient norm of every
layer, update; n=200, d=20, K=5."""
import sys
import time

import torch

torch.set_num_threads(1)


class Net:
    def __init__(self, dtype, m, L, ce, linear):
        torch.manual_seed(42)
        d = torch.float64 if dtype == "float64" else torch.float32
        widths = [20] + [m] * (L - 1) + [5]
        layers = []
        for l in range(L):
            layers.append(torch.nn.Linear(widths[l], widths[l + 1], bias=False))
            if l + 1 < L and not linear:
                layers.append(torch.nn.ReLU())
        self.model = torch.nn.Sequential(*layers).to(d)
        self.X = torch.randn(200, 20, dtype=d)
        self.y = torch.arange(200) % 5
        self.T = torch.nn.functional.one_hot(self.y, 5).to(d)
        self.loss = (lambda f: torch.nn.functional.cross_entropy(f, self.y)) if ce else \
                    (lambda f: torch.nn.functional.mse_loss(f, self.T))

    def step(self, reps):
        for _ in range(reps):
            self.model.zero_grad()
            loss = self.loss(self.model(self.X))
            loss.backward()
            with torch.no_grad():
                norms = [(p.grad ** 2).sum().item() for p in self.model.parameters()]
                for p in self.model.parameters():
                    p -= 1e-3 * p.grad
            assert norms

    def flat_gradient(self):
        params = list(self.model.parameters())
        grads = torch.autograd.grad(self.loss(self.model(self.X)), params, create_graph=True)
        return params, torch.cat([g.reshape(-1) for g in grads])

    def hvp(self, reps):
        v = None
        for _ in range(reps):
            params, g = self.flat_gradient()
            v = torch.ones_like(g) if v is None else v
            torch.autograd.grad((g * v).sum(), params)

    # The published full Hessian: column i = H e_i, each a whole double backward.
    def hessian(self, reps):
        for _ in range(reps):
            e = torch.zeros(sum(p.numel() for p in self.model.parameters()), dtype=self.X.dtype)
            columns = []
            for i in range(e.numel()):
                params, g = self.flat_gradient()
                e[i] = 1
                h = torch.autograd.grad((g * e).sum(), params)
                e[i] = 0
                columns.append(torch.cat([x.reshape(-1) for x in h]))
            torch.stack(columns, 1)

    # The same matrix with one graph kept: row i is the derivative of g[i]. Faster than the published program.
    def hessian_rows(self, reps):
        for _ in range(reps):
            params, g = self.flat_gradient()
            rows = []
            for i in range(g.numel()):
                h = torch.autograd.grad(g[i], params, retain_graph=True)
                rows.append(torch.cat([x.reshape(-1) for x in h]))
            torch.stack(rows)


def main():
    nets = {}
    print("torch", torch.__version__, flush=True)
    for line in sys.stdin:
        what, dtype, m, L, ce, linear, reps = line.split()
        key = (dtype, int(m), int(L), float(ce), int(linear))
        if key not in nets:
            nets[key] = Net(*key)
            nets[key].step(3)
        start = time.process_time()
        getattr(nets[key], what)(int(reps))
        print(time.process_time() - start, flush=True)


main()
