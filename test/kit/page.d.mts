import type { Browser, Page } from 'playwright-core';

/** Empty where Chromium is (INFC_CHROMIUM, or Debian's place), else why page tests skip. */
export declare const missingChromium: string;

/** The content security policy under which artifacts must run: no eval, nothing from elsewhere. */
export declare const STRICT: string;

export interface OpenFolder {
  readonly browser: Browser;
  readonly origin: string;
  close(): Promise<void>;
}

/**
 * Serves a folder twice, `/isolated/...` with the headers that shared memory needs and `/plain/...` without (a worker must carry the headers
 * of its page, so the mode is part of the path), and starts a headless Chromium beside it.
 */
export declare function openFolder(
  folder: string,
  options?: { policy?: string; flags?: readonly string[] },
): Promise<OpenFolder>;

/** What the page's script leaves as JSON in `document.title`. Rejects when there is nothing after `seconds` (60). */
export declare function titleOf(page: Page, seconds?: number): Promise<unknown>;
