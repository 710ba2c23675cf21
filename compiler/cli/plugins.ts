import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { InfcError } from '../../runtime/errors.ts';
import type { Plugin } from '../plugin.ts';

const isPlugin = (v: unknown): v is Plugin =>
  typeof v === 'object' && v !== null && 'name' in v && typeof v.name === 'string' && 'api' in v;

/** Loads plugin modules: every export that is a plugin is used. Throws INFC7010 when a module has none or cannot be loaded. */
export async function loadPlugins(files: readonly string[], cwd: string): Promise<Plugin[]> {
  const plugins: Plugin[] = [];
  for (const file of files) {
    const full = path.resolve(cwd, file);
    let module: object;
    try {
      module = await import(pathToFileURL(full).href);
    } catch (cause) {
      throw new InfcError(
        'INFC7010',
        `the plugin module cannot be loaded: ${cause instanceof Error ? cause.message : ''}`,
        {
          file: full,
          fix: 'Give a JavaScript module; TypeScript needs a build first',
          cause,
        },
      );
    }
    const found = Object.values(module).filter(isPlugin);
    if (found.length === 0)
      throw new InfcError('INFC7010', 'the module exports no plugin', {
        file: full,
        fix: 'Export what definePlugin returns',
      });
    plugins.push(...new Set(found));
  }
  return plugins;
}
