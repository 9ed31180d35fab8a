"""tools/clb.py against truths from elsewhere: PyTorch's own gradients and Hessians, NumPy's files, and trainings by
PyTorch's optimisers, whose method the audit must name. Prints the table of what was said against what is true.
    python3 tests/t_python.py [NAME...]      only the audits whose names contain a word"""
import collections, collections.abc, contextlib, io, json, os, sys, tempfile
import numpy as np
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tools"))
import clb
try:
    import torch
except ImportError:
    torch = None

failed = 0


def check(what, good, said=""):
    global failed
    if not good:
        failed += 1
        print("FAIL %s %s" % (what, said))


def refused(what, words, call, *args, **more):
    try:
        call(*args, **more)
    except clb.Error as e:
        return check(what, words in str(e), "said: %s" % e)
    check(what, False, "not refused")


# ---- NumPy alone ---------------------------------------------------------------------------

def test_files():
    random = np.random.default_rng(0)
    arrays = {"layers.0.weight": random.standard_normal((3, 2)), "layers.1.weight": random.standard_normal((4, 3)).astype("f4"),
              "half": random.standard_normal(7).astype("f2"), "ints": np.arange(-3, 4)}
    with tempfile.TemporaryDirectory() as folder:
        for name, write in ("a.npz", np.savez), ("b.npz", np.savez_compressed):
            path = os.path.join(folder, name)
            write(path, **arrays)
            back = clb.load(path)
            check(name, set(back) == set(arrays) and all(np.array_equal(back[k], arrays[k]) for k in arrays))
        refused("no file", "cannot open", clb.load, os.path.join(folder, "none.npz"))
        with open(os.path.join(folder, "x.pt"), "wb") as f:
            f.write(b"nonsense")
        refused("nonsense", "neither NPY", clb.load, os.path.join(folder, "x.pt"))


def test_trees():
    random = np.random.default_rng(1)
    W1, b1, W2, b2 = (random.standard_normal(s) for s in ((5, 3), 5, (2, 5), 2))
    trees = {"torch": {"fc1.weight": W1, "fc1.bias": b1, "fc2.weight": W2, "fc2.bias": b2},
             "flax": {"params": {"Dense_0": {"kernel": W1.T, "bias": b1}, "Dense_1": {"kernel": W2.T, "bias": b2}}},
             "list": [{"w": W1, "b": b1}, {"w": W2, "b": b2}], "tuples": [(W1, b1), (W2, b2)]}
    per = (W2 ** 2).sum(0) - (W1 ** 2).sum(1) - b1 ** 2
    for name, tree in trees.items():
        layers, neurons = clb.charges(tree)
        check("charges of " + name, np.allclose(layers, per.sum(), rtol=1e-13) and np.allclose(neurons[0], per, rtol=1e-13))
    refused("shapes", "does not follow", clb.charges, {"a.weight": np.ones((3, 2)), "b.weight": np.ones((4, 7))})
    refused("NaN", "NaN or infinity", clb.charges, {"a.weight": np.full((3, 2), np.nan), "b.weight": np.ones((4, 3))})
    refused("two snapshots", "three are needed", clb.audit, [trees["torch"]] * 2)
    X, y = random.standard_normal((10, 3)), np.arange(10) % 2
    refused("columns", "4 columns", clb.sharpness, trees["torch"], np.ones((10, 4)), y)
    refused("labels", "label", clb.sharpness, trees["torch"], X, y + 1)
    values, bounds = clb.eigenvalues(trees["torch"], X, y, k=32)
    nodes, weights = clb.density(trees["torch"], X, y, steps=32, probes=40)
    check("trace", abs(values.sum() - 32 * (nodes * weights).sum()) < 0.3 * abs(values).sum())
    check("weights", abs(weights.sum() - 1) < 1e-12)


def test_train():
    random = np.random.default_rng(2)
    y = np.arange(60) % 3
    X = random.standard_normal((60, 4)) + 2 * np.eye(4)[y]
    for optimizer in ("gd", "heavy_ball", "nesterov", "adam"):
        run = clb.train(X, y, widths=(8, 8), lr=0.02, steps=50, optimizer=optimizer, l2=1e-3)
        check("drift, " + optimizer, np.allclose(run.drift, run.predicted, rtol=1e-7, atol=1e-12))
        check("charges, " + optimizer, np.allclose(clb.charges(run.weights)[0], run.charges[-1], rtol=1e-12))
    start = clb.train(X, y, widths=(8,), lr=1e-3, steps=1).weights
    drift = clb.train(X, y, lr=0.02, steps=50, params=start, activation="identity").drift
    check("prediction", np.allclose(clb.predict_drift(start, X, y, 0.02, 50, activation="identity"), drift, rtol=0.2), drift)


# ---- against PyTorch's derivatives ---------------------------------------------------------

def test_report():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(60, 4))
    y = (X[:, 0] > 0).astype(int)
    said, pages, runs = io.StringIO(), [], []
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "a table.csv")
        np.savetxt(table, np.column_stack([X, y]), delimiter=",", fmt="%.17g")
        for data, out in (((X, y), "of arrays"), (table, "of a file")):
            with contextlib.redirect_stdout(said):
                page = clb.report(data, out=os.path.join(folder, out), lr=[0.05, 0.2], steps=50, fast=True)
            pages.append(open(page).read())
            runs.append(json.load(open(os.path.join(os.path.dirname(page), "LAB.json")))["runs"])
        refused("a step size that is none", "bad value 'fast' for --lr", clb.report, (X, y), out=folder, lr="fast")
    check("a page", all("<svg" in page for page in pages))
    check("the words of the tool", "The law is kept" in said.getvalue(), said.getvalue())
    check("two runs, alike from arrays and file", len(runs[0]) == 2 and runs[0] == runs[1])


def test_derivatives():
    for activation, bias, loss in ((torch.nn.ReLU, True, "ce"), (torch.nn.Tanh, True, "ce"), (torch.nn.GELU, False, "mse")):
        torch.manual_seed(3)
        model = torch.nn.Sequential(torch.nn.Linear(4, 6, bias=bias), activation(), torch.nn.Linear(6, 5, bias=bias),
                                    activation(), torch.nn.Linear(5, 3, bias=bias)).double()
        X = torch.randn(40, 4, dtype=torch.float64)
        y = torch.randint(0, 3, (40,)) if loss == "ce" else torch.randn(40, 3, dtype=torch.float64)
        value = (torch.nn.functional.cross_entropy if loss == "ce" else torch.nn.functional.mse_loss)(model(X), y)
        params = list(model.parameters())
        grads = torch.autograd.grad(value, params, create_graph=True)
        flat = torch.cat([g.reshape(-1) for g in grads])
        H = torch.stack([torch.cat([h.reshape(-1) for h in torch.autograd.grad(f, params, retain_graph=True)]) for f in flat])
        H = H.detach().numpy()
        name = "%s, %s" % (activation.__name__, loss)
        ours, tree = clb.gradient(model, X, y, loss)
        check("loss of " + name, abs(ours - value.item()) < 1e-12 * abs(ours))
        for (n, _), g in zip(model.named_parameters(), grads):
            check("gradient of %s, %s" % (name, n), np.allclose(tree[n], g.detach().numpy(), rtol=1e-9, atol=1e-13))
        v = collections.OrderedDict((n, torch.randn_like(p)) for n, p in model.named_parameters())
        ours = np.concatenate([x.ravel() for x in clb.hvp(model, X, y, v, loss).values()])
        theirs = H @ np.concatenate([x.numpy().ravel() for x in v.values()])
        check("HVP of " + name, np.abs(ours - theirs).max() < 1e-9 * np.abs(theirs).max())
        spectrum = np.linalg.eigvalsh(H)
        top = clb.sharpness(model, X, y, loss)
        check("sharpness of " + name, abs(top.value - spectrum[-1]) < 1e-9 * abs(spectrum[-1]), "%r %r" % (top, spectrum[-1]))
        values, bounds = clb.eigenvalues(model, X, y, 3, "both", loss)
        check("eigenvalues of " + name, np.allclose(values, np.r_[spectrum[:-4:-1], spectrum[:3]], rtol=1e-8, atol=1e-11))


# ---- JAX trees -----------------------------------------------------------------------------

class Array:
    """Stands for jax.Array, as JAX is not in the package manager: shape, dtype and __array__, no NumPy class."""

    def __init__(self, x):
        self.x = np.array(x)
        self.shape, self.dtype, self.ndim = self.x.shape, self.x.dtype, self.x.ndim

    def __array__(self, dtype=None):
        return self.x if dtype is None else self.x.astype(dtype)


class Frozen(collections.abc.Mapping):
    """Stands for flax.core.FrozenDict: a mapping that is no dict."""

    def __init__(self, items):
        self.held = items

    def __getitem__(self, key):
        return self.held[key]

    def __iter__(self):
        return iter(self.held)

    def __len__(self):
        return len(self.held)


def flax_tree(model):
    """The parameters of torch's model as Flax names and orders them: kernels are [in][out]."""
    layers = [m for m in model if isinstance(m, torch.nn.Linear)]
    return Frozen({"params": Frozen({"Dense_%d" % i: Frozen({
        "bias": Array(m.bias.detach().numpy()), "kernel": Array(m.weight.detach().numpy().T)})
        for i, m in enumerate(layers)})})


def test_jax_stand_in():
    torch.manual_seed(6)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3)).double()
    X, y = torch.randn(30, 4).double(), torch.randint(0, 3, (30,))
    tree, optimizer = flax_tree(model), torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    value, grad = clb.gradient(tree, X.numpy(), y.numpy())
    loss = torch.nn.functional.cross_entropy(model(X), y)
    loss.backward()
    check("loss of a Flax tree", abs(value - loss.item()) < 1e-12)
    for i, layer in ((0, model[0]), (1, model[2])):
        kernel, bias = grad["params.Dense_%d.kernel" % i], grad["params.Dense_%d.bias" % i]
        check("kernel gradient", np.allclose(kernel, layer.weight.grad.numpy().T, rtol=1e-9, atol=1e-13))
        check("bias gradient", np.allclose(bias, layer.bias.grad.numpy(), rtol=1e-9, atol=1e-13))
    v = {name: np.random.default_rng(0).standard_normal(g.shape) for name, g in grad.items()}
    product = clb.hvp(tree, X.numpy(), y.numpy(), v)
    turned = {"%d.weight" % (2 * i): v["params.Dense_%d.kernel" % i].T for i in (0, 1)}
    turned.update({"%d.bias" % (2 * i): v["params.Dense_%d.bias" % i] for i in (0, 1)})
    same = clb.hvp(model, X, y, turned)
    check("HVP of a Flax tree", np.allclose(product["params.Dense_1.kernel"], same["2.weight"].T, rtol=1e-12))
    check("sharpness of a Flax tree", clb.sharpness(tree, X.numpy(), y.numpy()) == clb.sharpness(model, X, y))
    trees = [tree]
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(X), y).backward()
        optimizer.step()
        trees.append(flax_tree(model))
    a = clb.audit(trees)
    check("audit of Flax trees", a.method == "heavy ball" and abs(a.momentum.value - 0.9) < 1e-9, a)


# ---- audits of PyTorch's runs --------------------------------------------------------------

def snapshots(options, dtype, T=40):
    """T steps of a 20-32-24-5 net as the options say; the state dicts before and after each."""
    torch.manual_seed(options.get("seed", 0))
    act, bias, norm = options.get("act", torch.nn.ReLU), options.get("bias", False), options.get("norm", False)
    widths, layers = [20, 32, 24, 5], []
    for i in range(3):
        layers.append(torch.nn.Linear(widths[i], widths[i + 1], bias=bias))
        if i < 2:
            layers += [torch.nn.BatchNorm1d(widths[i + 1])] if norm else []
            layers += [act()] + ([torch.nn.Dropout(0.2)] if options.get("dropout") else [])
    net = torch.nn.Sequential(*layers).to(dtype)
    y = torch.randint(0, 5, (200,))
    X = torch.randn(200, 20, dtype=dtype) + 2 * torch.nn.functional.one_hot(y, 20).to(dtype)
    made = options["optimizer"](net)
    optimizer, scheduler = made if isinstance(made, tuple) else (made, None)
    store = options.get("store")
    out = []

    def keep():
        out.append({k: (v.to(store) if store and v.is_floating_point() else v).clone() for k, v in net.state_dict().items()})
    keep()
    for t in range(T):
        rows = torch.randperm(200)[:options["batch"]] if "batch" in options else slice(None)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
        if "hook" in options:
            options["hook"](net, t)
        optimizer.step()
        if scheduler:
            scheduler.step()
        keep()
    return options["after"](out) if "after" in options else out


def sgd(**more):
    return lambda net: torch.optim.SGD(net.parameters(), lr=0.1, **more)


def two_rates(net):
    p = list(net.parameters())
    return torch.optim.SGD([{"params": p[:1], "lr": 0.05}, {"params": p[1:]}], lr=0.1, momentum=0.9)


def no_bias_decay(net):
    p = list(net.parameters())
    return torch.optim.SGD([{"params": [q for q in p if q.dim() == 2], "weight_decay": 5e-4},
                            {"params": [q for q in p if q.dim() == 1]}], lr=0.1, momentum=0.9)


def drop_at_20(net):
    o = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return o, torch.optim.lr_scheduler.StepLR(o, 20, 0.1)


def cosine(net):
    o = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    return o, torch.optim.lr_scheduler.CosineAnnealingLR(o, 45)


def freeze(net):
    net[0].weight.requires_grad_(False)
    return torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1, momentum=0.9)


def edit(net, t):
    if t == 17:
        with torch.no_grad():
            net[2].weight[3] *= 1.01


def runs():
    """name: (options, method, momentum, step size times decay, events)"""
    adam, heavy, descent, nesterov = "adaptive method", "heavy ball", "gradient descent", "Nesterov"
    lost, O = "not a homogeneous net", torch.optim
    return collections.OrderedDict([
        ("sgd", (dict(optimizer=sgd()), descent, 0, 0, [])),
        ("sgd batch 32", (dict(optimizer=sgd(), batch=32), descent, 0, 0, [])),
        ("sgd decay", (dict(optimizer=sgd(weight_decay=5e-4)), descent, 0, 5e-5, [])),
        ("momentum", (dict(optimizer=sgd(momentum=0.9)), heavy, 0.9, 0, [])),
        ("momentum, seed 1", (dict(optimizer=sgd(momentum=0.5), seed=1), heavy, 0.5, 0, [])),
        ("momentum decay", (dict(optimizer=sgd(momentum=0.9, weight_decay=5e-4)), heavy, 0.9, 5e-5, [])),
        ("momentum decay bias batch", (dict(optimizer=sgd(momentum=0.9, weight_decay=5e-4), bias=True, batch=32), heavy, 0.9, 5e-5, [])),
        ("momentum leaky", (dict(optimizer=sgd(momentum=0.9), act=torch.nn.LeakyReLU), heavy, 0.9, 0, [])),
        ("momentum dropout", (dict(optimizer=sgd(momentum=0.9), dropout=True), heavy, 0.9, 0, [])),
        ("momentum clipped norm", (dict(optimizer=sgd(momentum=0.9), hook=lambda n, t: torch.nn.utils.clip_grad_norm_(n.parameters(), 0.1)), heavy, 0.9, 0, [])),
        ("nesterov", (dict(optimizer=sgd(momentum=0.9, nesterov=True)), nesterov, 0.9, 0, [])),
        ("nesterov decay bias", (dict(optimizer=sgd(momentum=0.9, nesterov=True, weight_decay=5e-4), bias=True), nesterov, 0.9, 5e-5, [])),
        ("biases not decayed", (dict(optimizer=no_bias_decay, bias=True), heavy, 0.9, 5e-5, [])),
        ("two rates", (dict(optimizer=two_rates), "parameter groups", None, None, [])),
        ("rate drops at 20", (dict(optimizer=drop_at_20), heavy, 0.9, 0, [("rate", 20)])),
        ("cosine", (dict(optimizer=cosine), "changing step size", None, None, None)),
        ("edited at 17", (dict(optimizer=sgd(momentum=0.9), hook=edit), heavy, 0.9, 0, [("edit", 17)])),
        ("step missing", (dict(optimizer=sgd(momentum=0.9), after=lambda s: s[:20] + s[21:]), heavy, 0.9, 0, [("gap", 19)])),
        ("step missing, sgd", (dict(optimizer=sgd(), after=lambda s: s[:20] + s[21:]), descent, 0, 0, [("gap", 19)])),
        ("layer frozen", (dict(optimizer=freeze), heavy, 0.9, 0, [])),
        ("adam", (dict(optimizer=lambda n: O.Adam(n.parameters(), lr=1e-2)), adam, None, None, None)),
        ("adamw", (dict(optimizer=lambda n: O.AdamW(n.parameters(), lr=1e-2)), adam, None, None, None)),
        ("rmsprop", (dict(optimizer=lambda n: O.RMSprop(n.parameters(), lr=1e-3)), adam, None, None, None)),
        ("clipped values", (dict(optimizer=sgd(), hook=lambda n, t: torch.nn.utils.clip_grad_value_(n.parameters(), 1e-3)), "clipped entries", None, None, None)),
        ("tanh", (dict(optimizer=sgd(), act=torch.nn.Tanh), lost, None, None, None)),
        ("tanh momentum", (dict(optimizer=sgd(momentum=0.9), act=torch.nn.Tanh), lost, None, None, None)),
        ("gelu momentum", (dict(optimizer=sgd(momentum=0.9), act=torch.nn.GELU), lost, None, None, None)),
        ("batch norm", (dict(optimizer=sgd(), norm=True), "normalised net", None, None, None)),
        ("batch norm momentum", (dict(optimizer=sgd(momentum=0.9), norm=True, bias=True), "normalised net", None, None, None)),
    ])


def judge(name, dtype, options, method, momentum, decay, events):
    bits = 64 if dtype == torch.float64 else 32
    a = clb.audit(snapshots(options, dtype))
    said = "%s, %.9g, %.9g" % (a.method, a.momentum.value, a.decay.value)
    print("%-26s %d  %-45s %-28s %9.1e" % (name, bits, said, method, a.residual))
    where = "%s in float%d" % (name, bits)
    check(where, a.method == method, str(a))
    tolerance = 1e-10 if bits == 64 else 1e-4
    if momentum is not None:
        check("momentum, " + where, abs(a.momentum.value - momentum) <= tolerance, a.momentum)
        check("decay, " + where, abs(a.decay.value - decay) <= tolerance * (decay or 1e-4), a.decay)
    if events is not None:
        check("events, " + where, [(e.kind, e.step) for e in a.events] == events, a.events)
    if name == "layer frozen":
        check(where, [l.frozen for l in a.layers] == [True, False])
    if name == "biases not decayed":
        check(where, not a.bias_decay)
    if name == "rate drops at 20":
        check(where, abs(a.events[0].factor - 0.1) < 1e-4, a.events)
    if name == "cosine":
        check(where, abs(a.momentum.value - 0.9) < 2e-3, a.momentum)


def test_audits():
    words = sys.argv[1:]
    print("%-26s %s  %-45s %-28s %9s" % ("run", "  ", "said: method, momentum, eta lambda", "true method", "residual"))
    for name, (options, *truth) in runs().items():
        if words and not any(w in name for w in words):
            continue
        for dtype in (torch.float64, torch.float32):
            judge(name, dtype, options, *truth)
    if words:
        return
    half = clb.audit(snapshots(dict(optimizer=sgd(momentum=0.9), store=torch.float16), torch.float32))
    check("float16 storage", half.method == "heavy ball" and abs(half.momentum.value - 0.9) < 2 * half.momentum.error, half)
    small = clb.audit(snapshots(dict(optimizer=sgd(), store=torch.float16), torch.float32))
    check("float16 storage, sgd", small.method == "undecided", small)


def test_watch():
    torch.manual_seed(4)
    X, y = torch.randn(50, 6).double(), torch.randint(0, 3, (50,))
    for every, nesterov in ((1, False), (10, False), (10, True)):
        model = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)).double()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.8, nesterov=nesterov)
        before, stored = torch.optim.SGD.step, [clb.charges(model)[0]]
        with clb.watch(model, every=every) as w:
            for t in range(60):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(X), y).backward()
                optimizer.step()
                stored.append(clb.charges(model)[0])
                if t == 12:
                    check("audit on the way", abs(w.now().momentum.value - 0.8) < 1e-6, w.now())
        name, stored = "watch every %d, nesterov %d" % (every, nesterov), np.array(stored)
        check(name, w.audit.method == ("Nesterov" if nesterov else "heavy ball") and w.audit.events == [], w.audit)
        check("momentum, " + name, abs(w.audit.momentum.value - 0.8) < 1e-6, w.audit.momentum)
        rest = [t for t in range(21, 61) if every == 1 or t % 10 < 3]
        check("watched steps", w.steps == list(range(21)) + rest, w.steps)
        check("live charges", np.allclose(w.charges, stored[w.steps], rtol=1e-12))
        change = 2 * w.s[1:] + w.d[1:]
        known = np.diff(w.steps) == 1
        check("live laws", np.allclose(change[known], np.diff(w.charges, axis=0)[known], rtol=1e-8, atol=1e-13))
        check("gaps", np.isnan(w.s[1:][~known]).all() and not np.isnan(change[known]).any())
        check("step restored", torch.optim.SGD.step is before)


def test_torch_files():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).half()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.pt")
        torch.save({"model": model.state_dict(), "epoch": 3}, path)
        back = clb.load(path)
        for n, p in model.state_dict().items():
            check("torch.save, " + n, np.array_equal(back["model." + n], p.numpy().astype("f8")))
        torch.save(model, path)
        refused("a pickled module", "torch.nn.modules", clb.load, path)


test_files()
test_trees()
test_train()
test_report()
if torch is None:
    print("no PyTorch found: derivatives, audits, watch and its files skipped")
else:
    torch.set_num_threads(1)
    for test in (test_derivatives, test_jax_stand_in, test_torch_files, test_watch, test_audits):
        test()
print("clb.py: %s" % ("all as expected" if not failed else "%d failed" % failed))
sys.exit(failed != 0)
