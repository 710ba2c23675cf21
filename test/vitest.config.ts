import { defineConfig } from 'vitest/config';

const source = (file: string): string => new URL(file, import.meta.url).pathname;

/** Two workers suit the two cores of the CI machine; a test that starts compilers or browsers says its own, longer timeout. */
export default defineConfig({
  resolve: {
    // Plugins under test/plugins import infc by its public names, as their authors do.
    alias: [
      { find: /^infc\/runtime$/, replacement: source('../runtime/index.ts') },
      { find: /^infc\/generate$/, replacement: source('../runtime/generate/index.ts') },
      { find: /^infc\/grammars$/, replacement: source('../grammars/index.ts') },
      { find: /^infc\/test$/, replacement: source('../test/kit/index.ts') },
      { find: /^infc$/, replacement: source('../compiler/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 5_000,
  },
});
