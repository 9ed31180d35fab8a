'use strict';
/* A headless Chromium driven over its pipe (DevTools protocol), with nothing but node's own modules.
 *   const browser = await open('chromium', { width, height, dark }); await browser.go(url);
 *   await browser.run('expression'); await browser.until('expression', seconds); browser.close(); */
const { spawn } = require('child_process');
const fs = require('fs'), os = require('os'), path = require('path');

async function open(program, { width = 1280, height = 900, dark = false, mobile = false } = {}) {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'clb_page_'));
    const child = spawn(program, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage',
        '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const waiting = new Map(), errors = [];
    let closing = false;
    const gone = why => { for (const { reject } of waiting.values()) reject(new Error(why)); waiting.clear(); };
    child.on('error', error => gone(`did not start: ${error.message}`));
    child.on('exit', (code, signal) => { if (!closing) gone(`ended with ${code === null ? signal : 'status ' + code}`); });
    child.stdio[3].on('error', () => {});
    let next = 1, rest = '', session, loaded;
    child.stdio[4].on('data', data => {
        const parts = (rest + data).split('\0');
        rest = parts.pop();
        for (const part of parts) {
            const message = JSON.parse(part);
            if (message.id) {
                const { resolve, reject } = waiting.get(message.id) || {};
                if (!resolve) continue;
                waiting.delete(message.id);
                if (message.error) reject(new Error(message.error.message)); else resolve(message.result);
            } else if (message.method === 'Page.loadEventFired') loaded();
            else if (message.method === 'Runtime.exceptionThrown') errors.push(JSON.stringify(message.params.exceptionDetails.exception || message.params.exceptionDetails));
            else if (message.method === 'Runtime.consoleAPICalled' && ['error', 'warning', 'assert'].includes(message.params.type))
                errors.push(message.params.args.map(a => a.value || a.description).join(' '));
            else if (message.method === 'Log.entryAdded' && message.params.entry.level === 'error') errors.push(message.params.entry.text);
        }
    });
    const send = (method, params = {}) => new Promise((resolve, reject) => {
        waiting.set(next, { resolve, reject });
        child.stdio[3].write(JSON.stringify({ id: next++, method, params, sessionId: session }) + '\0');
    });
    const { targetInfos } = await send('Target.getTargets');
    session = (await send('Target.attachToTarget', { targetId: targetInfos.find(t => t.type === 'page').targetId, flatten: true })).sessionId;
    for (const domain of ['Page', 'Runtime', 'Log']) await send(domain + '.enable');
    await send('Performance.enable', { timeDomain: 'threadTicks' });
    await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
    await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
    const browser = {
        errors, send,
        async go(url) { const done = new Promise(resolve => { loaded = resolve; }); await send('Page.navigate', { url }); await done; },
        async run(expression) {
            const result = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
            if (result.exceptionDetails) throw new Error(expression + ': ' + JSON.stringify(result.exceptionDetails.exception || result.exceptionDetails));
            return result.result.value;
        },
        async until(expression, seconds = 60) {
            const end = Date.now() + seconds * 1000;
            while (!await browser.run(expression)) {
                if (Date.now() > end) throw new Error(`not within ${seconds} s: ${expression}`);
                await new Promise(resolve => setTimeout(resolve, 50));
            }
        },
        /* Seconds of processor time of the page's thread so far: other programs do not count. */
        async processorTime() {
            return (await send('Performance.getMetrics')).metrics.find(m => m.name === 'TaskDuration').value;
        },
        async picture(file, options = {}) {
            fs.writeFileSync(file, Buffer.from((await send('Page.captureScreenshot', { format: 'png', ...options })).data, 'base64'));
        },
        close() {
            closing = true;
            return new Promise(resolve => child.on('exit', () => {
                /* the browser's helpers may still write there: what then stays is left to the system */
                try { fs.rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }); } catch { /* left */ }
                resolve();
            }).kill());
        },
    };
    return browser;
}
module.exports = { open };
