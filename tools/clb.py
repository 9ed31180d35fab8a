"""clb for Python: audits of training runs, sharpness, eigenvalues, densities, conserved charges.

    import clb
    print(clb.audit(["step_0.pt", "step_1.pt", "step_2.pt", ...]))
    print(clb.sharpness(model, X, y))

Needs NumPy and, once, a C compiler: the library is built on first use from clb.h (beside this file, one
folder up, or in $CLB_HEADER) into a cache folder, or taken from $CLB_LIBRARY.

Wherever `params` stands, these are taken as they are: a torch module or its state dict, a JAX or Flax tree of
arrays (dicts, lists and tuples), a dict of NumPy arrays, or the path of a file (.pt, .pth, .npz, .safetensors).
Tested with PyTorch's modules and files and NumPy's; of JAX only with a nested mapping of arrays as Flax gives it, as no
JAX was at hand. Layers are found from names and shapes, both orders of weights: [out][in] and, named "kernel", [in][out].
Arithmetic is in float64. Errors are clb.Error with the text of the library.
"""
import collections
import ctypes
import glob
import hashlib
import os
import subprocess
import sys
import tempfile

import numpy as np

__all__ = ["Error", "Measured", "audit", "charges", "density", "eigenvalues", "gradient", "hvp", "load",
           "predict_drift", "report", "sharpness", "train", "watch"]

ACTIVATIONS = ["relu", "identity", "leaky_relu", "relu_mix", "relu_power", "tanh", "sigmoid", "softplus", "gelu"]
OPTIMIZERS = ["gd", "heavy_ball", "nesterov", "adam"]
Measured = collections.namedtuple("Measured", "value error")


class Error(Exception):
    """What the library says is wrong."""


# ---- the library -----------------------------------------------------------------------------------------------

# Flat functions over clb.h, so that nothing here depends on the layout of its structs.
_SHIM = r"""
#define CLB_IMPLEMENTATION
#include "clb.h"
#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif
typedef struct point { clb_net net; clb_data data; clb_pass pass; clb_curv curv; } point;
static clb_error last;
static int said(clb_status s) { if (s && last.status != s) clbi_done(&last, s); return (int)s; }
API const char *pc_error(void) { return last.text; }
API const char *pc_info(void) { return clb_build_info(); }

static clb_status net_make(clb_net *net, const size_t *widths, size_t count, int bias, int activation,
                           double param)
{
    clb_net_opts o;
    memset(&last, 0, sizeof last);
    memset(&o, 0, sizeof o);
    o.param = param, o.activation = (clb_activation)activation, o.bias = bias ? -1 : 0;
    return clb_net_alloc(net, widths, count, &o);
}
static clb_status data_make(clb_data *d, size_t n, size_t in, size_t K, const double *X, const int *y,
                            const double *targets)
{
    memset(d, 0, sizeof *d);
    d->n = n, d->d = in, d->K = K;
    d->X = (clb_real *)X, d->y = (int *)y, d->targets = (clb_real *)targets;  /* borrowed */
    return CLB_OK;
}
API void pc_point_free(point *p)
{
    if (!p) return;
    clb_curv_free(&p->curv), clb_pass_free(&p->pass), clb_net_free(&p->net);
    free(p);
}
API point *pc_point(const size_t *widths, size_t count, int bias, int activation, double param, const double *theta,
                    size_t n, const double *X, const int *y, const double *targets, double ce)
{
    point *p = (point *)calloc(1, sizeof *p);
    clb_status s = p ? net_make(&p->net, widths, count, bias, activation, param) : CLB_ENOMEM;
    if (!s) s = data_make(&p->data, n, widths[0], widths[count - 1], X, y, targets);
    if (!s) memcpy(p->net.theta, theta, p->net.P * sizeof *theta);
    if (!s) s = clb_pass_init(&p->pass, &p->net, &p->data, ce);
    if (!s) s = clb_curv_init(&p->curv, &p->pass);
    if (!s) clb_curv_at(&p->curv, NULL);
    if (!s) return p;
    said(s);
    pc_point_free(p);
    return NULL;
}
API double pc_gradient(point *p, double *grad)
{
    memcpy(grad, p->curv.grad, p->net.P * sizeof *grad);
    return p->pass.loss;
}
API void pc_hvp(point *p, const double *v, double *out) { clb_hvp(&p->curv, v, out); }
API int pc_lanczos(point *p, size_t k, int which, double tol, double *value, double *bound, int *converged)
{
    clb_linop H = clb_hessian_op(&p->curv);
    clb_lanczos_opts o;
    clb_eigs e;
    clb_status s;
    memset(&o, 0, sizeof o);
    o.which = (clb_which)which, o.tol = tol;
    s = clb_lanczos(&H, k, &o, &e);
    if (s && s != CLB_ENOCONV) return said(s);
    *converged = s == CLB_OK;
    for (size_t i = 0; i < e.count; ++i) value[i] = e.value[i], bound[i] = e.bound[i];
    clb_eigs_free(&e);
    return 0;
}
API int pc_density(point *p, size_t steps, size_t probes, size_t seed, double *node, double *weight, size_t *count)
{
    clb_linop H = clb_hessian_op(&p->curv);
    clb_slq_opts o;
    clb_quadrature q;
    clb_rng rng;
    clb_status s;
    memset(&o, 0, sizeof o);
    o.steps = steps, o.probes = probes;
    clb_rng_seed(&rng, seed);
    s = clb_slq(&H, &rng, &o, &q);
    if (s) return said(s);
    for (size_t i = 0; i < q.count; ++i) node[i] = q.node[i], weight[i] = q.weight[i];
    *count = q.count;
    clb_quadrature_free(&q);
    return 0;
}
API int pc_predict(point *p, double eta, size_t T, double *S)
{ return said(clb_linearised(&p->curv, eta, T, NULL, S)); }
API int pc_charges(const size_t *widths, size_t count, int bias, const double *theta, double *layer, double *neuron)
{
    clb_net net;
    clb_status s = net_make(&net, widths, count, bias, 0, 0);
    if (s) return said(s);
    for (size_t l = 1; l < net.L; ++l) layer[l - 1] = clb_charge_bias(&net, theta, l);
    clb_hidden_charges(&net, theta, neuron);
    clb_net_free(&net);
    return 0;
}
API int pc_train(const size_t *widths, size_t count, int bias, int activation, double param, double *theta, int draw,
                 size_t n, const double *X, const int *y, const double *targets, double ce, double eta, size_t T,
                 int optimizer, double beta1, double l2, double decay, size_t batch, size_t seed, double *loss,
                 double *q, double *qb, double *predicted, size_t *steps)
{
    clb_net net;
    clb_data data;
    clb_rng rng;
    clb_train_opts o;
    clb_trace tr;
    clb_status s = net_make(&net, widths, count, bias, activation, param);
    if (!s) s = data_make(&data, n, widths[0], widths[count - 1], X, y, targets);
    if (s) return said(s);
    clb_rng_seed(&rng, seed);
    if (draw) clb_net_draw(&net, &rng);
    else memcpy(net.theta, theta, net.P * sizeof *theta);
    memset(&o, 0, sizeof o);
    o.ce = ce, o.optimizer = (clb_optimizer)optimizer, o.beta1 = beta1, o.l2 = l2, o.decay = decay;
    o.batch = batch, o.batch_rng = &rng;
    s = clb_train(&net, &data, eta, T, &o, &tr);
    if (!s || s == CLB_EDIVERGED) {
        memcpy(theta, net.theta, net.P * sizeof *theta);
        memcpy(loss, tr.loss, T * sizeof *loss);
        memcpy(q, tr.q, (T + 1) * net.L * sizeof *q);
        memcpy(qb, tr.qb, (T + 1) * net.L * sizeof *qb);
        for (size_t l = 1; l < net.L; ++l) predicted[l - 1] = tr.predicted[l - 1];
        *steps = tr.steps;
        clb_trace_free(&tr);
        s = CLB_OK;
    }
    clb_net_free(&net);
    return said(s);
}
static void borrow(clb_tensors *t, size_t count, char **names, const size_t *rank, const size_t *shape, double **x)
{
    t->count = count;
    t->item = (clb_tensor *)calloc(count + 1, sizeof *t->item);
    for (size_t i = 0; i < count && t->item; ++i) {
        clb_array *a = &t->item[i].array;
        t->item[i].name = names[i], t->item[i].digits = 53;
        a->rank = rank[i], a->count = 1, a->x = x[i];
        for (size_t k = 0; k < rank[i]; ++k) a->count *= a->shape[k] = shape[CLB_ARRAY_RANK * i + k];
    }
}
/* First call: theta NULL, sizes and the chain; second: theta. */
API int pc_chain(size_t count, char **names, const size_t *rank, const size_t *shape, double **x, size_t *L,
                 size_t *widths, int *bias, size_t *weight_at, size_t *bias_at, int *transposed, int *normalised,
                 double *theta)
{
    clb_tensors t;
    clb_chain c;
    clb_status s;
    memset(&last, 0, sizeof last);
    borrow(&t, count, names, rank, shape, x);
    s = t.item ? clb_chain_find(&c, &t, &last) : CLB_ENOMEM;
    if (!s) {
        *L = c.L, *transposed = c.transposed, *normalised = c.normalised, *bias = 0;
        for (size_t l = 0; l < c.L; ++l) {
            const size_t *sh = t.item[c.weight[l]].array.shape;
            widths[l] = sh[1 - c.transposed], widths[l + 1] = sh[c.transposed];
            weight_at[l] = c.weight[l], bias_at[l] = c.bias[l];
            *bias |= c.bias[l] != (size_t)-1;
        }
        if (theta) s = clb_chain_theta(&c, &t, &t, theta, &last);
        clb_chain_free(&c);
    }
    free(t.item);
    return said(s);
}
API clb_tensors *pc_load(const char *path)
{
    clb_tensors *t = (clb_tensors *)calloc(1, sizeof *t);
    clb_status s;
    memset(&last, 0, sizeof last);
    s = t ? clb_tensors_load(t, path, &last) : CLB_ENOMEM;
    if (!s) return t;
    said(s);
    free(t);
    return NULL;
}
API size_t pc_count(const clb_tensors *t) { return t->count; }
API const char *pc_name(const clb_tensors *t, size_t i) { return t->item[i].name; }
API size_t pc_rank(const clb_tensors *t, size_t i) { return t->item[i].array.rank; }
API int pc_digits(const clb_tensors *t, size_t i) { return t->item[i].digits; }
API const size_t *pc_dims(const clb_tensors *t, size_t i) { return t->item[i].array.shape; }
API const double *pc_values(const clb_tensors *t, size_t i) { return t->item[i].array.x; }
API void pc_unload(clb_tensors *t) { clb_tensors_free(t); free(t); }

typedef struct watched { clb_net net; clb_auditor auditor; } watched;
API void pc_auditor_free(watched *w)
{
    if (!w) return;
    clb_auditor_free(&w->auditor), clb_net_free(&w->net);
    free(w);
}
API watched *pc_auditor(const size_t *widths, size_t count, int bias, int middle, int normalised, size_t neurons)
{
    watched *w = (watched *)calloc(1, sizeof *w);
    clb_audit_opts o;
    clb_status s = w ? net_make(&w->net, widths, count, bias, 0, 0) : CLB_ENOMEM;
    memset(&o, 0, sizeof o);
    o.middle = middle, o.normalised = normalised, o.neurons = neurons, o.error = &last;
    if (!s) s = clb_auditor_init(&w->auditor, &w->net, &o);
    if (!s) return w;
    said(s);
    pc_auditor_free(w);
    return NULL;
}
/* charge, s and d of every hidden layer. */
API int pc_auditor_add(watched *w, const double *theta, size_t step, double *charge, double *s, double *d)
{
    size_t n = (w->auditor.L - 1) * sizeof *charge;
    clb_status status = clb_auditor_add(&w->auditor, theta, step);
    if (status) return said(status);
    memcpy(charge, w->auditor.charge + 1, n), memcpy(s, w->auditor.s + 1, n), memcpy(d, w->auditor.d + 1, n);
    return 0;
}
/* numbers: method, momentum, error, decay, error, decoupled, bias_decay, residual, excess, steps, laws;
 * layers: 8 a law: rate, residual, excess, drift, first, second, broken, frozen;  events: 5 each */
API int pc_auditor_verdict(watched *w, double *numbers, double *layers, double *events, size_t *event_count, char *text,
                           char *method)
{
    clb_audit a;
    clb_status s = clb_auditor_verdict(&w->auditor, &a);
    if (s) return said(s);
    numbers[0] = a.method, numbers[1] = a.momentum.value, numbers[2] = a.momentum.error;
    numbers[3] = a.decay.value, numbers[4] = a.decay.error, numbers[5] = a.decoupled, numbers[6] = a.bias_decay;
    numbers[7] = a.residual, numbers[8] = a.excess, numbers[9] = (double)a.steps, numbers[10] = (double)a.laws;
    for (size_t l = 1; l < a.L; ++l, layers += 8) {
        const clb_audit_layer *y = &a.layer[l];
        layers[0] = y->rate.value, layers[1] = y->residual, layers[2] = y->excess, layers[3] = y->drift;
        layers[4] = y->first, layers[5] = y->second, layers[6] = (double)y->broken, layers[7] = y->frozen;
    }
    for (*event_count = 0; *event_count < a.events; ++*event_count, events += 5) {
        const clb_audit_event *e = &a.event[*event_count];
        events[0] = e->kind, events[1] = (double)e->step, events[2] = e->factor;
        events[3] = (double)e->layer, events[4] = (double)e->neuron;
    }
    snprintf(text, 600, "%s", a.text);
    snprintf(method, 60, "%s", clb_method_name(a.method));
    clb_audit_free(&a);
    return 0;
}
"""
_library = None


def _header():
    here = os.path.dirname(os.path.abspath(__file__))
    for path in (os.environ.get("CLB_HEADER"), os.path.join(here, "clb.h"), os.path.join(here, "..", "clb.h")):
        if path and os.path.exists(path):
            return path
    raise Error("clb.h is not beside clb.py nor one folder up; set CLB_HEADER to its path")


def _cached(name, contents, source, flags):
    """The path of what the C compiler makes of a source with these flags, made if the cache has none of it."""
    flags = os.environ.get("CLB_CFLAGS", "-O2").split() + flags
    compiler = os.environ.get("CC", "cc")
    key = hashlib.sha256(contents + " ".join([compiler] + flags).encode()).hexdigest()[:16]
    cache = os.environ.get("CLB_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "clb")
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(cache, name % key)
    if os.path.exists(path):
        return path
    with tempfile.TemporaryDirectory(dir=cache) as work:
        made = os.path.join(work, "made")
        if callable(source):
            source = source(work)
        command = [compiler, "-std=c99", *flags, "-o", made, source, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Error("the C compiler failed: %s\n%s" % (" ".join(command), done.stderr))
        os.replace(made, path)
    return path


def _build():
    """The path of the shared library."""
    header = _header()

    def shim(work):
        with open(os.path.join(work, "shim.c"), "w") as f:
            f.write(_SHIM)
        return f.name

    with open(header, "rb") as f:
        contents = f.read() + _SHIM.encode()
    return _cached("libclb_python_%s.so", contents, shim,
                   ["-shared", "-fPIC", "-fvisibility=hidden", "-I", os.path.dirname(os.path.abspath(header))])


def _lab():
    """The path of the program clb_lab."""
    here = os.path.dirname(os.path.abspath(__file__))
    source = os.path.join(here, "clb_lab.c")
    if not os.path.exists(source):
        raise Error("report needs clb_lab.c beside clb.py: take the whole folder tools/")
    contents = b""
    for path in [source, *sorted(glob.glob(os.path.join(here, "*.h"))),
                 *sorted(glob.glob(os.path.join(here, "..", "examples", "kit", "*.h"))), os.path.join(here, "..", "clb.h")]:
        with open(path, "rb") as f:
            contents += f.read()
    return _cached("clb_lab_%s", contents, source, ["-DCLB_STATIC"])


def _lib():
    global _library
    if _library is None:
        lib = ctypes.CDLL(os.environ.get("CLB_LIBRARY") or _build())
        for name in ("pc_error", "pc_info", "pc_name"):
            getattr(lib, name).restype = ctypes.c_char_p
        for name in ("pc_point", "pc_load", "pc_dims", "pc_values", "pc_auditor"):
            getattr(lib, name).restype = ctypes.c_void_p
        for name in ("pc_count", "pc_rank"):
            getattr(lib, name).restype = ctypes.c_size_t
        lib.pc_gradient.restype = ctypes.c_double
        _library = lib
    return _library


def _check(status):
    if status:
        raise Error(_lib().pc_error().decode())


def _p(array):
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


_size, _real = ctypes.c_size_t, ctypes.c_double


def _sizes(values):
    return (ctypes.c_size_t * max(len(values), 1))(*values)


# ---- parameters ------------------------------------------------------------------------------------------------

def _numpy(x, dtype=np.float64):
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        if str(x.dtype) == "torch.bfloat16":
            x = x.float()
        x = x.numpy()
    return np.ascontiguousarray(x, dtype=dtype) if np.ndim(x) else np.array(x, dtype=dtype)


def load(path):
    """The arrays of a file of weights (.pt, .pth, .npz, .npy, .safetensors) as {name: float64 array}."""
    lib = _lib()
    handle = lib.pc_load(os.fspath(path).encode())
    if not handle:
        raise Error("%s: %s" % (path, lib.pc_error().decode()))
    t, out = ctypes.c_void_p(handle), collections.OrderedDict()
    for i in range(lib.pc_count(t)):
        rank = lib.pc_rank(t, _size(i))
        dims = (ctypes.c_size_t * max(rank, 1)).from_address(lib.pc_dims(t, _size(i)))
        shape = tuple(dims[k] for k in range(rank))
        count = int(np.prod(shape, dtype=np.int64))
        x = np.zeros(shape) if count == 0 else np.ctypeslib.as_array(
            (ctypes.c_double * count).from_address(lib.pc_values(t, _size(i)))).reshape(shape).copy()
        out[lib.pc_name(t, _size(i)).decode()] = x if lib.pc_digits(t, _size(i)) else x.astype(np.int64)
    lib.pc_unload(t)
    return out


def _flatten(tree, path=""):
    """(name, array) of a tree of dicts, lists and tuples; what is no floating-point array is left out."""
    if isinstance(tree, dict) or hasattr(tree, "items"):
        for key, value in tree.items():
            yield from _flatten(value, "%s.%s" % (path, key) if path else str(key))
    elif isinstance(tree, (list, tuple)):
        for i, value in enumerate(tree):
            yield from _flatten(value, "%s.%d" % (path, i) if path else str(i))
    elif hasattr(tree, "shape") and hasattr(tree, "dtype"):
        kind = str(tree.dtype)
        if "float" in kind:
            yield path, _numpy(tree)


class _Net:
    """Layers found in a tree of parameters: widths [L+1], one flat theta [P]."""

    def __init__(self, params):
        if hasattr(params, "state_dict"):
            params = params.state_dict()
        if isinstance(params, (str, os.PathLike)):
            params = load(params)
        items = [(n, a) for n, a in _flatten(params) if a.ndim <= 8]
        self.names = [n for n, _ in items]
        self.arrays = [a for _, a in items]
        n = len(items)
        names = (ctypes.c_char_p * max(n, 1))(*[s.encode() for s in self.names])
        shape = (ctypes.c_size_t * max(8 * n, 1))()
        for i, a in enumerate(self.arrays):
            for k, s in enumerate(a.shape):
                shape[8 * i + k] = s
        data = (ctypes.c_void_p * max(n, 1))(*[a.ctypes.data for a in self.arrays])
        L, bias, turned, normalised = ctypes.c_size_t(), ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        widths, at, bias_at = _sizes([0] * (n + 1)), _sizes([0] * n), _sizes([0] * n)
        lib, ranks = _lib(), _sizes([a.ndim for a in self.arrays])

        def call(theta):
            _check(lib.pc_chain(_size(n), names, ranks, shape, data, ctypes.byref(L), widths, ctypes.byref(bias),
                                at, bias_at, ctypes.byref(turned), ctypes.byref(normalised), theta))
        call(None)
        self.L, self.bias, self.transposed = L.value, bias.value, turned.value
        self.normalised = normalised.value or any("running_mean" in s for s in self.names)
        self.widths = list(widths)[:self.L + 1]
        self.at = [(at[l], None if bias_at[l] >= n else bias_at[l]) for l in range(self.L)]
        self.P = sum(a * b + (b if self.bias else 0) for a, b in zip(self.widths, self.widths[1:]))
        self.theta = np.zeros(self.P)
        call(_p(self.theta))

    def shape(self):
        return _sizes(self.widths), _size(self.L + 1), ctypes.c_int(self.bias)

    def tree(self, flat):
        """A flat vector [P] as {name: array} under the names and in the order of the parameters."""
        out, k = collections.OrderedDict(), 0
        for l, (w, b) in enumerate(self.at):
            rows, columns = self.widths[l + 1], self.widths[l]
            W = flat[k:k + rows * columns].reshape(rows, columns)
            out[self.names[w]] = (W.T if self.transposed else W).copy()
            k += rows * columns
            if self.bias:
                if b is not None:
                    out[self.names[b]] = flat[k:k + rows].copy()
                k += rows
        return out

    def flat(self, tree):
        """The opposite of tree()."""
        parts, given = [], dict(_flatten(tree))
        for l, (w, b) in enumerate(self.at):
            W = given[self.names[w]]
            parts.append((W.T if self.transposed else W).ravel())
            if self.bias:
                parts.append(given[self.names[b]].ravel() if b is not None else np.zeros(self.widths[l + 1]))
        return np.ascontiguousarray(np.concatenate(parts))


def _labels(y, n, K):
    """(labels, targets): y [n] integers, or [n][K] targets."""
    y = y.detach().cpu().numpy() if hasattr(y, "detach") else np.asarray(y)
    if y.shape[:1] != (n,):
        raise Error("X has %d rows, y has %s" % (n, y.shape))
    if y.ndim == 2:
        if y.shape[1] != K:
            raise Error("targets have %d columns, the net %d outputs" % (y.shape[1], K))
        return None, np.ascontiguousarray(y, dtype=np.float64)
    return np.ascontiguousarray(y, dtype=np.intc), None


def _blend(loss):
    if loss not in ("ce", "mse"):
        raise Error("loss is 'ce' or 'mse', not %r" % (loss,))
    return 1.0 if loss == "ce" else 0.0


def _activation(name, params=None):
    if name is None:
        name = "relu"
        if hasattr(params, "modules"):
            known = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "Tanh": "tanh", "Sigmoid": "sigmoid",
                     "Softplus": "softplus", "GELU": "gelu", "Identity": "identity"}
            found = {known[type(m).__name__] for m in params.modules() if type(m).__name__ in known}
            if len(found) == 1:
                name = found.pop()
            elif found:
                raise Error("several activations: %s; say which with activation=" % ", ".join(sorted(found)))
    if name not in ACTIVATIONS:
        raise Error("activation is one of %s, not %r" % (", ".join(ACTIVATIONS), name))
    return ACTIVATIONS.index(name)


class _Point:
    """Net, data and loss at the parameters: what gradient, curvature and predictions are taken at."""

    def __init__(self, params, X, y, loss="ce", activation=None, slope=0.01):
        self.net = net = _Net(params)
        self.X = _numpy(X).reshape(len(X), -1)
        if self.X.shape[1] != net.widths[0]:
            raise Error("X has %d columns, the net %d inputs" % (self.X.shape[1], net.widths[0]))
        self.y, self.T = _labels(y, len(self.X), net.widths[-1])
        self.handle = ctypes.c_void_p(_lib().pc_point(
            *net.shape(), ctypes.c_int(_activation(activation, params)), _real(slope), _p(net.theta),
            _size(len(self.X)), _p(self.X), _p(self.y), _p(self.T), _real(_blend(loss))))
        if not self.handle:
            raise Error(_lib().pc_error().decode())

    def __enter__(self):
        return self.handle

    def __exit__(self, *exception):
        _lib().pc_point_free(self.handle)


# ---- what there is to call -------------------------------------------------------------------------------------

def gradient(params, X, y, loss="ce", activation=None):
    """(loss, {name: gradient}) of mean cross entropy (y [n] labels) or mean squared error over n K entries
    (y [n][K]) on X [n][d]."""
    point = _Point(params, X, y, loss, activation)
    g = np.zeros(point.net.P)
    with point as p:
        value = _lib().pc_gradient(p, _p(g))
    return value, point.net.tree(g)


def hvp(params, X, y, v, loss="ce", activation=None):
    """{name: H v}: the Hessian of the loss times v, a tree of the parameters' names."""
    point = _Point(params, X, y, loss, activation)
    x, out = point.net.flat(v), np.zeros(point.net.P)
    with point as p:
        _lib().pc_hvp(p, _p(x), _p(out))
    return point.net.tree(out)


def eigenvalues(params, X, y, k=5, which="largest", loss="ce", activation=None, tol=0.0):
    """(values [k], bounds [k]) of the Hessian: which is 'largest', 'smallest' or 'both' (k of each). A bound is
    on the distance to the nearest true eigenvalue."""
    if which not in ("largest", "smallest", "both"):
        raise Error("which is 'largest', 'smallest' or 'both', not %r" % (which,))
    point = _Point(params, X, y, loss, activation)
    k = min(k, point.net.P)
    count = min(2 * k, point.net.P) if which == "both" else k
    value, bound, converged = np.full(2 * k, np.nan), np.full(2 * k, np.nan), ctypes.c_int()
    with point as p:
        _check(_lib().pc_lanczos(p, _size(k), ctypes.c_int(["largest", "smallest", "both"].index(which)), _real(tol),
                                 _p(value), _p(bound), ctypes.byref(converged)))
    return value[:count], bound[:count]


def sharpness(params, X, y, loss="ce", activation=None):
    """Measured(value, error): the largest eigenvalue of the Hessian. Gradient descent is stable below the step
    size 2/value."""
    value, bound = eigenvalues(params, X, y, 1, "largest", loss, activation)
    return Measured(float(value[0]), float(bound[0]))


def density(params, X, y, steps=60, probes=10, seed=1, loss="ce", activation=None):
    """(nodes, weights) of the spectral density by Lanczos quadrature; the weights sum to 1."""
    point = _Point(params, X, y, loss, activation)
    room = (steps or 60) * (probes or 10)
    node, weight, count = np.zeros(room), np.zeros(room), ctypes.c_size_t()
    with point as p:
        _check(_lib().pc_density(p, _size(steps), _size(probes), _size(seed), _p(node), _p(weight),
                                 ctypes.byref(count)))
    return node[:count.value], weight[:count.value]


def predict_drift(params, X, y, lr, steps, loss="ce", activation=None):
    """Drift of every layer's charge under gradient descent, predicted by the network that is linear in its
    parameters: [L-1], or [len(lr)][L-1] for a list. NaN where the prediction leaves its range (lr above about
    2/sharpness)."""
    point, rates = _Point(params, X, y, loss, activation), np.atleast_1d(lr)
    out = np.full((len(rates), point.net.L - 1), np.nan)
    with point as p:
        for i, eta in enumerate(rates):
            if _lib().pc_predict(p, _real(float(eta)), _size(steps), _p(out[i])) == 0:
                out[i] *= eta * eta
    return out if np.ndim(lr) else out[0]


def charges(params):
    """(layers [L-1], neurons): |W_{l+1}|^2 - |W_l|^2 - |b_l|^2 of every hidden layer, and the same of each
    neuron as a list of L-1 arrays. Gradient flow of a ReLU net keeps them all."""
    net = _Net(params)
    layer, neuron = np.zeros(max(net.L - 1, 1)), np.zeros(max(sum(net.widths[1:-1]), 1))
    _check(_lib().pc_charges(*net.shape(), _p(net.theta), _p(layer), _p(neuron)))
    return layer[:net.L - 1], np.split(neuron[:sum(net.widths[1:-1])], np.cumsum(net.widths[1:-1])[:-1])


Run = collections.namedtuple("Run", "loss charges drift predicted weights steps")


def train(X, y, widths=(32,), lr=0.1, steps=1000, loss="ce", activation="relu", bias=False, optimizer="gd",
          momentum=0.9, l2=0.0, decay=0.0, batch=0, seed=1, params=None):
    """Trains a fully connected net on X [n][d], y [n] labels or [n][K] targets. widths: the hidden layers (not
    used with params, which are the weights to start from). Returns a Run: loss [steps], charges [steps+1][L-1],
    drift [L-1], predicted [L-1] (the optimiser's exact law), weights {name: array}, steps done (fewer if it
    diverged)."""
    X = _numpy(X).reshape(len(X), -1)
    if optimizer not in OPTIMIZERS:
        raise Error("optimizer is one of %s, not %r" % (", ".join(OPTIMIZERS), optimizer))
    if params is None:
        shape = np.shape(y)
        K = shape[1] if len(shape) == 2 else int(np.max(_labels(y, len(X), 0)[0])) + 1
        m = [X.shape[1], *widths, K]
        params = collections.OrderedDict()
        for l in range(len(m) - 1):
            params["layers.%d.weight" % l] = np.zeros((m[l + 1], m[l]))
            if bias:
                params["layers.%d.bias" % l] = np.zeros(m[l + 1])
        draw = 1
    else:
        draw = 0
    net = _Net(params)
    if X.shape[1] != net.widths[0]:
        raise Error("X has %d columns, the net %d inputs" % (X.shape[1], net.widths[0]))
    labels, targets = _labels(y, len(X), net.widths[-1])
    theta, L = net.theta.copy(), net.L
    values, q, qb = np.zeros(steps), np.zeros((steps + 1, L)), np.zeros((steps + 1, L))
    predicted, done = np.zeros(max(L - 1, 1)), ctypes.c_size_t()
    _check(_lib().pc_train(
        *net.shape(), ctypes.c_int(_activation(activation)), _real(0.01), _p(theta), ctypes.c_int(draw), _size(len(X)),
        _p(X), _p(labels), _p(targets), _real(_blend(loss)), _real(lr), _size(steps),
        ctypes.c_int(OPTIMIZERS.index(optimizer)), _real(momentum), _real(l2), _real(decay), _size(batch), _size(seed),
        _p(values), _p(q), _p(qb), _p(predicted), ctypes.byref(done)))
    Q = q[:, 1:] - q[:, :-1] - qb[:, :-1]
    T = done.value
    return Run(values[:T], Q[:T + 1], Q[T] - Q[0], predicted[:L - 1], net.tree(theta), T)


def report(data, out="lab", **options):
    """Trains nets on a table and writes a page about the runs: curves, conservation laws, the edge of stability.
    data: the path of a CSV or .npz file, or (X, y) with X [n][d] and y [n] labels or [n][K] targets. options are
    those of `clb_lab train` (--help), with _ for -: a list is a sweep, True a flag. Prints what the runs show and
    returns the path of the page. Example: report("wine.csv", label="class", lr=[0.03, 0.1], seeds="1..5")"""
    command = [_lab(), "train", "--out", os.fspath(out)]
    with tempfile.TemporaryDirectory() as work:
        if isinstance(data, (str, os.PathLike)):
            path = os.fspath(data)
        else:
            path = os.path.join(work, "data.npz")
            X, y = _numpy(data[0]), np.asarray(data[1])
            np.savez(path, x=X.reshape(len(X), -1), y=y if y.ndim > 1 else y.astype(np.int64))
        command += ["--npz" if path.endswith(".npz") else "--csv", path]
        for name, value in options.items():
            if value is False or value is None:
                continue
            command.append("--" + name.replace("_", "-"))
            if value is not True:
                command.append(value if isinstance(value, str) else
                               ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Error(done.stderr.strip().split("\n")[-1])
    print(done.stdout)
    return os.path.join(os.fspath(out), "LAB.html")


Event = collections.namedtuple("Event", "kind step factor layer neuron")
Layer = collections.namedtuple("Layer", "rate residual excess drift first second broken frozen")


class Audit:
    """What the weights alone tell: method (a name), momentum and decay (Measured; decay is step size times
    lambda), residual, excess (residual over rounding; a law holds below about 1), layers, events, text."""

    def __init__(self, numbers, layers, events, text, method):
        self.method, self.text = method, text
        self.momentum, self.decay = Measured(*numbers[1:3]), Measured(*numbers[3:5])
        self.decoupled, self.bias_decay = bool(numbers[5]), bool(numbers[6])
        self.residual, self.excess = numbers[7], numbers[8]
        self.steps, self.laws = int(numbers[9]), int(numbers[10])
        self.layers = [Layer(*row[:6], int(row[6]), bool(row[7])) for row in layers]
        self.events = [Event(("rate", "gap", "edit")[int(e[0])], int(e[1]), e[2], int(e[3]), int(e[4]))
                       for e in events]

    def __str__(self):
        return self.text

    __repr__ = __str__


class _Auditor:
    """The laws of a run, fed one snapshot at a time."""

    def __init__(self, net, middle=False, neurons=0):
        self.net, self.count = net, 0
        self.handle = ctypes.c_void_p(_lib().pc_auditor(
            *net.shape(), ctypes.c_int(middle), ctypes.c_int(int(net.normalised)), _size(neurons)))
        if not self.handle:
            raise Error(_lib().pc_error().decode())

    def __del__(self):
        if getattr(self, "handle", None):
            _lib().pc_auditor_free(self.handle)

    def add(self, theta, step):
        """(charge, s, d), each [L-1]."""
        out = np.zeros((3, self.net.L - 1))
        _check(_lib().pc_auditor_add(self.handle, _p(theta), _size(step), _p(out[0]), _p(out[1]), _p(out[2])))
        self.count += 1
        return out

    def verdict(self):
        numbers, layers = np.zeros(11), np.zeros((max(self.net.L - 1, 1), 8))
        events, count = np.zeros((self.count + 1, 5)), ctypes.c_size_t()
        text, method = ctypes.create_string_buffer(600), ctypes.create_string_buffer(60)
        _check(_lib().pc_auditor_verdict(self.handle, _p(numbers), _p(layers), _p(events), ctypes.byref(count), text,
                                         method))
        return Audit(numbers, layers[:self.net.L - 1], events[:count.value], text.value.decode(), method.value.decode())


def audit(snapshots, step=None, middle=False):
    """Says from the weights of a run at consecutive steps which method made them. snapshots: three or more params
    in order, each read once; step: their numbers (default 0, 1, 2, ...; gaps are left out); middle: the first is
    not the start of the training. Returns an Audit; print it for the verdict."""
    auditor = None
    for i, snapshot in enumerate(snapshots):
        net = _Net(snapshot)
        auditor = auditor or _Auditor(net, middle)
        if net.widths != auditor.net.widths or net.bias != auditor.net.bias:
            raise Error("snapshot %d has other shapes than the first" % i)
        auditor.add(net.theta, i if step is None else step[i])
    if auditor is None:
        raise Error("no snapshots")
    return auditor.verdict()


class watch:
    """The laws of a PyTorch training while it runs, and the audit at its end:

        with clb.watch(model, every=10) as run:
            ... the loop, as it is: optimizer.step() is seen ...
        print(run.audit)

    every: the first 20 steps are looked at, then three in a row out of every so many (1: all). The weights are not
    stored: what is kept of a look are the terms of the laws of at most `neurons` neurons a layer.
    run.steps [looks] numbers of the looks; run.charges [looks][L-1] q(W, W) of every hidden layer; run.s, run.d
    [looks][L-1] q(W, D) and q(D, D) of the step D that led there, NaN where the step before was not looked at;
    run.now() is the audit so far. The sharpness needs the data: call sharpness(model, X, y) in the loop."""

    def __init__(self, model, every=1, neurons=64):
        self.model, self.every, self.audit = model, max(int(every), 1), None
        self.steps, self._seen, self._t, self._patched = [], [], 0, []
        self._auditor = _Auditor(_Net(model), neurons=neurons)

    def _look(self):
        if self.every < 4 or self._t <= 20 or self._t % self.every < 3:
            self._seen.append(self._auditor.add(self._auditor.net.flat(self.model.state_dict()), self._t))
            self.steps.append(self._t)

    @property
    def charges(self):
        return np.array([x[0] for x in self._seen])

    @property
    def s(self):
        return np.array([x[1] for x in self._seen])

    @property
    def d(self):
        return np.array([x[2] for x in self._seen])

    def now(self):
        """The Audit of the steps so far; three looks at least."""
        return self._auditor.verdict()

    def __enter__(self):
        import torch
        mine = {id(p) for p in self.model.parameters()}

        def wrapped(step):
            def call(optimizer, *args, **more):
                result = step(optimizer, *args, **more)
                if any(id(p) in mine for g in optimizer.param_groups for p in g["params"]):
                    self._t += 1
                    self._look()
                return result
            return call
        classes = [torch.optim.Optimizer]
        for cls in classes:
            classes.extend(cls.__subclasses__())
            if "step" in vars(cls) and cls not in [c for c, _ in self._patched]:
                self._patched.append((cls, cls.step))
        for cls, step in self._patched:
            cls.step = wrapped(step)
        self._look()
        return self

    def __exit__(self, kind, value, trace):
        for cls, step in self._patched:
            cls.step = step
        if kind is None and len(self.steps) >= 3:
            self.audit = self.now()


if __name__ == "__main__":
    print(_lib().pc_info().decode(), "in", os.environ.get("CLB_LIBRARY") or _build(), file=sys.stderr)
