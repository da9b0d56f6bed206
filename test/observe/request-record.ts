// A finished request to change a field or two of, and a route table of two services in three versions.

import type { RequestRecord } from '../../src/observe/record.ts'
import type { RouteTable } from '../../src/rules/release.ts'

export function requestRecord(changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    internal: false,
    release: 'shop',
    service: 'frontend',
    version: 'v1',
    poolVersion: 'v1',
    servedVersion: undefined,
    reason: 'stable',
    rule: '',
    document: true,
    pinIn: 'none',
    pinOut: 'set',
    visitor: '',
    sourceVersion: '',
    method: 'GET',
    path: '/',
    authority: 'shop.example',
    clientAddress: '203.0.113.7',
    protocol: 'HTTP/1.1',
    status: 200,
    edgeCode: '',
    flags: '-',
    endpoint: '127.0.1.1:8080',
    attempts: 1,
    bytesReceived: 0,
    bytesSent: 1234,
    wireBytesReceived: 89,
    wireBytesSent: 1434,
    durationMs: 4.2,
    upstreamMs: 3.1,
    request: undefined,
    connection: undefined,
    ...changes,
  }
}

/** As much of a table as metrics read: names. */
export function tableOf(release: string, services: readonly string[], versions: readonly string[]): RouteTable {
  const spec = { versions: new Map(versions.map((version) => [version, { name: version }])) }
  return {
    releases: [{ name: release, services: services.map((name) => ({ name })), spec }],
  } as unknown as RouteTable
}

export const shopTable = tableOf('shop', ['frontend', 'mqtt-server'], ['v1', 'v2', 'v3'])
