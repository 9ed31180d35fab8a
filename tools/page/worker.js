/* One worker does a list of jobs for one setting of the page and posts rows of numbers as they come.
 * To change the setting, the page ends the worker and starts another. */
'use strict';
let kind = -1, width = 0, rows = [], flushed = 0;

function flush() {
    if (!rows.length) return;
    const data = new Float64Array(rows);
    postMessage({ kind, width, data }, [data.buffer]);
    rows = [];
    flushed = performance.now();
}

onmessage = async ({ data: { module, inputs, jobs } }) => {
    let machine;
    const emit = (k, pointer, count) => {
        if (k !== kind || count !== width || rows.length + count > 65536) flush();
        kind = k;
        width = count;
        const values = new Float64Array(machine.memory.buffer, pointer, count);
        for (let i = 0; i < count; ++i) rows.push(values[i]);
        if (performance.now() - flushed > 40) flush();
    };
    machine = (await WebAssembly.instantiate(module, { page: { emit } })).exports;
    const text = pointer => {
        const bytes = new Uint8Array(machine.memory.buffer, pointer), end = bytes.indexOf(0);
        return new TextDecoder().decode(bytes.slice(0, end));
    };
    for (const [name, ...args] of jobs) {
        if (name === 'set') {
            new Float64Array(machine.memory.buffer, machine.page_inputs(), machine.page_inputs_count())[args[0]] = args[1];
            continue;
        }
        if (name === 'inputs') {
            new Float64Array(machine.memory.buffer, machine.page_inputs(), machine.page_inputs_count()).set(inputs);
            continue;
        }
        if (name === 'idle') {
            postMessage({ done: name });
            continue;
        }
        const status = machine[name](...args);
        flush();
        kind = -1;
        postMessage({ done: name, args, status, text: status ? text(machine.page_status_text(status)) : '',
            version: text(machine.page_version()) });
    }
};
