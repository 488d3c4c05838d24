// SPDX-License-Identifier: ISC
// A page in Debian's Chromium at the end of a pipe: each line of standard input
// is {"call": name, "args": [...]}, where name is a method of playwright's
// page, answered by {"result": ...} or {"error": ...}.
'use strict';
const { chromium } = require('playwright-core');
const readline = require('node:readline');

const say = what => process.stdout.write(JSON.stringify(what) + '\n');

async function main() {
	const browser = await chromium.launch({
		executablePath: '/usr/bin/chromium',
		args: ['--no-sandbox', '--host-resolver-rules=MAP * 127.0.0.1', '--disable-background-networking'],
	});
	const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
	page.setDefaultTimeout(100000); // less than what clients.py waits for an answer
	const calls = {
		texts: selector => page.$$eval(selector, found => found.map(e => e.textContent.trim())),
		frame_text: async (frame, selector) => {
			const inside = page.frameLocator(frame).locator(selector).first();
			await inside.waitFor();
			return inside.textContent();
		},
		// Between two pages there is nothing to ask.
		await_true: async expression => {
			await page.waitForFunction(`(() => { try { return ${expression}; } catch { return false; } })()`);
			return true;
		},
		await_shown: async selector => { await page.waitForSelector(selector); return true; },
		await_gone: async selector => { await page.waitForSelector(selector, { state: 'hidden' }); return true; },
		value: expression => page.evaluate(expression),
		goto: async url => (await page.goto(url)).status(),
	};
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const { call, args } = JSON.parse(line);
		try {
			const result = await (calls[call] ? calls[call](...args) : page[call](...args));
			say({ result: result === undefined ? null : result });
		} catch (error) {
			say({ error: error.message });
		}
	}
	await browser.close();
	process.exit(0);
}
main();
