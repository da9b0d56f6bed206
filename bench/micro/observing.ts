// What counting, showing and logging one request costs: everything that observes a finished request, alone and together. Requests alternate
// between two services, versions and endpoints, as real ones do.

import { createLineWriter } from '../../src/observe/access-log.ts'
import { Accounts } from '../../src/observe/accounts.ts'
import { createIstioTextWriter } from '../../src/observe/istio-log-line.ts'
import type { KnownNames } from '../../src/observe/istio-series.ts'
import { LogLines } from '../../src/observe/log-lines.ts'
import { filePieceBytes } from '../../src/observe/log-sink.ts'
import type { RequestRecord } from '../../src/observe/record.ts'
import { TrafficCounter } from '../../src/observe/traffic-counter.ts'
import type { Part } from './part.ts'

const names: KnownNames = {
  releases: new Set(['shop']),
  services: new Set(['frontend', 'mqtt-server']),
  versions: new Set(['v1', 'v2', 'v3']),
}

export function observingParts(): readonly Part[] {
  const records = variousRecords()
  let turn = 0
  const next = (): RequestRecord => records[++turn % records.length]!
  const accounts = new Accounts()
  const traffic = new TrafficCounter()
  const metrics = (record: RequestRecord): void => accounts.count(record, names)
  const shown = (record: RequestRecord): void => {
    traffic.count(record, names)
    // As often as a second ends at twenty thousand requests in one.
    if (turn % 20_000 === 0) traffic.take()
  }
  const json = logged(createLineWriter)
  const istio = logged(createIstioTextWriter)
  return [
    { name: 'count a request for /metrics', call: () => metrics(next()) },
    { name: 'count it for the dashboard, its part of the second’s report included', call: () => shown(next()) },
    { name: 'write its line of the access log: JSON', call: () => json(next()) },
    { name: 'write its line of the access log: Istio’s text', call: () => istio(next()) },
    {
      name: 'all that observes a request: metrics, dashboard, JSON log',
      call: () => {
        const record = next()
        metrics(record)
        shown(record)
        json(record)
      },
    },
  ]
}

/** Lines are dropped where they would be handed to the disk; their memory comes back as from there. */
function logged(
  createWriter: (lines: LogLines) => (record: RequestRecord, time: number) => void,
): (record: RequestRecord) => void {
  const lines = new LogLines(filePieceBytes)
  const write = createWriter(lines)
  return (record) => {
    write(record, Date.now())
    if (lines.length >= filePieceBytes) lines.giveBack(lines.take())
  }
}

function variousRecords(): RequestRecord[] {
  return Array.from({ length: 60 }, (_, i) => {
    const version = i % 3 === 0 ? 'v2' : 'v1'
    const service = i % 2 === 0 ? 'frontend' : 'mqtt-server'
    return {
      internal: false,
      release: 'shop',
      service,
      version,
      poolVersion: version,
      servedVersion: version,
      reason: version === 'v2' ? 'pin' : 'stable',
      rule: i % 9 === 0 ? 'office' : '',
      document: i % 5 === 0,
      pinIn: 'held',
      pinOut: 'kept',
      visitor: `seed-of-visitor-${i % 20}`,
      sourceVersion: '',
      method: 'GET',
      path: `/assets/page-${i}.js`,
      authority: 'shop.example',
      clientAddress: '203.0.113.9',
      protocol: 'HTTP/1.1',
      status: i % 20 === 0 ? 404 : 200,
      edgeCode: '',
      flags: '-',
      endpoint: `127.0.1.${version === 'v2' ? 2 : 1}:${service === 'frontend' ? 8080 : 8000}`,
      attempts: 1,
      bytesReceived: 0,
      bytesSent: 1000 + i,
      wireBytesReceived: 300,
      wireBytesSent: 1200 + i,
      durationMs: 1.5 + i / 10,
      upstreamMs: 1.1 + i / 10,
      request: undefined,
      connection: undefined,
    }
  })
}
