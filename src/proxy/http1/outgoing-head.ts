// The two heads we send: the request's to an endpoint, the answer's to the client. One framing field each; hop-by-hop fields are ours.

import type { Endpoint, Forwarding } from '../exchange.ts'
import { httpDate } from './edge-response.ts'
import { CONTENT_LENGTH, DATE, HOST } from './field-names.ts'
import { isAuthority } from './request-head.ts'
import type { RequestMessage } from './request-head.ts'
import type { ResponseMessage } from './response-head.ts'

/** How the end of a body is marked. `none`: there is no body. */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'until-close' | 'tunnel'

export function requestHeadText(request: RequestMessage, forwarding: Forwarding, endpoint: Endpoint): string {
  if (request.lengthPadded) request.dropId(CONTENT_LENGTH)
  let out = keepsLineAndHost(request, forwarding)
    ? request.lineAndFields()
    : ownLineAndHost(request, forwarding, endpoint) + request.fieldsToSend()
  if (request.chunked) out += 'transfer-encoding: chunked\r\n'
  else if (request.lengthPadded) out += `content-length: ${request.contentLength}\r\n`
  else if (request.contentLength === -1 && expectsLength(request.method)) out += 'content-length: 0\r\n'
  if (request.websocket) out += 'connection: Upgrade\r\nupgrade: websocket\r\n'
  return `${out}\r\n`
}

/** The request line and Host are those that came: they stay where they are. */
function keepsLineAndHost(request: RequestMessage, { target, authority }: Forwarding): boolean {
  const isOurs = request.minorVersion === 1 && request.scheme === ''
  return isOurs && target === request.target && authority === request.authority && authority !== ''
}

function ownLineAndHost(request: RequestMessage, { target, authority }: Forwarding, endpoint: Endpoint): string {
  const line = `${request.method} ${wireTarget(request, target)} HTTP/1.1\r\n`
  if (authority === request.authority && request.scheme === '' && authority !== '') return line
  request.dropId(HOST)
  const isEmpty = authority === '' && request.hasId(HOST)
  return `${line}host: ${isEmpty ? '' : wireAuthority(authority, endpoint)}\r\n`
}

/** RFC 9110 8.6: methods that anticipate content should say so when there is none. */
function expectsLength(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

/** A rewritten target is built by the caller from checked parts; should one slip, it cannot end the request line. */
function wireTarget(request: RequestMessage, target: string): string {
  if (target === request.target) return target
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code <= 32 || code >= 127) return escaped(target)
  }
  return target === '' ? '/' : target
}

function escaped(target: string): string {
  let out = ''
  for (const byte of Buffer.from(target, 'utf8')) {
    out += byte <= 32 || byte >= 127 ? `%${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte)
  }
  return out
}

/** HTTP/1.0 requests may have no Host, HTTP/1.1 ones must (RFC 9112 3.2). */
function wireAuthority(authority: string, endpoint: Endpoint): string {
  if (isAuthority(authority)) return authority
  const label = endpoint.label ?? endpoint.key
  return endpoint.serverName === undefined ? label : label.slice(0, label.lastIndexOf('@'))
}

/** `chunked`: the body goes out in chunks. `connection`: what our Connection field says, '' for none. */
export function responseHeadText(
  head: ResponseMessage,
  framing: BodyFraming,
  chunked: boolean,
  connection: '' | 'close' | 'keep-alive',
): string {
  const tunnel = framing === 'tunnel'
  // RFC 9110 8.6: no length with 204. Where the body goes out in another framing than it came, its length would be a second one.
  const dropLength = head.status === 204 || framing === 'chunked' || framing === 'until-close'
  if (dropLength || tunnel || head.lengthPadded) head.dropId(CONTENT_LENGTH)
  let out = head.statusAndFields()
  if (head.lengthPadded && !dropLength) out += `content-length: ${head.contentLength}\r\n`
  if (tunnel) return `${out}connection: Upgrade\r\nupgrade: websocket\r\n\r\n`
  // RFC 9110 6.6.1: whoever forwards an answer without a date adds one.
  if (!head.hasId(DATE)) out += `date: ${httpDate()}\r\n`
  if (chunked) out += 'transfer-encoding: chunked\r\n'
  if (connection !== '') out += `connection: ${connection}\r\n`
  return `${out}\r\n`
}
