import { spawnSync } from 'node:child_process'

import { afterEach, describe, expect, it } from 'vitest'

import { Accounts } from '../../src/observe/accounts.ts'
import type { KnownNames } from '../../src/observe/istio-series.ts'
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts'
import { istioBuckets, metricNames } from '../../src/observe/names.ts'
import type { RequestRecord } from '../../src/observe/record.ts'
import { parseExposition, samplesOf } from './exposition-text.ts'
import { requestRecord, shopTable, tableOf } from './request-record.ts'

let metrics: Metrics | undefined

afterEach(() => metrics?.close())

function metricsAfter(...records: Partial<RequestRecord>[]): Promise<string> {
  metrics = createMetrics({ build: '0.0.0' })
  metrics.configured(shopTable, 'abc')
  for (const record of records) metrics.observe(requestRecord(record))
  return metrics.text()
}

describe('istio_requests_total', () => {
  const edge = {
    reporter: 'source',
    source_workload: 'graylane',
    source_workload_namespace: 'unknown',
    source_canonical_service: 'graylane',
    source_canonical_revision: 'latest',
    source_app: 'graylane',
    source_version: 'unknown',
    source_cluster: 'unknown',
    source_principal: 'unknown',
    destination_workload: 'frontend-v1',
    destination_workload_namespace: 'shop',
    destination_app: 'frontend',
    destination_version: 'v1',
    destination_service: 'frontend.shop',
    destination_service_name: 'frontend',
    destination_service_namespace: 'shop',
    destination_canonical_service: 'frontend',
    destination_canonical_revision: 'v1',
    destination_cluster: 'unknown',
    destination_principal: 'unknown',
    request_protocol: 'http',
    response_code: '200',
    grpc_response_status: '',
    response_flags: '-',
    connection_security_policy: 'unknown',
  }
  const caller = { source_workload: 'unknown', source_canonical_service: 'unknown', source_app: 'unknown' }
  const nowhere = {
    destination_workload: 'unknown',
    destination_version: 'unknown',
    destination_canonical_revision: 'latest',
  }
  const noService = {
    ...nowhere,
    destination_app: 'unknown',
    destination_service: 'unknown',
    destination_service_name: 'unknown',
    destination_canonical_service: 'unknown',
  }
  const cases: [what: string, record: Partial<RequestRecord>, labels: Record<string, string>][] = [
    ['a request at the edge', {}, {}],
    [
      'a version that has no pool of its own, by the pool that served it',
      { service: 'mqtt-server', version: 'v3', poolVersion: 'v1' },
      {
        destination_workload: 'mqtt-server-v1',
        destination_app: 'mqtt-server',
        destination_service: 'mqtt-server.shop',
        destination_service_name: 'mqtt-server',
        destination_canonical_service: 'mqtt-server',
      },
    ],
    [
      'a service-to-service call with the version of its caller',
      { internal: true, sourceVersion: 'v2', poolVersion: 'v2' },
      {
        ...caller,
        source_version: 'v2',
        source_canonical_revision: 'v2',
        destination_workload: 'frontend-v2',
        destination_version: 'v2',
        destination_canonical_revision: 'v2',
      },
    ],
    ['a service-to-service call of nobody we know', { internal: true, sourceVersion: 'v2; DROP' }, caller],
    ['a failure with its flag', { status: 503, flags: 'UF' }, { response_code: '503', response_flags: 'UF' }],
    ['a client that left', { status: 0, flags: 'DC' }, { response_code: '0', response_flags: 'DC' }],
    [
      'a service without an available pool',
      { poolVersion: '', status: 503, flags: 'UH' },
      { ...nowhere, response_code: '503', response_flags: 'UH' },
    ],
    [
      'a path that nothing serves',
      { service: '', poolVersion: '', status: 404, flags: 'NR' },
      { ...noService, response_code: '404', response_flags: 'NR' },
    ],
    [
      'a host of no release',
      { release: '', service: '', version: '', poolVersion: '', reason: '', status: 404, flags: 'NR' },
      {
        ...noService,
        destination_workload_namespace: 'unknown',
        destination_service_namespace: 'unknown',
        response_code: '404',
        response_flags: 'NR',
      },
    ],
  ]
  it.each(cases)('counts %s under exactly these labels', async (_what, record, labels) => {
    const samples = samplesOf(await metricsAfter(record, record), 'istio_requests_total')
    const [source, ...others] = samples
    expect(source).toEqual({ name: 'istio_requests_total', labels: { ...edge, ...labels }, value: 2 })
    for (const { labels: of } of others) expect(of['reporter']).toBe('destination')
  })

  it.each([
    ['an answer', {}, true],
    ['an error of the backend', { status: 500 }, true],
    ['an answer that was too late', { status: 504, flags: 'UT' }, true],
    ['an answer that broke off', { status: 503, flags: 'UC,URX' }, true],
    ['a refused connection', { status: 503, flags: 'UF' }, false],
    ['retries of refused connections', { status: 503, flags: 'UF,URX' }, false],
    ['no endpoint', { poolVersion: '', status: 503, flags: 'UH' }, false],
    ['a fault of ours', { status: 418, flags: 'FI' }, false],
    ['a path that nothing serves', { service: '', poolVersion: '', status: 404, flags: 'NR' }, false],
  ])('lets the destination report %s as its sidecar would: %j', async (_what, record, reported) => {
    const samples = samplesOf(await metricsAfter(record), 'istio_requests_total')
    const [source, destination] = samples
    expect(samples).toHaveLength(reported ? 2 : 1)
    if (!reported) return
    const labels = { ...source?.labels, reporter: 'destination', connection_security_policy: 'none' }
    expect(destination).toEqual({ ...source, labels })
  })

  it('gives the histograms the same labels', async () => {
    const text = await metricsAfter({ status: 201 })
    for (const name of ['istio_request_duration_milliseconds', 'istio_request_bytes', 'istio_response_bytes']) {
      const [count] = samplesOf(text, `${name}_count`)
      expect(count?.labels).toEqual({ ...edge, response_code: '201' })
    }
  })
})

describe('the histograms', () => {
  it('hold durations and bytes in Istio’s buckets, cumulative, with sum and count', async () => {
    const text = await metricsAfter(
      { durationMs: 0.5, wireBytesReceived: 0, wireBytesSent: 5_000_000 },
      { durationMs: 0.51, wireBytesReceived: 100, wireBytesSent: 100 },
      { durationMs: 3_600_001, wireBytesReceived: 101, wireBytesSent: 0 },
    )
    const read = (name: string): Record<string, number> =>
      Object.fromEntries(samplesOf(text, `${name}_bucket`).map(({ labels, value }) => [labels['le'], value]))
    const duration = read('istio_request_duration_milliseconds')
    expect(Object.keys(duration).toSorted()).toEqual([...istioBuckets.map(String), '+Inf'].toSorted())
    expect(duration).toMatchObject({ '0.5': 1, '1': 2, '3600000': 2, '+Inf': 3 })
    expect(read('istio_request_bytes')).toMatchObject({ '0.5': 1, '50': 1, '100': 2, '250': 3, '+Inf': 3 })
    expect(read('istio_response_bytes')).toMatchObject({ '0.5': 1, '100': 2, '1800000': 2, '3600000': 2, '+Inf': 3 })
    expect(samplesOf(text, 'istio_request_duration_milliseconds_sum')[0]?.value).toBeCloseTo(3_600_002.01)
    expect(samplesOf(text, 'istio_request_bytes_sum')[0]?.value).toBe(201)
    expect(samplesOf(text, 'istio_response_bytes_count')[0]?.value).toBe(3)
  })
})

describe('graylane’s own counters', () => {
  const cases: [what: string, record: Partial<RequestRecord>, name: string, lines: Record<string, number>][] = [
    [
      'a decision by version and reason',
      { version: 'v2', reason: 'rule' },
      'graylane_decisions_total',
      { 'v2 rule': 1 },
    ],
    [
      'the decided version, not that of the pool',
      { version: 'v3', poolVersion: 'v1', reason: 'pin' },
      'graylane_decisions_total',
      { 'v3 pin': 1 },
    ],
    ['no decision where none was taken', { version: '', reason: '' }, 'graylane_decisions_total', {}],
    ['a new visitor’s pin', { pinIn: 'none', pinOut: 'set' }, 'graylane_pins_total', { none: 1, set: 1 }],
    ['a pin that is kept', { pinIn: 'held', pinOut: 'kept' }, 'graylane_pins_total', { held: 1 }],
    ['a stale pin', { pinIn: 'stale', pinOut: 'none', reason: 'stale' }, 'graylane_pins_total', { stale: 1 }],
    ['a forged pin', { pinIn: 'forged', pinOut: 'set' }, 'graylane_pins_total', { forged: 1, set: 1 }],
    ['two pins', { pinIn: 'two', pinOut: 'set' }, 'graylane_pins_total', { two: 1, set: 1 }],
    ['no pins on internal listeners', { internal: true, pinOut: 'none' }, 'graylane_pins_total', {}],
    ['no pins where no release was found', { release: '', version: '', reason: '' }, 'graylane_pins_total', {}],
    [
      'an answer that named its version',
      { servedVersion: 'v1' },
      'graylane_served_version_total',
      { 'frontend yes': 1 },
    ],
    ['an answer that named none', {}, 'graylane_served_version_total', { 'frontend no': 1 }],
    ['no answer, no audit', { upstreamMs: -1 }, 'graylane_served_version_total', {}],
    ['the right version as no mismatch', { servedVersion: 'v1' }, 'graylane_version_mismatch_total', {}],
    ['a crossing', { servedVersion: 'v2' }, 'graylane_version_mismatch_total', { 'frontend v1 v2': 1 }],
    [
      'the lent pool’s version as no crossing',
      { version: 'v3', poolVersion: 'v1', servedVersion: 'v1' },
      'graylane_version_mismatch_total',
      {},
    ],
    [
      'a crossing to something unheard of',
      { servedVersion: 'nightly-4711' },
      'graylane_version_mismatch_total',
      { 'frontend v1 unknown': 1 },
    ],
    ['an answer of the edge’s own', { edgeCode: 'EDGE_LOOP' }, 'graylane_edge_answers_total', { EDGE_LOOP: 1 }],
  ]
  it.each(cases)('count %s', async (_what, record, name, expected) => {
    const samples = samplesOf(await metricsAfter(record), name)
    const lines = samples.map(({ labels, value }) => [Object.values(labels).join(' '), value] as const)
    expect(Object.fromEntries(lines)).toEqual(expected)
    const metric = Object.values(metricNames).find((candidate) => candidate.name === name)
    for (const { labels } of samples) expect(Object.keys(labels)).toEqual(metric?.labels)
  })

  it('count messages that never became requests by the code of their answer', async () => {
    metrics = createMetrics({ build: '0.0.0' })
    metrics.refused('EDGE_BAD_REQUEST')
    const [sample] = samplesOf(await metrics.text(), 'graylane_edge_answers_total')
    expect(sample).toMatchObject({ labels: { code: 'EDGE_BAD_REQUEST' }, value: 1 })
  })

  it('count reloads and failures, and show the hash in force only', async () => {
    metrics = createMetrics({ build: '1.2.3' })
    metrics.configured(shopTable, 'first')
    metrics.reloaded(true, true)
    metrics.configured(shopTable, 'second')
    metrics.reloaded(false, false)
    metrics.reloaded(false, false)
    const text = await metrics.text()
    expect(samplesOf(text, 'graylane_config_reloads_total')[0]?.value).toBe(1)
    expect(samplesOf(text, 'graylane_config_reload_failures_total')[0]?.value).toBe(2)
    expect(samplesOf(text, 'graylane_config_last_reload_successful')[0]?.value).toBe(0)
    metrics.reloaded(true, false)
    const mended = await metrics.text()
    expect(samplesOf(mended, 'graylane_config_last_reload_successful')[0]?.value).toBe(1)
    expect(samplesOf(mended, 'graylane_config_reloads_total')[0]?.value).toBe(1)
    expect(samplesOf(text, 'graylane_config_info').map(({ labels }) => labels)).toEqual([{ hash: 'second' }])
    expect(samplesOf(text, 'istio_build')).toMatchObject([
      { labels: { component: 'graylane', tag: '1.2.3' }, value: 1 },
    ])
    expect(samplesOf(text, 'graylane_build_info')[0]?.labels).toEqual({ version: '1.2.3', node: process.version })
  })

  it('ask for connections and requests at each scrape', async () => {
    metrics = createMetrics({ build: '0.0.0' })
    let open = 3
    const pool = { release: 'shop', service: 'frontend', version: 'v1' }
    metrics.watch({
      openConnections: () => open,
      activeRequests: () => 1,
      lostLogLines: () => 5,
      pools: () => [{ ...pool, in: 2, out: 1 }],
    })
    expect(samplesOf(await metrics.text(), 'graylane_connections_open')[0]?.value).toBe(3)
    open = 7
    const text = await metrics.text()
    expect(samplesOf(text, 'graylane_connections_open')[0]?.value).toBe(7)
    expect(samplesOf(text, 'graylane_requests_active')[0]?.value).toBe(1)
    expect(samplesOf(text, 'graylane_access_log_lost_lines_total')[0]?.value).toBe(5)
    expect(samplesOf(text, 'graylane_pool_endpoints').map(({ labels, value }) => ({ ...labels, value }))).toEqual([
      { ...pool, state: 'in', value: 2 },
      { ...pool, state: 'out', value: 1 },
    ])
  })

  it('show a loop that was held up', async () => {
    metrics = createMetrics({ build: '0.0.0' })
    await metrics.text()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const until = performance.now() + 200
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 50))
    const lag = samplesOf(await metrics.text(), 'graylane_event_loop_lag_seconds')
    expect(lag.map(({ labels }) => labels['stat'])).toEqual(['mean', 'p50', 'p99', 'max'])
    expect(lag.at(-1)?.value).toBeGreaterThan(0.1)
  })
})

describe('label values', () => {
  it('never come from requests: ten thousand hosts, paths, addresses and made-up versions add no series', async () => {
    metrics = createMetrics({ build: '0.0.0' })
    metrics.configured(shopTable, 'abc')
    const observe = (i: number): void =>
      metrics?.observe(
        requestRecord({
          authority: `host-${i}.example`,
          path: `/path/${i}`,
          method: `M${i}`,
          clientAddress: `10.0.${i >> 8}.${i & 255}`,
          servedVersion: `served-${i}`,
          sourceVersion: `caller-${i}`,
          // By contract these are configured names; even if one were not, it would be `unknown`.
          release: `release-${i}`,
          service: `service-${i}`,
          version: `version-${i}`,
          poolVersion: `pool-${i}`,
          internal: i % 2 === 0,
        }),
      )
    observe(0)
    observe(1)
    // The lag of the event loop is told from its first measurement on.
    const seriesIn = (text: string): number =>
      parseExposition(text).filter(({ name }) => name !== metricNames.eventLoopLag.name).length
    const before = seriesIn(await metrics.text())
    for (let i = 2; i < 10_000; i++) observe(i)
    const text = await metrics.text()
    expect(seriesIn(text)).toBe(before)
    expect(text).not.toMatch(/-4711/)
    const counted = samplesOf(text, 'istio_requests_total')
      .filter(({ labels }) => labels['reporter'] === 'source')
      .reduce((sum, { value }) => sum + value, 0)
    expect(counted).toBe(10_000)
  })

  it('follow the configuration: a new version counts under its name, one that was just removed still does', async () => {
    const observed = async (poolVersion: string): Promise<string[]> => {
      metrics?.observe(requestRecord({ poolVersion }))
      const samples = samplesOf((await metrics?.text()) ?? '', 'istio_requests_total')
      return samples
        .filter(({ labels }) => labels['reporter'] === 'source')
        .map(({ labels, value }) => `${labels['destination_version']} ${value}`)
    }
    metrics = createMetrics({ build: '0.0.0' })
    metrics.configured(tableOf('shop', ['frontend'], ['v1']), 'one')
    expect(await observed('v2')).toEqual(['unknown 1'])
    metrics.configured(tableOf('shop', ['frontend'], ['v2']), 'two')
    expect(await observed('v2')).toEqual(['unknown 1', 'v2 1'])
    expect(await observed('v1')).toEqual(['unknown 1', 'v2 1', 'v1 1'])
  })
})

describe('services of a mesh', () => {
  it('are known by their pools, and told by host, short name and subset', async () => {
    const host = 'reviews.default.svc.cluster.local'
    metrics = createMetrics({ build: '0.0.0' })
    metrics.configured(tableOf('none', [], []), 'abc', [{ release: 'default', service: host, owner: 'v3' }])
    metrics.observe(requestRecord({ release: 'default', service: host, version: 'v3', poolVersion: 'v3', reason: '' }))
    const [sample] = samplesOf(await metrics.text(), 'istio_requests_total')
    expect(sample?.labels).toMatchObject({
      destination_service: host,
      destination_service_name: 'reviews',
      destination_service_namespace: 'default',
      destination_workload: 'reviews-v3',
      destination_canonical_service: 'reviews',
      destination_version: 'v3',
    })
  })
})

describe('series of names that are gone', () => {
  it('are told for an hour and then no more; what came back before stays', () => {
    const accounts = new Accounts()
    const known = (...versions: string[]): KnownNames => ({
      releases: new Set(['shop']),
      services: new Set(['frontend']),
      versions: new Set(versions),
    })
    const versionsTold = (): string[] => Array.from(accounts.istio.all(), ({ labels }) => labels.destination_version)
    accounts.count(requestRecord(), known('v1', 'v2'))
    accounts.count(requestRecord({ version: 'v2', poolVersion: 'v2' }), known('v1', 'v2'))
    accounts.dropForgotten(known('v1'), 0)
    accounts.dropForgotten(known('v1'), 3_599_000)
    expect(versionsTold()).toEqual(['v1', 'v2'])
    accounts.dropForgotten(known('v1', 'v2'), 3_600_000)
    accounts.dropForgotten(known('v1'), 3_700_000)
    accounts.dropForgotten(known('v1'), 7_299_000)
    expect(versionsTold()).toEqual(['v1', 'v2'])
    accounts.dropForgotten(known('v1'), 7_301_000)
    expect(versionsTold()).toEqual(['v1'])
    accounts.count(requestRecord({ version: 'v2', poolVersion: 'v2' }), known('v1', 'v2'))
    expect(Array.from(accounts.istio.all(), ({ requests }) => requests)).toEqual([1, 1])
  })
})

describe('the exposition', () => {
  const everything = { servedVersion: 'v2', edgeCode: 'EDGE_LOOP', internal: false } as const

  it('holds every metric of names.ts with its help and type, and no other', async () => {
    const text = await metricsAfter(everything)
    const heads = text.split('\n').filter((line) => line.startsWith('# TYPE'))
    expect(heads.toSorted()).toEqual(
      Object.values(metricNames)
        .map(({ name, type }) => `# TYPE ${name} ${type}`)
        .toSorted(),
    )
    for (const { name, help } of Object.values(metricNames)) expect(text).toContain(`# HELP ${name} ${help}\n`)
  })

  it('escapes what a configuration may hold', async () => {
    metrics = createMetrics({ build: '0.0.0' })
    metrics.configured(tableOf('a"b\\c\nd', ['frontend'], ['v1']), 'abc')
    metrics.observe(requestRecord({ release: 'a"b\\c\nd' }))
    const [sample] = samplesOf(await metrics.text(), 'istio_requests_total')
    expect(sample?.labels['destination_service_namespace']).toBe('a"b\\c\nd')
  })

  // Where it is installed.
  const promtool = 'promtool'
  it.runIf(spawnSync(promtool, ['--version']).status === 0)('passes promtool, Istio’s milliseconds apart', async () => {
    const text = await metricsAfter(everything)
    // promtool is content with an empty input.
    expect(text).toContain('istio_requests_total{')
    const checked = spawnSync(promtool, ['check', 'metrics'], { input: text })
    // The one complaint is about a name that is Istio's.
    expect(`${checked.stdout}${checked.stderr}`.trim()).toBe(
      'istio_request_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
    )
  })
})
