import { defineConfig } from 'vitest/config'

/** Tests by what they need: nothing, BPF, or network namespaces. */
const project = (name: string, include: string[], options: object = {}) => ({
  test: { name, include, environment: 'node', ...options },
})

export default defineConfig({
  test: {
    retry: 0,
    sequence: { shuffle: true },
    projects: [
      project('unit', ['test/unit/**/*.test.ts']),
      project('packet', ['test/{packet,loader,native,control}/**/*.test.ts'], { pool: 'forks', testTimeout: 30_000 }),
      project('e2e', ['test/e2e/**/*.test.ts'], {
        globalSetup: 'test/support/bundle.ts',
        pool: 'forks',
        testTimeout: 60_000,
        hookTimeout: 60_000,
      }),
    ],
  },
})
