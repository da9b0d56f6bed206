// The decision of all Node rivals, as cheap as it can be written by hand: the address, the user, the pin, else v1.

import type { IncomingMessage } from 'node:http'

import type { Ports, Version } from '../backend.ts'

export interface Decided {
  readonly version: Version
  /** The pin to set; undefined when a valid one came. */
  readonly setCookie: string | undefined
}

const pinned = decisions(() => undefined)
const unpinned = decisions((version) => `version=${version}; Path=/; HttpOnly`)

export function decide(request: IncomingMessage): Decided {
  const { headers } = request
  const pin = pinOf(headers.cookie)
  const table = pin === undefined ? unpinned : pinned
  if (headers['x-forwarded-for'] === '192.168.0.58') return table.v2
  if (headers['x-user'] === 'jason') return table.v3
  return table[pin ?? 'v1']
}

/** The URL of each version's backend. */
export function urlsOf(backends: Ports): Readonly<Record<Version, string>> {
  const url = (version: Version): string => `http://127.0.0.1:${backends[version]}`
  return { v1: url('v1'), v2: url('v2'), v3: url('v3') }
}

/** X-Forwarded-For with the peer added. */
export function forwardedFor(request: IncomingMessage): string {
  const sent = request.headers['x-forwarded-for']
  const peer = request.socket.remoteAddress ?? ''
  return sent === undefined ? peer : `${String(sent)}, ${peer}`
}

function pinOf(cookie: string | undefined): Version | undefined {
  if (cookie === undefined) return undefined
  for (let at = cookie.indexOf('version='); at >= 0; at = cookie.indexOf('version=', at + 8)) {
    if (at > 0 && cookie[at - 1] !== ' ' && cookie[at - 1] !== ';') continue
    const end = cookie[at + 10]
    if (end !== undefined && end !== ';') continue
    const value = cookie.slice(at + 8, at + 10)
    if (value === 'v1' || value === 'v2' || value === 'v3') return value
  }
  return undefined
}

function decisions(setCookie: (version: Version) => string | undefined): Readonly<Record<Version, Decided>> {
  const of = (version: Version): Decided => ({ version, setCookie: setCookie(version) })
  return { v1: of('v1'), v2: of('v2'), v3: of('v3') }
}
