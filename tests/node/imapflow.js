// SPDX-License-Identifier: ISC
// imapflow at the end of a pipe: each line of standard input is
// {"call": name, "args": [...]}, answered by {"result": ...} or {"error": ...};
// what the server tells by itself comes as {"event": name, "data": ...}.
'use strict';
const { ImapFlow } = require('imapflow');
const readline = require('node:readline');

const plain = (key, value) =>
	typeof value === 'bigint' ? Number(value)
		: value instanceof Set ? [...value].sort()
			: value instanceof Map ? Object.fromEntries(value)
				: value && value.type === 'Buffer' ? Buffer.from(value.data).toString('latin1')
					: value;
const say = what => process.stdout.write(JSON.stringify(what, plain) + '\n');

const client = new ImapFlow({ ...JSON.parse(process.argv[2]), logger: false });
for (const name of ['exists', 'expunge', 'flags', 'close'])
	client.on(name, data => say({ event: name, data }));
client.on('error', error => say({ event: 'error', data: String(error) }));

const revive = (key, value) => key === 'changedSince' ? BigInt(value) : value;
const calls = {
	facts: () => ({
		capabilities: [...client.capabilities.keys()], enabled: client.enabled, mailbox: client.mailbox,
	}),
	fetch: async (range, query, options) => {
		const all = [];
		for await (const one of client.fetch(range, query, options))
			all.push(one);
		return all;
	},
	// Returns at once; events tell that it idles by what they bring.
	idle: () => { client.idle().catch(() => {}); return true; },
};

async function main() {
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const { call, args } = JSON.parse(line, revive);
		try {
			const result = await (calls[call] ? calls[call](...args) : client[call](...args));
			say({ result: result === undefined ? null : result });
		} catch (error) {
			say({ error: `${error.message}: ${error.responseText || ''}` });
		}
	}
	process.exit(0);
}
main();
