// As many requests a second as one likes, without a request: records go into the counters of two processes, their reports into the ring
// behind a real admin server. Everything on the way from a finished request to the dashboard is there, but the gateway in front of it.

import { createAdminServer, type AdminServer } from '../../src/admin/server.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import type { KnownNames } from '../../src/observe/istio-series.ts'
import type { RequestRecord } from '../../src/observe/record.ts'
import { type PlainTraffic, TrafficCounter } from '../../src/observe/traffic-counter.ts'
import { TrafficRing } from '../../src/observe/traffic-ring.ts'
import { requestRecord } from '../observe/request-record.ts'
import { smallView } from './small-view.ts'

const routes = `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
services: { mqtt-server: /api/, frontend: {} }
versions:
  v1: { frontend: "http://127.0.1.1:8080", mqtt-server: "http://127.0.1.1:8000" }
  v2: { frontend: "http://127.0.1.2:8080", mqtt-server: "http://127.0.1.2:8000" }
  v3: { frontend: "http://127.0.1.3:8080", mqtt-server: "http://127.0.1.3:8000" }
stable: v1
gray:
  - { name: office, version: v2, ip: [192.168.0.58] }
  - { name: testers, version: v3, match: [{ cookies: { user: { exact: jason } } }] }
accessLog: off
`

const names: KnownNames = {
  releases: new Set(['shop']),
  services: new Set(['frontend', 'mqtt-server']),
  versions: new Set(['v1', 'v2', 'v3']),
}

/** Of twenty requests fourteen are of v1, five of v2, one of v3; a third of each to mqtt-server inside; each answer says its version. */
function recordOf(index: number): Partial<RequestRecord> {
  const turn = index % 20
  const version = turn < 14 ? 'v1' : turn < 19 ? 'v2' : 'v3'
  const rule = version === 'v2' ? 'office' : version === 'v3' ? 'testers' : ''
  const internal = index % 3 === 0
  const service = internal ? 'mqtt-server' : 'frontend'
  const decided = internal
    ? { reason: 'asked' as const }
    : { rule, reason: rule === '' ? ('stable' as const) : ('rule' as const) }
  return {
    internal,
    service,
    version,
    poolVersion: version,
    servedVersion: version,
    endpoint: `127.0.1.${version.slice(1)}:${internal ? 8000 : 8080}`,
    durationMs: 1 + (index % 100) / 10,
    path: internal ? '/api/devices' : '/',
    visitor: internal ? '' : `visitor ${index % 5000}`,
    ...decided,
  }
}

export class CountedTraffic implements AsyncDisposable {
  readonly admin: AdminServer
  /** Requests counted so far, at the edge and inside. */
  requests = 0
  /** Of the second that is being counted. */
  readonly #clock: { ms: number }
  readonly #counters: readonly TrafficCounter[]
  readonly #ring: TrafficRing
  /** What one process last reported. */
  report: PlainTraffic | undefined

  private constructor(admin: AdminServer, ring: TrafficRing, clock: { ms: number }) {
    this.admin = admin
    this.#ring = ring
    this.#clock = clock
    this.#counters = [new TrafficCounter(() => clock.ms), new TrafficCounter(() => clock.ms)]
  }

  static async start(): Promise<CountedTraffic> {
    const loaded = await loadConfiguration('routes.yaml', { read: () => Promise.resolve(Buffer.from(routes)) })
    if (!('configuration' in loaded)) throw new Error(JSON.stringify(loaded.problems))
    const { configuration } = loaded
    const clock = { ms: Date.UTC(2026, 0, 1) }
    const ring = new TrafficRing(() => clock.ms)
    const view = { ...smallView(), configuration: () => configuration, traffic: ring }
    const metrics = { contentType: 'text/plain', text: () => Promise.resolve('') }
    const admin = await createAdminServer({ view, metrics, listen: { host: '127.0.0.1', port: 0 }, build: '0.1.0' })
    return new CountedTraffic(admin, ring, clock)
  }

  /** One second with so many requests, half of them in each process. */
  second(requests: number): void {
    for (let i = 0; i < requests; i++) {
      this.#counters[i % 2]!.count(requestRecord(recordOf(this.requests++)), names)
    }
    for (const [process, counter] of this.#counters.entries()) this.#ring.add(process, (this.report = counter.take()))
    this.#clock.ms += 1000
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admin.close()
  }
}
