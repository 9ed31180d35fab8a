'use strict';
/* The page: settings in its address, workers that compute, charts that show the step under the playhead.
 * A run is computed ahead as fast as the machine allows and played back, so drawing never waits for it. */

const $ = id => document.getElementById(id);
const IN = { eta: 0, steps: 1, width: 2, layers: 3, loss: 4, activation: 5, optimizer: 6, data: 7, seed: 8, bias: 9,
    looks: 10, paths: 11, depth: 12, gamma: 13, spread: 14, target: 15 };
const ROW = { shape: 0, step: 1, look: 2, end: 3, run: 4, prediction: 5, path: 6, map: 7, phase: 8, thresholds: 9, data: 10 };
const LOOKS = 48, PHASE = { lo: 0.2, hi: 8, count: 79, most: 8 }, SWEEP = { lo: 1e-3, perDecade: 4, count: 14, edge: 5 };
/* eta is kept as its exponent: 10^(eta/20), to three digits. */
const START = { eta: 0, width: 16, layers: 3, loss: 0, activation: 0, optimizer: 0, data: 1, steps: 2000, seed: 42, bias: false,
    gamma: 3, paths: 4, depth: 4, spread: 2 };
const LIMITS = { eta: [-80, 12], steps: [10, 20000], width: [1, 256], layers: [2, 8], loss: [0, 1], activation: [0, 8], optimizer: [0, 3],
    data: [0, 3], seed: [0, 4294967295], gamma: [0.2, 8], paths: [1, 8], depth: [2, 8], spread: [1, 8] };
const stepSize = exponent => Number((10 ** (exponent / 20)).toPrecision(3));

const state = readAddress();
let run = emptyRun(), paths = emptyPaths(), playhead = 0, playing = true, dirty = true, dirtyPaths = true, module = null;

function emptyRun() {
    return { t: [], loss: [], accuracy: [], q: [], C: [], Q: [], law: [], L: 2, P: 0, end: null, looks: [], other: [], sweep: [],
        prediction: [[], [], []], started: {}, idle: {} };
}
function emptyPaths() { return { t: [], r: [], sharp: [], s: [], map: null, thresholds: null, phase: [], outcome: -1 }; }

/* ---- address and controls ------------------------------------------------------------------------ */

function readAddress() {
    const got = { ...START };
    for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
        if (key === 'bias') got.bias = text === '1';
        else if (key in LIMITS && text.trim() !== '' && Number.isFinite(Number(text))) {
            const [lo, hi] = LIMITS[key], value = Math.min(hi, Math.max(lo, Number(text)));
            got[key] = ['gamma', 'spread', 'loss'].includes(key) ? value : Math.round(value);
        }
    }
    return got;
}
function writeAddress() {
    const out = new URLSearchParams();
    for (const key in START) if (state[key] !== START[key]) out.set(key, key === 'bias' ? Number(state.bias) : state[key]);
    history.replaceState(null, '', out.size ? '#' + out : location.pathname + location.search);
}
const PATH_KEYS = ['gamma', 'paths', 'depth', 'spread'];
const controlOf = key => $(key === 'paths' ? 'paths-count' : key);
function showControls() {
    for (const key in START) {
        const control = controlOf(key);
        if (key === 'bias') { control.checked = state.bias; continue; }
        if (control.tagName === 'SELECT' && ![...control.options].some(o => Number(o.value) === state[key]))
            control.add(new Option(state[key], state[key]));
        control.value = state[key];
    }
    const eta = stepSize(state.eta);
    $('eta-out').textContent = plain(eta);
    $('eta').setAttribute('aria-valuetext', 'eta ' + plain(eta));
    $('gamma-out').textContent = state.gamma.toFixed(2);
    $('spread-out').textContent = state.spread.toFixed(1);
    $('phase-name').textContent = state.optimizer === 3 ? 'η λ' : `η λ (edge: ${plain(edgeOf(state.optimizer))})`;
    $('digits-law').innerHTML = state.optimizer === 0 ? 'η² S<sub>l</sub>(t)' : state.optimizer === 3 ? 'sum over steps (Adam has no law)' : 'law of the optimiser';
}
function set(changes) {
    const before = { ...state };
    Object.assign(state, changes);
    const changed = Object.keys(START).filter(key => before[key] !== state[key]);
    if (!changed.length) return;
    writeAddress();
    showControls();
    if (changed.some(key => PATH_KEYS.includes(key))) startPaths(changed.some(key => key === 'depth' || key === 'spread'));
    if (changed.some(key => !PATH_KEYS.includes(key))) soon('run', startRun);
}
const timers = {};
function soon(name, action) { clearTimeout(timers[name]); timers[name] = setTimeout(action, 120); }

/* ---- workers --------------------------------------------------------------------------------------- */

const workers = {};
let workerAddress = '';
function inputs(over) {
    const v = new Array(16).fill(0);
    for (const key in IN) if (key in state) v[IN[key]] = Number(state[key]);
    v[IN.eta] = stepSize(state.eta);
    v[IN.looks] = LOOKS;
    v[IN.target] = 1;
    for (const key in over) v[IN[key]] = over[key];
    return v;
}
function work(name, jobs, receive) {
    if (workers[name]) workers[name].terminate();
    const worker = workers[name] = new Worker(workerAddress);
    worker.onmessage = event => { if (workers[name] === worker) { receive(event.data); dirty = true; } };
    worker.onerror = event => { event.preventDefault(); say('The computation stopped: ' + (event.message || 'out of memory') + '.'); };
    worker.postMessage({ module, inputs: inputs(), jobs });
}
function rowsOf({ width, data }) {
    const rows = [];
    for (let i = 0; i < data.length; i += width) rows.push(data.subarray(i, i + width));
    return rows;
}
function startRun() {
    const mine = run = emptyRun();
    playhead = 0;
    mine.L = state.layers;
    say('Training.');
    work('run', [['inputs'], ['page_train']], message => receiveRun(mine, message));
    work('look', [['inputs'], ['page_look_along']], message => receiveLook(mine, mine.looks, message));
    for (const name of ['sweep', 'entropy']) if (workers[name]) workers[name].terminate();
    startSeen();
}
/* Large steps first: they are the interesting ones. Predictions are of plain descent. */
function jobsOfSweep() {
    const top = SWEEP.lo * 10 ** ((SWEEP.count - 1) / SWEEP.perDecade), list = [];
    for (let k = 0; k < SWEEP.count; ++k) list.push(top * 10 ** (-k / SWEEP.perDecade));
    const jobs = list.map(eta => ['page_run_at', eta]);
    if (state.optimizer === 0) jobs.push(['page_predict_formula', SWEEP.lo, SWEEP.perDecade, SWEEP.count], ...list.map(eta => ['page_predict_linearised', eta]));
    if (state.optimizer !== 3) jobs.push(...list.slice(0, SWEEP.edge).map(eta => ['page_predict_edge', eta]));
    return jobs;
}
const jobsOfRun = () => [['page_train'], ['page_look_along'], ...jobsOfSweep()];
const jobsOfPaths = () => [['page_paths'], ['page_return_map'], ['page_phase', PHASE.lo, PHASE.hi, PHASE.count, PHASE.most]];
/* The longer computations of chapters 2 and 4 begin when the reader comes near them. */
function startSeen() {
    const mine = run;
    if (onScreen['chart-sweep'] !== false && !mine.started.sweep) {
        mine.started.sweep = true;
        work('sweep', [['inputs'], ...jobsOfSweep(), ['idle']], message => {
            if (message.done) { if (message.done === 'idle') mine.idle.sweep = true; return; }
            for (const row of rowsOf(message)) {
                if (message.kind === ROW.run) mine.sweep.push({ eta: row[0], status: row[1], drift: row[2], loss: row[3] });
                else if (message.kind === ROW.prediction) mine.prediction[row[0]].push({ eta: row[1], drift: row[2] });
            }
        });
    }
    if (onScreen['chart-entropy'] !== false && !mine.started.entropy) {
        mine.started.entropy = true;
        work('entropy', [['inputs'], ['set', IN.loss, state.loss > 0.5 ? 0 : 1], ['page_look_along'], ['idle']], message => {
            if (message.done === 'idle') mine.idle.entropy = true;
            receiveLook(mine, mine.other, message);
        });
    }
}
function receiveLook(mine, list, message) {
    if (message.done) return;
    for (const row of rowsOf(message)) {
        if (message.kind === ROW.shape) mine.P = row[0];
        else if (message.kind === ROW.look) list.push({ t: row[0], loss: row[1], max: row[2], min: row[3], pairs: row.subarray(4) });
    }
}
function receiveRun(mine, message) {
    if (message.version) $('version').textContent = message.version;
    if (message.done) return;
    for (const row of rowsOf(message)) {
        if (message.kind === ROW.shape) [mine.P, mine.n, mine.L] = row;
        else if (message.kind === ROW.step) {
            const L = mine.L;
            mine.t.push(row[0]); mine.loss.push(row[1]); mine.accuracy.push(row[2]);
            mine.q.push(row.subarray(3, 3 + L)); mine.C.push(row.subarray(3 + L, 2 + 2 * L));
            mine.Q.push(row.subarray(2 + 2 * L, 1 + 3 * L)); mine.law.push(row.subarray(1 + 3 * L, 4 * L));
        } else if (message.kind === ROW.end) {
            mine.end = Array.from(row);
            say(row[0] === 0 ? `Trained: ${row[1]} steps, ${mine.P} parameters.`
                : row[0] === 1 ? `Diverged at step ${row[1]}: this step size is too large.` : 'This run could not be made (memory).');
        }
    }
}
function startPaths(phase) {
    const mine = phase || !paths.phase.length ? emptyPaths() : { ...emptyPaths(), phase: paths.phase };
    paths = mine;
    if (mine.phase.length < PHASE.most) mine.phase = [];
    const jobs = [['inputs'], ...jobsOfPaths().slice(0, mine.phase.length ? 2 : 3)];
    dirtyPaths = true;
    work('paths', jobs, message => {
        dirtyPaths = true;
        if (message.done) return;
        for (const row of rowsOf(message)) {
            if (message.kind === ROW.path) { mine.t.push(row[0]); mine.r.push(row[1]); mine.sharp.push(row[2]); mine.s.push(row.subarray(3)); }
            else if (message.kind === ROW.end) mine.outcome = row[1];
            else if (message.kind === ROW.map) mine.map = row;
            else if (message.kind === ROW.thresholds) mine.thresholds = row;
            else if (message.kind === ROW.phase) mine.phase.push(row);
        }
    });
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

const superscript = text => text.replace(/[-0-9]/g, c => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]);
function plain(x, digits = 3) {
    if (x === undefined || Number.isNaN(x)) return '–';
    if (x === 0) return '0';
    if (!Number.isFinite(x)) return '∞';
    const size = Math.abs(x);
    if (size >= 1e-3 && size < 1e5) return String(Number(x.toPrecision(digits))).replace('-', '−');
    const [mantissa, exponent] = x.toExponential(digits - 1).split('e');
    return mantissa.replace('-', '−') + '·10' + superscript(String(Number(exponent)));
}
const say = text => { if ($('status').textContent !== text) $('status').textContent = text; };
const escape = text => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;');

/* ---- charts ------------------------------------------------------------------------------------------ */

function ticks(axis, room) {
    const { min, max, log } = axis, out = [];
    if (axis.ticks) return axis.ticks;
    if (log) {
        const lo = Math.ceil(Math.log10(min) - 1e-9), hi = Math.floor(Math.log10(max) + 1e-9), stride = Math.max(1, Math.ceil((hi - lo + 1) / room));
        for (let k = lo; k <= hi; k += stride) out.push({ at: 10 ** k, text: k >= -2 && k <= 3 ? plain(10 ** k) : '10' + superscript(String(k)) });
        if (out.length > 1) return out;
        out.length = 0;
    }
    const raw = (max - min) / Math.max(1, room), unit = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].find(f => f * unit >= raw * 0.999) * unit;
    for (let v = Math.ceil(min / step - 1e-9) * step; v <= max + step * 1e-9; v += step) out.push({ at: v, text: plain(Math.abs(v) < step / 1e6 ? 0 : v) });
    return out;
}
const limited = (lo, hi) => lo < hi ? [lo, hi] : [lo - Math.abs(lo) * 0.1 - 1e-12, hi + Math.abs(hi) * 0.1 + 1e-12];
function span(series, pick) {
    let lo = Infinity, hi = -Infinity;
    for (const values of series) for (const v of values) if (Number.isFinite(v) && pick(v)) { if (v < lo) lo = v; if (v > hi) hi = v; }
    return lo <= hi ? [lo, hi] : null;
}
const onScreen = {}, sizes = {}, shownSvg = {};
/* All sizes are read before anything is drawn: reading one afterwards would lay out the page again. */
function measure() {
    for (const box of document.querySelectorAll('.chart')) sizes[box.id] = [Math.max(200, box.clientWidth), Math.max(90, box.clientHeight)];
}
/* One chart as SVG. Series are lines over x and y arrays, dots are points, marks are lines across with a
 * label; cells fill rectangles. Lines with more points than pixels keep the extremes of every pixel. */
function chart(id, { x, y, series = [], dots = [], marks = [], cells = [], bars = [], cursor, title, pick }) {
    const box = $(id);
    if (onScreen[id] === false) return;
    const [W, H] = sizes[id], left = 54, right = 14, top = 22, bottom = 38;
    const scale = (axis, from, to) => {
        const f = axis.log ? Math.log10 : axis.map || (v => v), lo = f(axis.min), hi = f(axis.max);
        return v => from + (to - from) * (f(v) - lo) / (hi - lo || 1);
    };
    const X = scale(x, left, W - right), Y = scale(y, H - bottom, top), n = v => v.toFixed(1), parts = [];
    for (const tick of ticks(y, Math.max(2, Math.floor(H / 55))))
        parts.push(`<path class="grid" d="M${left} ${n(Y(tick.at))}H${W - right}"/><text x="${left - 7}" y="${n(Y(tick.at) + 4)}" text-anchor="end">${tick.text}</text>`);
    for (const tick of ticks(x, Math.max(2, Math.floor(W / 90))))
        parts.push(`<path class="axis" d="M${n(X(tick.at))} ${H - bottom}v4"/><text x="${n(X(tick.at))}" y="${H - bottom + 17}" text-anchor="middle">${tick.text}</text>`);
    parts.push(`<path class="axis" d="M${left} ${H - bottom}H${W - right}"/>`,
        `<text class="title" x="${W - right}" y="${H - 4}" text-anchor="end">${escape(x.label)}</text>`,
        `<text class="title" x="4" y="12">${escape(y.label)}</text>`, `<clipPath id="${id}-clip"><rect x="${left}" y="${top - 4}" width="${W - left - right}" height="${H - top - bottom + 8}"/></clipPath><g clip-path="url(#${id}-clip)">`);
    for (const c of cells) parts.push(`<rect class="${c.cls}" x="${n(X(c.x0))}" y="${n(Y(c.y1))}" width="${n(X(c.x1) - X(c.x0) + 0.5)}" height="${n(Y(c.y0) - Y(c.y1) - 1)}"/>`);
    for (const b of bars) parts.push(`<rect class="${b.cls}" x="${n(X(b.x0) + 0.5)}" y="${n(Y(b.y))}" width="${n(Math.max(1, X(b.x1) - X(b.x0) - 1))}" height="${n(Y(y.min) - Y(b.y))}"/>`);
    for (const m of marks) parts.push(m.x !== undefined ? `<path class="mark" d="M${n(X(m.x))} ${top}V${H - bottom}"/>` : `<path class="mark" d="M${left} ${n(Y(m.y))}H${W - right}"/>`);
    for (const s of series) parts.push(`<path class="s ${s.cls}" d="${lineOf(s, X, Y, y.log)}"/>`);
    if (cursor !== undefined) parts.push(`<path class="mark" d="M${n(X(cursor))} ${top}V${H - bottom}"/>`);
    for (const d of dots) if (Number.isFinite(Y(d.y))) parts.push(d.cross ? `<path class="s ${d.cls}" d="M${n(X(d.x) - 4)} ${top + 2}l8 8m0 -8l-8 8"/>`
        : `<circle class="${d.cls}" cx="${n(X(d.x))}" cy="${n(Y(d.y))}" r="${d.r || 4}"/>`);
    parts.push('</g>');
    for (const m of marks) if (m.label) parts.push(m.x !== undefined ? `<text class="label" x="${n(Math.min(X(m.x) + 5, W - right - 60))}" y="${top + 10 + (m.row || 0) * 14}">${m.label}</text>`
        : `<text class="label" x="${left + 6}" y="${n(Y(m.y) - 5)}">${m.label}</text>`);
    parts.push(...endLabels(series, X, Y, { left, right: W - right, top, bottom: H - bottom }));
    if (!series.some(s => s.y.length) && !dots.length && !cells.length && !bars.length) parts.push(`<text class="wait" x="${(W + left) / 2}" y="${H / 2}" text-anchor="middle">computing</text>`);
    const svg = `<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${escape(title).replace(/"/g, '&quot;')}">${parts.join('')}</svg>`;
    if (svg !== shownSvg[id]) box.innerHTML = shownSvg[id] = svg;
    box.pick = pick && ((px, py) => pick(inverse(x, left, W - right, px), inverse(y, H - bottom, top, py)));
}
/* Names of the lines at their last points, moved apart where they would overlap. */
function endLabels(series, X, Y, box) {
    const gap = 14, labels = [];
    for (const s of series) {
        let at = s.y.length - 1;
        while (at > 0 && !Number.isFinite(Y(s.y[at]))) --at;
        if (s.label && at >= 0) labels.push({ s, x: Math.min(box.right - 4, Math.max(box.left + 30, X(s.x[at]))), y: Math.min(box.bottom - 4, Math.max(box.top + 8, Y(s.y[at]) - 6)) });
    }
    labels.sort((a, b) => a.y - b.y);
    for (let i = 1; i < labels.length; ++i) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + gap);
    for (let i = labels.length - 1, floor = box.bottom - 4; i >= 0; --i, floor = labels[i + 1].y - gap) labels[i].y = Math.min(labels[i].y, floor);
    return labels.map(({ s, x, y }) => `<text class="label ${s.cls.replace(/s(\d).*/, 'f$1')}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="end">${s.label}</text>`);
}
function inverse(axis, from, to, pixel) {
    const part = Math.min(1, Math.max(0, (pixel - from) / (to - from)));
    return axis.log ? 10 ** (Math.log10(axis.min) + part * Math.log10(axis.max / axis.min)) : axis.min + part * (axis.max - axis.min);
}
function lineOf({ x, y }, X, Y, log) {
    let d = '', pen = false, column = NaN, lo, hi, last;
    const count = x.length, close = () => { if (lo !== hi) d += `L${last} ${lo.toFixed(1)}L${last} ${hi.toFixed(1)}`; };
    for (let i = 0; i < count; ++i) {
        const px = X(x[i]), py = log && !(y[i] > 0) ? NaN : Y(y[i]);
        if (!Number.isFinite(py) || !Number.isFinite(px)) { pen = false; continue; }
        const clipped = Math.max(-1e4, Math.min(1e4, py));
        if (count > 800 && pen && Math.floor(px) === column) { lo = Math.min(lo, clipped); hi = Math.max(hi, clipped); continue; }
        if (count > 800 && pen) close();
        d += `${pen ? 'L' : 'M'}${px.toFixed(1)} ${clipped.toFixed(1)}`;
        pen = true; column = Math.floor(px); lo = hi = clipped; last = px.toFixed(1);
    }
    return d;
}
const shown = () => Math.min(run.t.length, Math.floor(playhead) + 1);
const timeAxis = () => ({ min: 0, max: state.steps, label: 'step t' });
const toTime = t => { playhead = Math.max(0, Math.min(t, run.t.length - 1)); pause(); dirty = true; };
const column = (rows, l, count) => { const out = new Array(count); for (let i = 0; i < count; ++i) out[i] = rows[i][l]; return out; };
const change = (rows, l, count) => { const out = new Array(count), first = rows.length ? rows[0][l] : 0; for (let i = 0; i < count; ++i) out[i] = rows[i][l] - first; return out; };

function drawLoss() {
    const count = shown(), y = run.loss.slice(0, count), range = span([run.loss], v => v > 0) || [0.01, 1];
    chart('chart-loss', { x: timeAxis(), y: { min: range[0] / 1.3, max: range[1] * 1.3, log: true, label: state.loss === 1 ? 'loss (nats)' : 'loss' },
        series: [{ x: run.t.slice(0, count), y, cls: 's1' }], title: `Loss against step, now ${plain(y[count - 1])}`, pick: toTime });
}
function drawLaw() {
    const count = shown(), t = run.t.slice(0, count), series = [], all = [];
    for (let l = 0; l < run.L; ++l) { series.push({ x: t, y: change(run.q, l, count), cls: `s${l % 5 + 2} thin`, label: `‖W<tspan dy="3" font-size="9">${l + 1}</tspan><tspan dy="-3">‖²</tspan>` }); all.push(change(run.q, l, run.t.length)); }
    for (let l = 0; l < run.L - 1; ++l) { series.push({ x: t, y: change(run.C, l, count), cls: 's1', label: `C<tspan dy="3" font-size="9">${l + 1}</tspan>` }); all.push(change(run.C, l, run.t.length)); }
    const [lo, hi] = limited(...(span(all, () => true) || [-1, 1])), pad = 0.12 * (hi - lo);
    chart('chart-law', { x: timeAxis(), y: { min: Math.min(lo, 0) - pad, max: Math.max(hi, 0) + pad, label: 'change since t = 0' }, series,
        title: `Changes of squared weight norms and of C. Change of C 1 now: ${plain(count ? run.C[count - 1][0] - run.C[0][0] : NaN)}`, pick: toTime });
}
function drawSweep() {
    const mark = run.looks.length ? 2 / run.looks[0].max : 0, drifts = run.sweep.map(p => p.drift), last = SWEEP.lo * 10 ** ((SWEEP.count - 1) / SWEEP.perDecade);
    const predicted = run.prediction.map(list => list.slice().sort((a, b) => a.eta - b.eta));
    const range = span([drifts, predicted[1].map(p => p.drift)], v => v > 0 && v < 1e4) || [1e-5, 1];
    const lines = predicted.map((list, k) => ({ x: list.map(p => p.eta), y: list.map(p => p.drift), cls: ['s2', 's3 dash', 's4 dots'][k] }));
    $('key-edge').hidden = !predicted[2].length;
    chart('chart-sweep', { x: { min: SWEEP.lo / 1.2, max: last * 1.2, log: true, label: 'step size η' },
        y: { min: range[0] / 2, max: Math.max(range[1] * 2, range[0] * 10), log: true, label: 'drift after T steps, Σ|ΔC|' }, series: lines,
        dots: run.sweep.map(p => p.status ? { x: p.eta, y: range[1], cls: 's1', cross: true } : { x: p.eta, y: p.drift, cls: 'f1' })
            .concat(run.end && run.end[0] === 0 ? [{ x: stepSize(state.eta), y: lawDrift(), cls: 'ring', r: 7 }] : []),
        marks: mark > SWEEP.lo && mark < last ? [{ x: mark, label: '2/λ(0)' }] : [],
        title: `Drift against step size, ${run.sweep.length} of ${SWEEP.count} runs done`, pick: eta => set({ eta: Math.max(-80, Math.min(12, Math.round(20 * Math.log10(eta)))) }) });
}
function lawDrift() { let sum = 0; for (let i = 2; i < run.end.length; i += 2) sum += Math.abs(run.end[i]); return sum; }
function drawEdge() {
    const t = run.looks.map(k => k.t).filter(v => v <= playhead + 0.5), y = run.looks.slice(0, t.length).map(k => k.max), factor = edgeOf(state.optimizer), edge = factor / stepSize(state.eta);
    const range = span([run.looks.map(k => k.max)], v => v > 0) || [1, 10], near = edge < 30 * range[1];
    chart('chart-edge', { x: timeAxis(), y: { min: Math.min(range[0], near ? edge : range[0]) / 1.5, max: Math.max(range[1], near ? edge : 0) * 1.5, log: true, label: 'sharpness λ, largest eigenvalue of the Hessian' },
        series: [{ x: t, y, cls: 's1' }], dots: t.map((v, i) => ({ x: v, y: y[i], cls: 'f1', r: 2.5 })), marks: near ? [{ y: edge, label: `${plain(factor)}/η = ${plain(edge)}` }] : [],
        title: `Sharpness ${plain(y[y.length - 1])} against the edge ${plain(edge)}`, pick: toTime });
}
function drawSpectrum() {
    const eta = stepSize(state.eta), edge = edgeOf(state.optimizer), map = v => Math.asinh(v * 200), look = lookNow(run.looks);
    let top = 0.1, low = -0.01;
    for (const k of run.looks) { top = Math.max(top, eta * k.max); low = Math.min(low, eta * k.min); }
    top = Math.max(1.2 * (edge || 2), Math.min(top * 1.3, 50)); low *= 1.3;
    const bars = [], bins = 70, counts = new Array(bins).fill(0), from = map(low), to = map(top);
    if (look) for (let i = 0; i < look.pairs.length; i += 2) {
        const b = Math.floor(bins * (map(eta * look.pairs[i]) - from) / (to - from));
        counts[Math.max(0, Math.min(bins - 1, b))] += look.pairs[i + 1] * run.P;
    }
    const back = b => Math.sinh(from + (to - from) * b / bins) / 200;
    counts.forEach((count, b) => { if (count > 1e-3) bars.push({ x0: back(b), x1: back(b + 1), y: Math.log10(1 + 10 * count), cls: back(b) >= edge ? 'f2' : back(b + 1) <= 0 ? 'f4' : 'f1' }); });
    $('spectrum-caption').textContent = (run.P <= 450 ? `All ${run.P} eigenvalues` : `The ${run.P} eigenvalues, as a density by Lanczos quadrature`) + ' of the Hessian at the step shown, times η. Right of the edge a step overshoots and grows.';
    const at = [-1, -0.1, -0.01, 0, 0.01, 0.1, 1, 2, 10].filter(v => v >= low && v <= top);
    chart('chart-spectrum', { x: { min: low, max: top, map, label: 'η λ (scale: asinh)', ticks: at.map(v => ({ at: v, text: plain(v) })) },
        y: { min: 0, max: Math.log10(1 + 10 * Math.max(run.P, 10)), label: 'number of eigenvalues', ticks: [1, 10, 100, 1000, 10000].filter(v => v <= 1.2 * Math.max(run.P, 10)).map(v => ({ at: Math.log10(1 + 10 * v), text: plain(v) })) },
        bars, marks: edge ? [{ x: edge, label: 'edge' }] : [], title: look ? `Spectrum at step ${look.t}: from ${plain(eta * look.min)} to ${plain(eta * look.max)} times one over eta` : 'Spectrum' });
}
function drawEntropy() {
    const relative = list => ({ x: list.map(k => k.t), y: list.map(k => k.max / list[0].max) }), mine = relative(run.looks), other = relative(run.other), cross = state.loss > 0.5;
    const range = span([mine.y, other.y], v => v > 0) || [0.1, 10];
    const name = ce => ce ? 'cross entropy' : 'mean squares';
    chart('chart-entropy', { x: timeAxis(), y: { min: Math.min(range[0], 0.5) / 1.3, max: Math.max(range[1], 2) * 1.3, log: true, label: 'λ(t) / λ(0)' },
        series: [{ ...mine, cls: cross ? 's3 dash' : 's1', label: state.loss === 0.5 ? 'half and half' : name(cross) }, { ...other, cls: cross ? 's1' : 's3 dash', label: name(!cross) }],
        marks: [{ y: 1 }], cursor: playhead, title: `Sharpness relative to its start: ${plain(mine.y[mine.y.length - 1])} and, with ${name(!cross)}, ${plain(other.y[other.y.length - 1])}`, pick: toTime });
}
/* eta lambda at which the optimiser becomes unstable along a direction; Adam's depends on its history. */
const edgeOf = optimizer => [2, 3.8, 3.8 / 2.8, NaN][optimizer];
const lookNow = looks => { let found = looks[0]; for (const look of looks) if (look.t <= playhead + 0.5) found = look; return found; };

const OUTCOMES = ['One path holds it all.', 'Shared in part.', 'Shared equally.', 'Shared, and still swinging: a two-cycle.', 'Collapsed to the plateau near zero.', 'A sign flipped.', 'Ran away.'];
function drawPaths() {
    const P = paths.s.length ? paths.s[0].length : 0, series = [{ x: paths.t, y: paths.sharp.map(v => v / 2), cls: 's0 thin', label: 'ηλ / 2' }];
    for (let p = 0; p < P; ++p) series.push({ x: paths.t, y: column(paths.s, p, paths.s.length), cls: `s${p % 6 + 1}`, label: P <= 4 || p === 0 ? `path ${p + 1}` : '' });
    const range = span(series.map(s => s.y), v => Math.abs(v) < 5) || [0, 1];
    chart('chart-paths', { x: { min: 0, max: 600, label: 'step t' }, y: { min: Math.min(0, range[0]), max: Math.max(1.1, Math.min(range[1] * 1.05, 3)), label: 'singular value s of each pathway, s* = 1' }, series,
        marks: [{ y: 1 }], title: `Pathways: ${OUTCOMES[paths.outcome] || ''}` });
    $('paths-caption').textContent = 'Singular value of each pathway; in grey ηλ/2, whose edge is the dashed line. ' + (OUTCOMES[paths.outcome] || '');
    if (paths.map) {
        const x = [], y = [];
        for (let i = 0; i < paths.map.length; i += 2) { x.push(paths.map[i]); y.push(paths.map[i + 1]); }
        const cobweb = { x: [], y: [] };
        let v = 0.3;
        const f = z => z + state.gamma / state.depth * z ** (state.depth - 1) * (1 - z ** state.depth);
        for (let i = 0; i < 40 && Math.abs(v) < 3; ++i) { const w = f(v); cobweb.x.push(v, v); cobweb.y.push(i ? v : 0, w); cobweb.x.push(w); cobweb.y.push(w); v = w; }
        chart('chart-map', { x: { min: 0, max: 1.3, label: 'x now' }, y: { min: Math.min(-0.2, Math.max(-1, span([y], () => true)[0])), max: Math.max(1.3, span([y], () => true)[1]), label: 'x after one step' },
            series: [{ x: [0, 1.3], y: [0, 1.3], cls: 's0 thin dash' }, { ...cobweb, cls: 's5 thin' }, { x, y, cls: 's1' }], marks: [{ y: 0 }],
            title: `Return map at gamma ${state.gamma}; every overshoot returns below ${plain(paths.thresholds ? paths.thresholds[2] : NaN)}` });
    }
    const cells = [], step = (PHASE.hi - PHASE.lo) / (PHASE.count - 1), color = o => `q${Math.min(5, o)}`;
    for (const row of paths.phase) for (let i = 0; i < PHASE.count; ++i)
        cells.push({ x0: PHASE.lo + (i - 0.5) * step, x1: PHASE.lo + (i + 0.5) * step, y0: row[0] - 0.5, y1: row[0] + 0.5, cls: color(row[1 + 2 * i]) });
    chart('chart-phase', { x: { min: PHASE.lo - step / 2, max: PHASE.hi + step / 2, label: 'step size γ' }, y: { min: 0.5, max: PHASE.most + 0.5, label: 'pathways P', ticks: [1, 2, 4, 6, 8].map(v => ({ at: v, text: String(v) })) }, cells,
        dots: [{ x: state.gamma, y: state.paths, cls: 'ring', r: 8 }],
        marks: paths.thresholds ? [{ x: 2, label: '2' }, { x: Math.min(PHASE.hi, paths.thresholds[2]), label: 'γ<tspan dy="3" font-size="9">return</tspan>', row: 1 }] : [],
        title: `Outcomes by step size and number of pathways; yours: gamma ${state.gamma}, P ${state.paths}`,
        pick: (gamma, P) => set({ gamma: Math.round(Math.min(8, Math.max(0.2, gamma)) * 20) / 20, paths: Math.max(1, Math.min(8, Math.round(P))) }) });
}
function drawNumbers() {
    const i = shown() - 1, look = lookNow(run.looks), eta = stepSize(state.eta);
    $('out-loss').textContent = plain(run.loss[i], 4);
    $('out-accuracy').textContent = i < 0 ? '–' : plain(100 * run.accuracy[i]) + ' %';
    $('out-sharp').textContent = look ? plain(look.max) : '–';
    $('out-phase').textContent = look ? plain(eta * look.max) : '–';
    $('time').max = state.steps;
    $('time').value = Math.max(0, i);
    $('time-out').textContent = i < 0 ? '0' : `${run.t[i]} of ${state.steps}`;
    if (i < 0) return;
    const rows = [];
    for (let l = 0; l < run.L - 1; ++l) {
        const drift = run.Q[i][l] - run.Q[0][l], law = run.law[i][l];
        const a = digits(drift), b = digits(law);
        let same = 0;
        while (same < a.length && same < b.length && a[same] === b[same]) ++same;
        const both = a === '–' || b === '–' ? 0 : same;
        rows.push(`<tr><td>${l + 1}</td><td><span class="same">${a.slice(0, both)}</span>${a.slice(both)}</td><td><span class="same">${b.slice(0, both)}</span>${b.slice(both)}</td><td>${plain(drift - law, 2)}</td></tr>`);
    }
    $('digits').tBodies[0].innerHTML = rows.join('');
}
const digits = x => Number.isNaN(x) || x === undefined ? '–' : (x < 0 ? '−' : '+') + Math.abs(x).toExponential(14);
function draw() {
    measure();
    drawNumbers();
    drawLoss(); drawLaw(); drawSweep(); drawEdge(); drawSpectrum(); drawEntropy();
    if (dirtyPaths) { dirtyPaths = false; drawPaths(); }
}

/* ---- time ---------------------------------------------------------------------------------------------- */

let before = 0;
const drawn = { at: 0, took: 0 };
function pause() { playing = false; $('play').textContent = 'Play'; }
function play() {
    if (run.end && playhead >= run.t.length - 1) playhead = 0;
    playing = true;
    $('play').textContent = 'Pause';
}
function frame(now) {
    const passed = Math.min(0.1, (now - before) / 1000);
    before = now;
    if (playing && run.t.length) {
        /* 8 seconds for a whole run at speed 1 */
        const next = Math.min(run.t.length - 1, playhead + passed * Number($('speed').value) * state.steps / 8);
        if (Math.floor(next) !== Math.floor(playhead)) dirty = true;
        playhead = next;
        if (run.end && playhead >= run.t.length - 1) pause();
    }
    /* Drawing takes at most half of the time: on a slow machine more steps go into a frame. */
    if (dirty && now - drawn.at >= 2 * drawn.took) {
        dirty = false;
        draw();
        drawn.at = now;
        drawn.took = performance.now() - now;
    }
    requestAnimationFrame(frame);
}
/* ---- copies ---------------------------------------------------------------------------------------------- */

const NAMES = { activation: ['CLB_RELU', 'CLB_IDENTITY', 'CLB_LEAKY_RELU', 'CLB_RELU_MIX', 'CLB_RELU_POWER', 'CLB_TANH', 'CLB_SIGMOID', 'CLB_SOFTPLUS', 'CLB_GELU'],
    optimizer: ['CLB_GD', 'CLB_HEAVY_BALL', 'CLB_NESTEROV', 'CLB_ADAM'] };
function programC() {
    const s = state, kind = s.data, d = kind === 3 ? 2 : kind === 2 ? 10 : 20, K = kind >= 2 ? 2 : 5;
    const widths = [d, ...new Array(s.layers - 1).fill(s.width), K];
    const parameter = s.activation === 4 ? '    net_opts.param = 2;\n' : s.activation === 2 ? '    net_opts.param = 0.1;\n' : '';
    const data = kind === 3 ? 'clb_data_xor(&data, &rng, 200)' : kind === 2 ? 'clb_data_spheres(&data, &rng, 200, 10, 1.0, 2.0)' : `clb_data_mixture(&data, &rng, 200, 20, 5, ${kind ? '0.5' : '2.0'})`;
    return `#define CLB_NO_FMA            /* the arithmetic of the page; leave it out for the library's own */
#define CLB_IMPLEMENTATION
#include "clb.h"
int main(void)                /* cc -O2 -o run run.c -lm && ./run */
{
    size_t widths[] = { ${widths.join(', ')} }, l;
    clb_rng rng;  clb_net net;  clb_data data;  clb_trace trace;
    clb_net_opts net_opts = CLB_ZERO;
    clb_train_opts opts = CLB_ZERO;
    net_opts.activation = ${NAMES.activation[s.activation]};
${parameter}    net_opts.bias = ${s.bias ? -1 : 0};
    opts.ce = ${s.loss};
    opts.optimizer = ${NAMES.optimizer[s.optimizer]};
    clb_rng_seed(&rng, ${s.seed});
    if (clb_net_init(&net, widths, ${s.layers + 1}, &net_opts, &rng)) return 1;
    if (${data}) return 1;
    if (clb_train(&net, &data, ${stepSize(s.eta)}, ${s.steps}, &opts, &trace)) return 1;
    printf("loss  %.17g -> %.17g\\n", trace.loss[0], trace.loss[trace.steps]);
    for (l = 1; l < net.L; ++l)
        printf("C_%d drift %.17g, by the law %.17g\\n", (int)l, clb_trace_law_drift(&trace, l), trace.predicted[l - 1]);
    clb_trace_free(&trace);  clb_data_free(&data);  clb_net_free(&net);
    return 0;
}
`;
}
/* The library's own arithmetic has fused multiply-adds, so the last digits differ from the page's. */
function commandLab() {
    const s = state, activation = ['relu', 'identity', 'leaky', '', '', 'tanh', 'sigmoid', 'softplus', 'gelu'][s.activation];
    if (!activation || s.loss === 0.5 || s.activation === 2) return '';
    return `clb_lab train --csv clb_data.csv --raw --validate 0 --widths ${new Array(s.layers - 1).fill(s.width).join(',')} --activation ${activation}`
        + ` --loss ${s.loss ? 'ce' : 'mse'} --optimizer ${['gd', 'heavy-ball', 'nesterov', 'adam'][s.optimizer]} --lr ${stepSize(s.eta)} --steps ${s.steps} --seeds ${s.seed}${s.bias ? ' --bias' : ''}\n`;
}
function dataFile(use) {
    const lines = [];
    work('data', [['inputs'], ['page_data']], message => {
        if (!message.done) for (const row of rowsOf(message)) lines.push(Array.from(row).join(','));
        else use(lines.join('\n') + '\n');
    });
}
function save(text, name) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
    link.download = name;
    link.click();
    say(name + ' saved: the 200 points, label last.');
}
async function copy(text, what) {
    try { await navigator.clipboard.writeText(text); say(what + ' copied.'); }
    catch {
        const area = document.createElement('textarea');
        area.value = text;
        area.setAttribute('aria-label', what);
        document.body.append(area);
        area.select();
        const done = document.execCommand('copy');
        area.remove();
        say(done ? what + ' copied.' : 'The browser does not let a page copy from a file.');
    }
}

/* ---- beginning -------------------------------------------------------------------------------------------- */

function listen() {
    for (const key in START) {
        const control = controlOf(key);
        control.addEventListener(control.type === 'range' ? 'input' : 'change', () => {
            if (key === 'bias') return set({ bias: control.checked });
            const [lo, hi] = LIMITS[key], value = Number(control.value);
            if (control.value !== '' && Number.isFinite(value)) set({ [key]: Math.min(hi, Math.max(lo, value)) });
            showControls();
        });
    }
    $('controls').addEventListener('submit', event => event.preventDefault());
    $('path-controls').addEventListener('submit', event => event.preventDefault());
    $('play').onclick = () => playing ? pause() : play();
    $('step').onclick = () => { toTime(Math.floor(playhead) + 1); };
    $('reset').onclick = () => { playhead = 0; startRun(); play(); };
    $('time').oninput = () => toTime(Number($('time').value));
    $('copy-c').onclick = () => copy(programC(), 'C program');
    $('copy-lab').onclick = () => commandLab() ? copy(commandLab(), 'Command') : say('clb_lab has no such loss or activation; the C program has.');
    $('save-data').onclick = () => dataFile(text => save(text, 'clb_data.csv'));
    $('copy-link').onclick = () => { writeAddress(); copy(location.href, 'Link'); };
    for (const button of document.querySelectorAll('[data-set]')) button.onclick = () => { set(JSON.parse(button.dataset.set)); play(); };
    for (const button of document.querySelectorAll('[data-reset]')) button.onclick = () => { set({ ...START, gamma: state.gamma, paths: state.paths, depth: state.depth, spread: state.spread }); play(); };
    addEventListener('keydown', event => {
        if (event.target.closest('input, select, button, textarea, summary, a') || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === ' ') { event.preventDefault(); $('play').click(); }
        if (event.key === 'ArrowRight') $('step').click();
    });
    for (const box of document.querySelectorAll('.chart')) box.addEventListener('click', event => {
        const at = box.getBoundingClientRect();
        if (box.pick) box.pick(event.clientX - at.left, event.clientY - at.top);
    });
    addEventListener('hashchange', () => { const got = readAddress(); set(got); });
    addEventListener('resize', () => { dirty = dirtyPaths = true; });
    addEventListener('beforeprint', () => { for (const id in onScreen) onScreen[id] = true; dirtyPaths = true; draw(); });
    if ('IntersectionObserver' in window) {
        const watch = new IntersectionObserver(entries => {
            for (const entry of entries) onScreen[entry.target.id] = entry.isIntersecting;
            if (module) startSeen();
            dirty = dirtyPaths = true;
        }, { rootMargin: '200px' });
        for (const box of document.querySelectorAll('.chart')) watch.observe(box);
    }
}
const bytesOf = id => Uint8Array.from(atob($(id).textContent.trim()), c => c.charCodeAt(0));
/* The machine with vectors of 128 bits where the browser has them, else the scalar one: the same bits, more slowly. */
async function compileMachine() {
    if (window.DecompressionStream) {
        const packed = new Blob([bytesOf('machine-vectors')]).stream().pipeThrough(new DecompressionStream('gzip'));
        const bytes = await new Response(packed).arrayBuffer();
        if (WebAssembly.validate(bytes)) return WebAssembly.compile(bytes);
    }
    return WebAssembly.compile(bytesOf('machine'));
}
async function begin() {
    if (matchMedia('(max-width: 60rem)').matches) $('settings').open = false;
    showControls();
    listen();
    try {
        module = await compileMachine();
        workerAddress = URL.createObjectURL(new Blob([$('worker-source').textContent], { type: 'text/javascript' }));
    } catch (error) {
        say('This browser cannot run the page: ' + error.message);
        return;
    }
    startRun();
    startPaths(true);
    requestAnimationFrame(frame);
}
begin();
