// The message corpus, and further cases of its families, against the whole gateway: every case has to pass in its strictest reading,
// and whatever reaches a backend says its version once.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { adverseAnswers } from '../http1/adverse-answers.ts'
import { adverseConnections } from '../http1/adverse-connections.ts'
import { adverseFraming } from '../http1/adverse-framing.ts'
import { adverseLines } from '../http1/adverse-lines.ts'
import { type CorpusCase, playCase } from '../http1/corpus-player.ts'
import { furtherCases } from '../http1/further-cases.ts'
import { RecordingUpstream } from '../http1/recording-upstream.ts'
import { startGateway } from '../support/started-gateway.ts'

const corpus = JSON.parse(readFileSync(new URL('../http1/corpus.json', import.meta.url), 'utf8')) as {
  cases: CorpusCase[]
}

describe.concurrent('raw messages through the gateway', () => {
  const cases = [
    ...corpus.cases,
    ...furtherCases,
    ...adverseFraming,
    ...adverseLines,
    ...adverseConnections,
    ...adverseAnswers,
  ]
  it.each(cases)('$id $name: $description', { timeout: 60_000 }, async (testCase) => {
    const upstream = new RecordingUpstream()
    const edge = await startGateway(routes(await upstream.listen()))
    try {
      const verdict = await playCase(testCase, edge.port, upstream, ['x-version', 'via'])
      expect(verdict, JSON.stringify(verdict)).toMatchObject({ pass: true })
    } finally {
      await edge.close()
      upstream.close()
    }
  })
})

function routes(port: number): string {
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
hosts: ['*']
services: { web: {} }
versions: { v1: { web: "http://127.0.0.1:${port}" } }
stable: v1
accessLog: { path: off }
`
}
