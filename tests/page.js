'use strict';
/* The page in a real browser. node tests/page.js PAGE NATIVE CHROMIUM CC   (tests/t_page.sh builds and calls) */
const { execFileSync } = require('child_process');
const fs = require('fs'), os = require('os'), path = require('path');
const { open } = require('./browser.js');
const [page, native, chromium, cc, lab] = process.argv.slice(2);
const PATIENCE = 600;                 /* seconds after which a page that computes counts as stuck */
const url = hash => 'file://' + path.resolve(page) + hash;
let passed = 0, failed = 0;
function check(what, condition, detail = '') {
    if (condition) ++passed;
    else { ++failed; console.log('FAIL ' + what + (detail === '' ? '' : ': ' + detail)); }
}

/* Rows of the page as the native program prints them, by kind; the order between kinds is not compared. */
const ROWS = `(() => {
    const hex = row => Array.from(new BigUint64Array(Float64Array.from(row).buffer), v => v.toString(16).padStart(16, '0')).join(' ');
    return {
        1: run.t.map((t, i) => hex([t, run.loss[i], run.accuracy[i], ...run.q[i], ...run.C[i], ...run.Q[i], ...run.law[i]])),
        2: run.looks.map(k => hex([k.t, k.loss, k.max, k.min, ...k.pairs])),
        3: [hex(run.end)],
        4: run.sweep.map(p => hex([p.eta, p.status, p.drift, p.loss])),
        5: run.prediction.flatMap((list, kind) => list.map(p => hex([kind, p.eta, p.drift]))),
        6: paths.t.map((t, i) => hex([t, paths.r[i], paths.sharp[i], ...paths.s[i]])),
        7: [hex(paths.map)], 8: paths.phase.map(hex), 9: [hex(paths.thresholds)] };
})()`;
const READY = 'run.end && run.looks.length && run.looks[run.looks.length - 1].t === run.end[1] && paths.phase.length === PHASE.most && paths.outcome >= 0';
const SWEPT = 'run.sweep.length === SWEEP.count && run.idle.sweep && run.idle.entropy';
const see = 'for (const box of document.querySelectorAll(".chart")) onScreen[box.id] = true; startSeen(); 0';
/* NaN has many bits; one stands for all. */
const oneNaN = line => line.replace(/\b[7f]ff[89a-f][0-9a-f]{12}\b/g, 'nan');

/* A new page that is ready to compute. */
async function visit(browser, hash) {
    await browser.go('about:blank');
    await browser.go(url(hash));
    await browser.until('workerAddress', PATIENCE);
}

async function sameBits(browser, hash) {
    await visit(browser, hash);
    await browser.run(see);
    await browser.until(READY, PATIENCE);
    await browser.until(SWEPT, PATIENCE);
    const rows = await browser.run(ROWS), inputs = await browser.run('inputs()'), jobs = await browser.run('[...jobsOfRun(), ...jobsOfPaths()].map(job => job.join(":"))');
    const lines = execFileSync(path.resolve(native), [...inputs.map(String), '--', ...jobs], { encoding: 'utf8', maxBuffer: 1 << 28 }).trim().split('\n');
    const want = {};
    for (const line of lines) (want[line[0]] = want[line[0]] || []).push(line.slice(2));
    if (want[3]) want[3].length = 1;          /* the ends of the looks and of the pathways are not kept as rows */
    for (const kind in rows) {
        if (kind === '5') { rows[5].sort(); (want[5] = want[5] || []).sort(); }
        const ours = rows[kind].map(oneNaN), theirs = (want[kind] || []).map(oneNaN);
        const at = ours.findIndex((line, i) => line !== theirs[i]);
        check(`bits ${hash} kind ${kind} (${ours.length} rows)`, ours.length === theirs.length && at < 0,
            `${ours.length} and ${theirs.length} rows, first difference at ${at}: ${ours[at]} ${theirs[at]}`);
    }
    check(`rows ${hash}`, rows[1].length > 50 && rows[2].length > 10 && rows[6].length > 500);
}

const set = (id, value) => `(() => { const c = $(${JSON.stringify(id)}); if (c.type === 'checkbox') c.checked = ${JSON.stringify(value)}; else c.value = ${JSON.stringify(String(value))};
    c.dispatchEvent(new Event('input', { bubbles: true })); c.dispatchEvent(new Event('change', { bubbles: true })); })()`;

async function controls(browser) {
    await visit(browser, '#steps=60&width=8');
    await browser.until(READY, PATIENCE);
    const print = 'JSON.stringify([Array.from(run.loss.slice(0, 40)), run.t.length, run.q.length && run.q[0].length])';
    for (const [id, value] of [['eta', -10], ['width', 32], ['layers', 4], ['loss', 1], ['activation', 5], ['optimizer', 3], ['data', 2], ['seed', 7], ['bias', true], ['steps', 200]]) {
        const before = await browser.run(print);
        await browser.run('window.oldRun = run; 0');
        await browser.run(set(id, value));
        await browser.until('run !== oldRun && run.end', PATIENCE);
        check(`control ${id} moves the run`, await browser.run(print) !== before);
        check(`control ${id} is in the address`, new RegExp(`[#&]${id}=`).test(await browser.run('location.hash')));
    }
    for (const [id, value] of [['gamma', 4], ['paths-count', 2], ['depth', 3], ['spread', 4]]) {
        const print = 'JSON.stringify([Array.from(paths.s[paths.s.length - 1]), paths.r.slice(0, 9)])', before = await browser.run(print);
        await browser.run(set(id, value));
        await browser.until('paths.phase.length === PHASE.most && paths.outcome >= 0 && paths.map', PATIENCE);
        check(`control ${id} moves the pathways`, await browser.run(print) !== before);
    }
    const hash = await browser.run('location.hash'), state = await browser.run('JSON.stringify(state)');
    await visit(browser, hash);
    check('the address brings the state back', await browser.run('JSON.stringify(state)') === state);
    await browser.until('run.end', PATIENCE);
}

async function playback(browser) {
    await visit(browser, '#steps=200&width=8');
    await browser.until('run.end', PATIENCE);
    await browser.run('pause(); toTime(10); 0');
    await browser.run('$("step").click()');
    check('step goes one step on', await browser.run('playhead') === 11);
    await browser.run('draw()');
    check('the step is shown', (await browser.run('$("time-out").textContent')).startsWith('11 '));
    check('the picture of the law is drawn to there', await browser.run('document.querySelectorAll("#chart-law path.s").length') >= 5);
    await browser.run(set('time', 50));
    check('the slider moves the step', await browser.run('playhead') === 50);
    await browser.run('document.activeElement.blur()');
    for (const type of ['keyDown', 'keyUp']) await browser.send('Input.dispatchKeyEvent', { type, key: ' ', code: 'Space', text: ' ' });
    check('the space bar plays', await browser.run('playing'));
    await browser.until('playhead > 51', 20);
    ++passed;
    await browser.run(set('speed', 1000));
    await browser.until('playhead === run.t.length - 1 && !playing', 20);
    check('the end stops playback', await browser.run('$("play").textContent') === 'Play');
    await browser.run('window.oldRun = run; $("reset").click()');
    check('restart makes a new run', await browser.run('run !== oldRun && playhead < 200 && playing'));
    await browser.until('run.end', PATIENCE);
    const row = await browser.run('(pause(), toTime(200), draw(), [...$("digits").tBodies[0].rows].map(r => [...r.cells].map(c => c.textContent)))');
    check('drift and law agree to ten digits', row.length === 2 && row.every(r => r[1].length > 10 && r[1].slice(0, 10) === r[2].slice(0, 10)), JSON.stringify(row));
    await browser.run('for (const b of document.querySelectorAll(".chart")) onScreen[b.id] = true; playhead = 100; draw(); 0');
    let frame = Infinity;
    for (let batch = 0; batch < 6; ++batch) {
        const before = await browser.processorTime();
        await browser.run('for (let i = 0; i < 10; ++i) { ++playhead; draw(); } 0');
        frame = Math.min(frame, (await browser.processorTime() - before) / 10);
    }
    check('the pictures of a run are drawn within one frame of a 60 Hz screen', frame > 0 && frame < 1 / 60, `${1000 * frame} ms`);
    /* Playback follows the clock, however many steps that is a frame. */
    const moved = await browser.run('(() => { playhead = 0; playing = true; $("speed").value = "1"; before = 1000; frame(1050); const slow = playhead; playhead = 0; frame(1060); return [slow, playhead]; })()');
    check('the steps of a frame are those of its time', Math.abs(moved[0] / moved[1] - 5) < 1e-9, JSON.stringify(moved));
    await browser.run('pause()');
}

async function copies(browser, work) {
    await browser.run('window.copied = []; navigator.clipboard.writeText = async text => { copied.push(text); }; for (const id of ["copy-c", "copy-lab", "copy-link"]) $(id).click(); 0');
    const [program, command, link] = await browser.run('copied');
    check('the link is the address', link === await browser.run('location.href'));
    await browser.run('window.saved = null; dataFile(text => { saved = text; }); 0');
    await browser.until('saved', 20);
    fs.writeFileSync(path.join(work, 'clb_data.csv'), await browser.run('saved'));
    const out = execFileSync(path.resolve(lab), command.trim().split(' ').slice(1), { cwd: work, encoding: 'utf8' });
    const trace = fs.readFileSync(path.join(work, 'lab', 'LAB_0.csv'), 'utf8').split('\n')[1].split(',');
    const first = await browser.run('run.loss[0]');
    check('clb_lab makes the run with the command and the data', trace[0] === '0' && Math.abs(trace[1] / first - 1) < 1e-9, out + trace + first);
    fs.writeFileSync(path.join(work, 'run.c'), program);
    execFileSync(cc, ['-std=c99', '-O0', '-I.', '-o', path.join(work, 'run'), path.join(work, 'run.c'), '-lm']);
    const text = execFileSync(path.join(work, 'run'), { encoding: 'utf8' }), last = await browser.run('run.loss[run.t.length - 1]'), drift = await browser.run('run.end[2]');
    check('the C program makes the run of the page', text.includes(`-> ${Number(last)}`) || Number(text.match(/-> (\S+)/)[1]) === last, text + last);
    check('and its drift', Number(text.match(/C_1 drift ([^,]+),/)[1]) === drift, text + drift);
}

async function layout(browser, name) {
    const width = await browser.run('innerWidth');
    await browser.run('$("settings").open = true; for (const b of document.querySelectorAll(".chart")) onScreen[b.id] = true; dirtyPaths = true; draw()');
    check(`${name}: nothing is wider than the screen`, await browser.run('document.documentElement.scrollWidth') <= width, String(await browser.run('document.documentElement.scrollWidth')));
    const names = await browser.run('[...document.querySelectorAll("input, select, button")].filter(c => !(c.textContent.trim() || (c.labels && c.labels.length))).map(c => c.id)');
    check(`${name}: every control has a name`, names.length === 0, names.join(' '));
    /* Some pictures wait for computations in the background. */
    await browser.until('(dirtyPaths = true, draw(), document.querySelectorAll(".chart svg").length >= 9)', PATIENCE);
    check(`${name}: every picture says what it shows`, await browser.run('[...document.querySelectorAll(".chart svg")].every(s => s.getAttribute("role") === "img" && s.getAttribute("aria-label").length > 5)'));
    check(`${name}: a live region`, await browser.run('document.querySelectorAll("[role=status][aria-live]").length') === 1);
    const contrast = await browser.run(`(() => {
        const css = getComputedStyle(document.documentElement), part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const light = name => { let hex = css.getPropertyValue(name).trim().slice(1); if (hex.length === 3) hex = [...hex].map(c => c + c).join('');
            const [r, g, b] = [0, 2, 4].map(i => part(parseInt(hex.slice(i, i + 2), 16))); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
        const worst = [];
        for (const ink of ['--ink', '--soft', '--accent', '--c1', '--c2', '--c3', '--c4', '--c5', '--c6']) for (const paper of ['--paper', '--panel']) worst.push([ratio(ink, paper), ink, paper]);
        worst.push([ratio('--on-accent', '--accent'), '--on-accent', '--accent']);
        return worst.sort((a, b) => a[0] - b[0])[0]; })()`);
    check(`${name}: contrast of text is AA`, contrast[0] >= 4.5, JSON.stringify(contrast));
}

async function main() {
    const work = fs.mkdtempSync(path.join(os.tmpdir(), 'clb_page_test_'));
    let browser, phone, dark;
    try {
        browser = await open(chromium);
        await playback(browser);
        await copies(browser, work);
        await layout(browser, 'wide');
        await controls(browser);
        await sameBits(browser, '#steps=60&width=8');
        await sameBits(browser, '#steps=60&width=8&layers=2&loss=1&activation=5&optimizer=3&data=2&bias=1&eta=-40&paths=2&depth=3&gamma=2.5');
        await sameBits(browser, '#steps=60&width=10&layers=4&loss=0.5&activation=8&optimizer=2&data=0&seed=7&eta=-30&depth=6');
        check('the browser computes with vectors', /isa wasm/.test(await browser.run('$("version").textContent')));
        /* the scalar machine, for browsers without */
        await browser.send('Page.addScriptToEvaluateOnNewDocument', { source: 'delete window.DecompressionStream' });
        await sameBits(browser, '#steps=60&width=11&layers=3&loss=1&data=1&seed=3&eta=-20&depth=4');
        check('the scalar machine is used', /isa scalar/.test(await browser.run('$("version").textContent')));
        check('no error in the console', browser.errors.length === 0, browser.errors.join(' | '));
        phone = await open(chromium, { width: 360, height: 740, mobile: true });
        await visit(phone, '#steps=60&width=8');
        await phone.until(READY, PATIENCE);
        await layout(phone, '360 px');
        dark = await open(chromium, { dark: true });
        await visit(dark, '#steps=60&width=8');
        await dark.until(READY, PATIENCE);
        await layout(dark, 'dark');
        check('no error in the console (phone, dark)', phone.errors.length + dark.errors.length === 0, phone.errors.concat(dark.errors).join(' | '));
    } catch (error) {
        check('the browser ' + error.message, false);
    }
    for (const b of [browser, phone, dark]) if (b) await b.close();
    fs.rmSync(work, { recursive: true, force: true, maxRetries: 5 });
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed ? 1 : 0);
}
main();
