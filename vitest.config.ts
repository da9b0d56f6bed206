import { join, relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Folders whose files take seconds, the longest first. */
const slowFolders = ['model', 'browser', 'gateway', 'cluster', 'release', 'istio', 'cli', 'docs', 'config', 'demo']

/** Begins with what takes long, so that no processor waits in the end for one file. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- not that of an array
    const usual = await super.sort(files)
    return usual.toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = slowFolders.indexOf(relative(join(import.meta.dirname, 'test'), moduleId).split('/')[0] as string)
  return rank === -1 ? slowFolders.length : rank
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real processes and real sockets: a slow shared machine needs room, a hang must still end.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 5000 } },
    // Of concurrent tests, which play raw messages and mostly wait.
    maxConcurrency: 12,
    pool: 'forks',
    // One for each processor: the default leaves one out, and with it half of a machine of two.
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    // Tests start hundreds of processes of graylane: each would parse the whole source anew.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/node-compile') },
    // Shared machines stall for seconds now and then: in CI a test may try again, and says so.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
})
