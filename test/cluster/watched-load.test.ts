// The dashboard's stream while two workers have all the requests that a few connections can send: people watch releases when there is traffic.

import { expect, it } from 'vitest'
import { Pool } from 'undici'
import type { TrafficView } from '../../src/observe/traffic-ring.ts'
import { serverSentEvents } from '../support/server-sent-events.ts'
import { ClusterUnderTest } from './cluster-process.ts'

/** Sums that the stream is watched for. */
const watchedSums = 5

it(
  'delivers one sum a second, in the end of every request, and no request fails for it',
  { timeout: 60_000 },
  async () => {
    await using cluster = await ClusterUnderTest.start('accessLog: off\n')
    await using load = new Load(`http://${cluster.serving.listener}`)
    const stream = `http://${cluster.serving.admin}/traffic?window=300`
    const sums: TrafficView[] = []
    const sizes: number[] = []
    for await (const { name, data } of serverSentEvents(await fetch(stream))) {
      sizes.push(data.length)
      if (name !== 'traffic') continue
      sums.push(JSON.parse(data) as TrafficView)
      if (sums.length === watchedSums) await load.end()
      // What was sent in the last moment is told a moment later.
      if (sums.length > watchedSums + 20) break
      if (sums.length > watchedSums && requestsOf(sums.at(-1)!) === load.answered) break
    }
    expect(load.failures).toEqual([])
    expect(load.answered).toBeGreaterThan(100)
    expect(sums.at(-1)!.coupling).toMatchObject({ answered: load.answered, named: load.answered, crossings: 0 })
    expect(Object.fromEntries(lanesOf(sums.at(-1)!))).toEqual(load.byVersion)

    const perSecond = (1000 * (sums.length - 1)) / (sums.at(-1)!.at - sums[0]!.at)
    expect(perSecond).toBeGreaterThan(0.6)
    expect(perSecond).toBeLessThan(1.2)
    // Each second had news, and however many requests there were, it was little to send.
    const growing = sums.slice(0, watchedSums).map(({ coupling }) => coupling.answered)
    expect(new Set(growing).size).toBeGreaterThanOrEqual(watchedSums - 1)
    expect(growing).toEqual(growing.toSorted((a, b) => a - b))
    expect(Math.max(...sizes)).toBeLessThan(64 << 10)
  },
)

/** Requests of the window, by version. */
function lanesOf(view: TrafficView): readonly (readonly [version: string, requests: number])[] {
  return view.lanes.map(({ version, rate }) => [version, Math.round(rate * view.window)])
}

function requestsOf(view: TrafficView): number {
  return lanesOf(view).reduce((sum, [, requests]) => sum + requests, 0)
}

/** Eight visitors who never rest, every third of them jason's. */
class Load implements AsyncDisposable {
  answered = 0
  readonly byVersion: Record<string, number> = {}
  readonly failures: string[] = []
  readonly #pool: Pool
  readonly #visitors: readonly Promise<void>[]
  #isOver = false

  constructor(origin: string) {
    this.#pool = new Pool(origin, { connections: 8 })
    this.#visitors = Array.from({ length: 8 }, (_, index) => this.#visit(index % 3 === 0 ? 'v2' : 'v1'))
  }

  /** Every request has its answer. */
  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#visitors)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
    await this.#pool.close()
  }

  async #visit(version: string): Promise<void> {
    const cookie = version === 'v2' ? { cookie: 'user=jason' } : {}
    const headers = { ...cookie, 'x-echo-x-served-version': version }
    while (!this.#isOver) {
      try {
        const answer = await this.#pool.request({ path: '/', method: 'GET', headers })
        await answer.body.dump()
        const got = `${answer.statusCode} ${String(answer.headers['x-version'])}`
        if (got !== `200 ${version}`) this.failures.push(got)
        this.answered++
        this.byVersion[version] = (this.byVersion[version] ?? 0) + 1
      } catch (error) {
        this.failures.push(String(error))
        return
      }
    }
  }
}
