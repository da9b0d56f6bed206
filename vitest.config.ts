import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real processes and real sockets: a slow shared machine needs room, a hang must still end.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Of concurrent tests, which play raw messages and mostly wait.
    maxConcurrency: 12,
    pool: 'forks',
    // Shared machines stall for seconds now and then: in CI a test may try again, and says so.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
})
