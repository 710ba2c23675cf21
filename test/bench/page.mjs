// Runs a module in headless Chromium, cross-origin isolated beside the files of a folder, and gives what it leaves as JSON in `document.title`.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { missingChromium, openFolder, titleOf } from '../kit/page.mjs';

export const hasChromium = missingChromium === '';

export async function runInPage(folder, script, seconds = 170) {
  await writeFile(path.join(folder, 'index.html'), `<!doctype html><title></title><script type="module">${script}</script>`);
  const { browser, origin, close } = await openFolder(folder);
  try {
    const tab = await browser.newPage();
    tab.on('pageerror', (error) => console.error(String(error)));
    await tab.goto(`${origin}/isolated/`);
    return await titleOf(tab, seconds);
  } finally {
    await close();
  }
}
