// Twenty thousand requests a second reach whoever watches as sums, once a second: no more bytes than twenty requests a second need, and
// every figure right.

import { serialize } from 'node:v8'

import { expect, it } from 'vitest'

import type { TrafficView } from '../../src/observe/traffic-ring.ts'
import { serverSentEvents } from '../support/server-sent-events.ts'
import { CountedTraffic } from './counted-traffic.ts'

/** Seconds that are counted before somebody looks; all of the window. */
const counted = 10

/** What a new watcher is sent at once: state, figures, decisions. */
async function firstEvents(admin: string): Promise<ReadonlyMap<string, string>> {
  const events = new Map<string, string>()
  for await (const { name, data } of serverSentEvents(await fetch(`http://${admin}/traffic?window=10`))) {
    events.set(name, data)
    if (name === 'decisions') break
  }
  return events
}

async function watched(perSecond: number): Promise<{
  readonly events: ReadonlyMap<string, string>
  readonly view: TrafficView
  readonly reportBytes: number
  readonly requests: number
}> {
  await using traffic = await CountedTraffic.start()
  for (let second = 0; second < counted; second++) traffic.second(perSecond)
  const events = await firstEvents(traffic.admin.address)
  const view = JSON.parse(events.get('traffic')!) as TrafficView
  return { events, view, reportBytes: serialize(traffic.report).length, requests: traffic.requests }
}

it('tells twenty thousand requests a second in as few bytes as sixty, each figure right', async () => {
  const quiet = await watched(60)
  const busy = await watched(20_000)
  const bytes = (name: string, of: typeof busy): number => of.events.get(name)!.length
  expect(bytes('traffic', busy)).toBeLessThan(bytes('traffic', quiet) * 1.25)
  expect(bytes('traffic', busy)).toBeLessThan(8 << 10)
  // Two processes show the first twelve of each second, two hundred are kept.
  expect(JSON.parse(busy.events.get('decisions')!)).toHaveLength(200)
  expect(bytes('decisions', busy)).toBeLessThan(96 << 10)
  // From a process to the one that adds up.
  expect(busy.reportBytes).toBeLessThan(32 << 10)

  const { view } = busy
  const third = 20_000 / 3
  expect(view.edge.rate).toBeCloseTo(2 * third, 0)
  expect(view.edge.errors).toBe(0)
  // Durations are 1 to 10.9 ms, evenly: to the few percent of a bucket.
  expect(Math.abs(view.edge.p50! - 5.95)).toBeLessThan(0.3)
  expect(Math.abs(view.edge.p99! - 10.8)).toBeLessThan(0.5)
  const rates = Object.fromEntries(view.versions.map(({ version, rate }) => [version, Math.round(rate)]))
  expect(rates).toEqual({
    v1: Math.round(14 * third * 0.1),
    v2: Math.round(5 * third * 0.1),
    v3: Math.round(third * 0.1),
  })
  const lanes = view.lanes.map(({ internal, service, version, rate }) => [`${internal} ${service} ${version}`, rate])
  expect(lanes).toHaveLength(6)
  expect(lanes.reduce((sum, [, rate]) => sum + Number(rate), 0)).toBeCloseTo(20_000, 5)
  expect(view.versions.find(({ version }) => version === 'v1')!.requestsBySecond.at(-1)).toBe(rates['v1'])
  expect(view.coupling).toMatchObject({ answered: busy.requests, named: busy.requests, crossings: 0 })
  const hits = view.rules.reduce((sum, rule) => sum + rule.hits, 0)
  expect(hits).toBeCloseTo(counted * 2 * third * (6 / 20), -1)
  // Five thousand visitors, counted by sketches.
  const pins = view.versions.reduce((sum, version) => sum + version.pins.fiveMinutes, 0)
  expect(Math.abs(pins - 5000)).toBeLessThan(250)
})
