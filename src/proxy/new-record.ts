// The record of a request as it begins: everything that is not known yet is empty.

import type { RequestRecord } from '../observe/record.ts'
import type { Exchange } from './exchange.ts'

export type RecordInTheMaking = { -readonly [K in keyof RequestRecord]: RequestRecord[K] }

export function newRecord(exchange: Exchange, internal: boolean): RecordInTheMaking {
  const request = exchange.request
  return {
    internal,
    release: '',
    service: '',
    version: '',
    poolVersion: '',
    servedVersion: undefined,
    reason: '',
    rule: '',
    document: false,
    pinIn: 'none',
    pinOut: 'none',
    visitor: '',
    sourceVersion: '',
    method: request.method,
    path: '',
    authority: request.authority,
    clientAddress: exchange.connection.remoteAddress,
    protocol: request.minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0',
    status: 0,
    edgeCode: '',
    flags: '-',
    endpoint: '',
    attempts: 0,
    bytesReceived: 0,
    bytesSent: 0,
    wireBytesReceived: 0,
    wireBytesSent: 0,
    durationMs: 0,
    upstreamMs: -1,
    request,
    connection: exchange.connection,
  }
}
