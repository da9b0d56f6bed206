// What two workers counted, as one.

import { describe, expect, it } from 'vitest'
import { createJointMetrics } from '../../src/observe/joint-metrics.ts'
import { createMetrics, type Metrics, type Tally } from '../../src/observe/metrics.ts'
import type { RequestRecord } from '../../src/observe/record.ts'
import { samplesOf, sourceSamplesOf } from '../observe/exposition-text.ts'
import { requestRecord, shopTable } from '../observe/request-record.ts'
import { rawRequest } from '../admin/raw-request.ts'
import type { TrafficView } from '../../src/observe/traffic-ring.ts'
import { asJason, asPage, ClusterUnderTest, signal, stop } from './cluster-process.ts'

describe('the traffic of two workers', () => {
  it('is added up of what each reports, and does not wait for them when they hang', async () => {
    await using cluster = await ClusterUnderTest.start()
    const view = async (): Promise<TrafficView> => {
      const fields = ['Host: localhost', 'Accept: application/json']
      return JSON.parse(
        (await rawRequest(cluster.serving.admin, { target: '/traffic?window=300', fields })).body,
      ) as TrafficView
    }
    const [first, second] = (await cluster.pids()) as [number, number]
    for (const pid of [first, second]) {
      await cluster.withOnly(pid, async () => {
        for (let i = 0; i < 6; i++) await cluster.get('/', asPage, ...(i % 3 === 0 ? [asJason] : []))
      })
    }
    const requests = async (): Promise<Record<string, number>> =>
      Object.fromEntries((await view()).lanes.map(({ version, rate }) => [version, Math.round(rate * 300)]))
    await expect.poll(requests, { timeout: 10_000 }).toEqual({ v1: 8, v2: 4 })
    // Without identities of their own all of them are one visitor, by address, whichever process they met.
    expect((await view()).versions.map(({ version, pins }) => `${version} ${pins.fiveMinutes}`).toSorted()).toEqual([
      'v1 1',
      'v2 1',
    ])

    for (const pid of [first, second]) await stop(pid)
    expect((await view()).coupling.answered).toBe(12)
    for (const pid of [first, second]) signal(pid, 'SIGCONT')
    process.kill(second, 'SIGKILL')
    await cluster.becomesReady()
    expect(await requests()).toEqual({ v1: 8, v2: 4 })
  })
})

describe('the metrics of two workers', () => {
  it('are what was sent, whoever answered, and stay so when one hangs, dies, or is started again', async () => {
    await using cluster = await ClusterUnderTest.start()
    const [first, second] = (await cluster.pids()) as [number, number]
    const requests = (): Promise<number> => cluster.count('istio_requests_total')
    for (const pid of [first, second]) {
      await cluster.withOnly(pid, async () => {
        for (let i = 0; i < 7; i++) await cluster.get('/')
        for (let i = 0; i < 3; i++) await cluster.get('/', asJason)
      })
    }
    await cluster.get('/%00')
    const text = (await cluster.admin('/metrics')).body
    const byVersion = samplesOf(text, 'graylane_decisions_total').map(({ labels, value }) => [labels['version'], value])
    expect(Object.fromEntries(byVersion)).toEqual({ v1: 14, v2: 6 })
    expect(sourceSamplesOf(text, 'istio_requests_total').map(({ value }) => value)).toEqual([14, 6, 1])
    const durations = sourceSamplesOf(text, 'istio_request_duration_milliseconds_count').map(({ value }) => value)
    expect(durations).toEqual([14, 6, 1])
    const buckets = sourceSamplesOf(text, 'istio_request_duration_milliseconds_bucket')
    expect(buckets.filter(({ labels }) => labels['le'] === '+Inf').map(({ value }) => value)).toEqual([14, 6, 1])

    await stop(first)
    expect(await requests()).toBe(21)
    signal(first, 'SIGKILL')
    await expect.poll(async () => (await cluster.pids()).includes(first)).toBe(false)
    expect(await requests()).toBe(21)
    await cluster.becomesReady()
    const third = (await cluster.pids()).find((pid) => pid !== second) as number
    await cluster.withOnly(third, () => cluster.get('/'))
    expect(await requests()).toBe(22)
  })
})

describe('joint metrics', () => {
  const records: Partial<RequestRecord>[] = [
    { durationMs: 3, wireBytesReceived: 10, wireBytesSent: 2000 },
    { status: 503, flags: 'UF', edgeCode: 'EDGE_UPSTREAM_REFUSED' },
    { service: 'mqtt-server', version: 'v2', poolVersion: 'v2', servedVersion: 'v1', pinIn: 'held', pinOut: 'kept' },
    { internal: true, sourceVersion: 'v2', version: 'v2', poolVersion: 'v2', durationMs: 700_000 },
    { reason: 'rule', version: 'v2', poolVersion: 'v2', pinIn: 'none', pinOut: 'set' },
    { servedVersion: 'nightly' },
  ]

  function counted(...some: Partial<RequestRecord>[]): Metrics {
    const metrics = createMetrics({ build: '1' })
    metrics.configured(shopTable, 'abc')
    for (const record of some) metrics.observe(requestRecord(record))
    metrics.refused('EDGE_BAD_REQUEST')
    return metrics
  }

  /** Without what is of the process. */
  async function counts(metrics: { text(): Promise<string> }): Promise<string[]> {
    const lines = (await metrics.text()).split('\n')
    return lines
      .filter((line) => /^(istio_|graylane_(?!event|worker|conn|requests_active|config|build))/.test(line))
      .toSorted()
  }

  /** As it comes over the channel between processes. */
  function tallyOf(metrics: Metrics): Tally {
    return structuredClone(metrics.tally())
  }

  it('are what one process would have counted, living and ended ones together', async () => {
    const ended = counted(...records.slice(0, 3))
    const living = counted(...records.slice(2))
    const joint = createJointMetrics({
      build: '1',
      pools: () => [],
      lostLogLines: () => 1,
      collect: () => Promise.resolve([tallyOf(living)]),
    })
    joint.ended(tallyOf(ended))
    const one = counted(...records.slice(0, 3), ...records.slice(2))
    one.watch({ openConnections: () => 0, activeRequests: () => 0, lostLogLines: () => 1, pools: () => [] })
    one.refused('EDGE_BAD_REQUEST')
    expect(await counts(joint)).toEqual(await counts(one))
    // Looking counts nothing.
    expect(await counts(joint)).toEqual(await counts(one))
    for (const metrics of [ended, living, joint, one]) metrics.close()
  })

  it('add up what comes and goes, show the worst delay, and the one configuration', async () => {
    const sockets = [{ values: ['app', 'v1', 'websocket'] as [string, string, string], count: 4 }]
    const live = { openConnections: 3, activeRequests: 2, lostLogLines: 10, longConnections: sockets }
    const figures = (cpuSeconds: number, max: number): Tally['process'] => ({
      cpuSeconds,
      residentBytes: 1e12,
      startedAt: 1,
      lag: { mean: 0, p50: 0, p99: 0, max },
    })
    const { accounts } = counted().tally()
    const tallies = [
      { accounts, live: { ...live, overloadRung: 0 }, process: figures(1000, 0.5) },
      { accounts, live: { ...live, overloadRung: 2 }, process: figures(2000, 0.25) },
    ]
    const joint = createJointMetrics({
      build: '1',
      pools: () => [],
      lostLogLines: () => 1,
      collect: () => Promise.resolve(tallies),
    })
    joint.configured('abc', [{ name: '8443', tls: [{ file: 'a.pem', expiresAt: 77 }] }])
    joint.restarted()
    joint.reloaded(true, true)
    const text = await joint.text()
    const value = (name: string, stat?: string): number | undefined =>
      samplesOf(text, name).find(({ labels }) => labels['stat'] === stat)?.value
    expect(value('graylane_connections_open')).toBe(6)
    expect(value('graylane_requests_active')).toBe(4)
    expect(samplesOf(text, 'graylane_long_connections')).toEqual([
      expect.objectContaining({ labels: { service: 'app', version: 'v1', kind: 'websocket' }, value: 8 }),
    ])
    expect(value('graylane_overload_rung')).toBe(2)
    expect(value('graylane_worker_restarts_total')).toBe(1)
    expect(value('graylane_access_log_lost_lines_total')).toBe(21)
    expect(value('graylane_config_reloads_total')).toBe(1)
    expect(value('graylane_event_loop_lag_seconds', 'max')).toBe(0.5)
    expect(Math.floor(value('process_cpu_seconds_total') as number)).toBeGreaterThanOrEqual(3000)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(2e12)
    expect(samplesOf(text, 'graylane_config_info')[0]?.labels).toEqual({ hash: 'abc' })
    expect(samplesOf(text, 'graylane_tls_certificate_expiry_timestamp_seconds')).toEqual([
      expect.objectContaining({ labels: { listener: '8443', certificate: 'a.pem' }, value: 77 }),
    ])
    joint.close()
  })
})
