// The message corpus against the bare engine: every case has to pass in its strictest reading.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { playCase } from './corpus-player.ts'
import type { CorpusCase } from './corpus-player.ts'
import { endpointOf, startPlainProxy } from './plain-proxy.ts'
import { RecordingUpstream } from './recording-upstream.ts'

const corpus = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8')) as { cases: CorpusCase[] }

describe.concurrent('raw messages through the engine', () => {
  it('has the whole corpus', ({ expect: check }) => {
    check(corpus.cases.length).toBe(269)
  })

  it.each(corpus.cases)('$id $name: $description', { timeout: 60_000 }, async (testCase) => {
    const upstream = new RecordingUpstream()
    const proxy = await startPlainProxy({ endpoints: [endpointOf(await upstream.listen())] })
    try {
      const verdict = await playCase(testCase, proxy.port, upstream, ['x-version'])
      expect(verdict, JSON.stringify(verdict)).toMatchObject({ pass: true })
      await proxy.close()
      expect(proxy.server.openConnections).toBe(0)
      expect(proxy.server.activeRequests).toBe(0)
    } finally {
      await proxy.close()
      upstream.close()
    }
  })
})
