// A folder served to headless Chromium. Plain JavaScript, so that benchmarks run it under Node 20 as well.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';

const executablePath = process.env.INFC_CHROMIUM ?? '/usr/bin/chromium';

export const missingChromium = existsSync(executablePath) ? '' : ` (no ${executablePath})`;

export const STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

export async function openFolder(folder, { policy, flags = [] } = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [, mode, ...rest] = pathname.split('/');
    const file = path.join(folder, rest.join('/') || 'index.html');
    if ((mode !== 'isolated' && mode !== 'plain') || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream',
      ...(policy === undefined ? {} : { 'content-security-policy': policy }),
      ...(mode === 'isolated' ? ISOLATED : {}),
    });
    response.end(await readFile(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (browser) => {
    await browser?.close();
    server.close();
  };
  try {
    const browser = await chromium.launch({
      executablePath,
      args: [
        ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
        ...['--disable-sync', '--disable-component-update', ...flags],
      ],
    });
    return { browser, origin: `http://localhost:${server.address().port}`, close: () => close(browser) };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function titleOf(page, seconds = 60) {
  await page.waitForFunction(() => document.title !== '', undefined, { timeout: seconds * 1000 });
  return JSON.parse(await page.title());
}
