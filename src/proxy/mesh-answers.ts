// What Envoy 1.40 answers by itself, byte by byte: texts are its own, there is no JSON and no HTML.

import { STATUS_CODES } from 'node:http'
import type { MeshListener } from '../rules/mesh-table.ts'
import type { MeshListenerSpec } from '../rules/mesh-types.ts'
import type { EdgeAnswer, Refusal, UpstreamFailure } from './exchange.ts'

/** What it calls itself. */
export function serverName(kind: MeshListenerSpec['kind']): string {
  return kind === 'gateway' ? 'istio-envoy' : 'envoy'
}

/** As its HTTP/1 codec refuses a message: the words of the status, and the connection ends. */
export function codecAnswer(status: number): EdgeAnswer {
  return textAnswer(status, STATUS_CODES[status] ?? '')
}

/** Of no route, an unknown service or subset: a status and nothing else. */
export function emptyAnswer(status: number): EdgeAnswer {
  return { status, fields: [], body: '' }
}

/** For messages that never became a request. */
export function refusalAnswer(refusal: Refusal, { spec }: MeshListener): EdgeAnswer {
  const answer = refusal === 'missing-host' ? emptyAnswer(400) : codecAnswer(refusalStatus[refusal])
  return { ...answer, fields: [...answer.fields, ['server', serverName(spec.kind)]] }
}

const refusalStatus: Record<Refusal, number> = {
  'bad-request': 400,
  'missing-host': 400,
  'wrong-scheme': 403,
  'request-timeout': 408,
  'head-too-large': 431,
  'target-too-long': 431,
  'version-not-supported': 426,
  'method-not-allowed': 405,
  'not-implemented': 501,
  'expectation-failed': 417,
  'too-many-connections': 503,
}

const upstreamError = 'upstream connect error or disconnect/reset before headers. '

/** @param attempts how often it was tried: the text tells */
export function failureAnswer(failure: UpstreamFailure, attempts: number): EdgeAnswer {
  switch (failure) {
    case 'no-endpoint':
      return textAnswer(503, 'no healthy upstream')
    case 'timeout':
    case 'try-timeout':
      return textAnswer(504, 'upstream request timeout')
    case 'overflow': {
      const answer = textAnswer(503, `${upstreamError}reset reason: overflow`)
      return { ...answer, fields: [...answer.fields, ['x-envoy-overloaded', 'true']] }
    }
    case 'bad-response':
      return textAnswer(502, `${upstreamError}${reset(attempts)}protocol error`)
    case 'reset-before-head':
      return textAnswer(503, `${upstreamError}${reset(attempts)}connection termination`)
    case 'connect-timeout':
      return textAnswer(503, `${upstreamError}${reset(attempts)}connection timeout`)
    case 'connect-refused':
      return textAnswer(503, `${upstreamError}${reset(attempts)}remote connection failure`)
  }
}

function reset(attempts: number): string {
  return attempts > 1 ? 'retried and the latest reset reason: ' : 'reset reason: '
}

function textAnswer(status: number, body: string): EdgeAnswer {
  return { status, fields: [['content-type', 'text/plain']], body }
}
