// Runs a module of a folder in headless Chromium, cross-origin isolated, and gives what it leaves as JSON in `document.title`.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';

const executablePath = process.env.INFC_CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(executablePath);

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };

export async function runInPage(folder, script, seconds = 170) {
  const page = `<!doctype html><title></title><script type="module">${script}</script>`;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = path.join(folder, pathname);
    const content = pathname === '/' ? page : existsSync(file) ? await readFile(file) : undefined;
    response.writeHead(content === undefined ? 404 : 200, {
      'content-type': pathname === '/' ? 'text/html' : (TYPES[path.extname(file)] ?? 'application/octet-stream'),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    response.end(content);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
  try {
    const tab = await browser.newPage();
    tab.on('pageerror', (error) => console.error(String(error)));
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    await tab.waitForFunction(() => document.title !== '', undefined, { timeout: seconds * 1000 });
    return JSON.parse(await tab.title());
  } finally {
    await browser.close();
    server.close();
  }
}
