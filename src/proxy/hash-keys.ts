// What of a request decides on its endpoint where a pool hashes consistently: a header, a cookie, the client's address, a parameter.

import { findCookies } from '../affinity/cookie-field.ts'
import { queryParameter } from '../rules/query-parameter.ts'
import type { HashCookieSpec, HashKeySpec } from '../rules/traffic-policy.ts'
import { combined, hash32 } from './balance/hash32.ts'
import type { Connection, RequestHead } from './exchange.ts'

/** What hashing asks for. */
export interface Hashed {
  readonly request: RequestHead
  readonly connection: Connection
  /** The trusted client address. */
  readonly clientAddress: string
}

/** `hash` undefined: any endpoint does. `cookies`: Set-Cookie lines for a client that had none. */
export interface RequestHash {
  readonly hash: number | undefined
  readonly cookies: readonly string[]
}

export function hashRequest(keys: readonly HashKeySpec[], hashed: Hashed): RequestHash {
  const cookies: string[] = []
  let hash: number | undefined
  for (const key of keys) {
    const text = textOf(key, hashed) ?? (key.kind === 'cookie' ? madeUp(key, hashed.connection, cookies) : undefined)
    if (text === undefined) continue
    hash = hash === undefined ? hash32(text) : combined(hash, hash32(text))
  }
  return { hash, cookies }
}

function textOf(key: HashKeySpec, { request, clientAddress }: Hashed): string | undefined {
  switch (key.kind) {
    case 'header': {
      const lines = key.name === ':authority' ? [request.authority] : request.lines(key.name)
      return lines.length === 0 ? undefined : lines.toSorted().join('\0')
    }
    case 'cookie': {
      const field = request.get('cookie')
      return field === undefined
        ? undefined
        : findCookies(field, key.name)
            .map(unquoted)
            .find((value) => value !== '')
    }
    case 'sourceIp':
      return clientAddress
    case 'queryParameter': {
      const question = request.target.indexOf('?')
      return question === -1 ? undefined : queryParameter(request.target.slice(question + 1), key.name)
    }
  }
}

function unquoted(value: string): string {
  return /^"(.*)"$/.exec(value)?.[1] ?? value
}

/** As Envoy makes it: the same for all requests of one connection, and no name of an endpoint. */
function madeUp(key: HashCookieSpec, connection: Connection, cookies: string[]): string | undefined {
  if (key.ttlSeconds === undefined) return undefined
  const { remoteAddress, remotePort, localPort } = connection
  const parts = `${remoteAddress} ${remotePort} ${localPort}`
  const value = [hash32(parts), hash32(parts, 1)].map((half) => half.toString(16).padStart(8, '0')).join('')
  const attributes = [
    ...(key.ttlSeconds === 0 ? [] : [`Max-Age=${key.ttlSeconds}`]),
    ...(key.path === '' ? [] : [`Path=${key.path}`]),
    ...key.attributes.map(([name, text]) => (text === '' ? name : `${name}=${text}`)),
    'HttpOnly',
  ]
  cookies.push(`${key.name}="${value}"; ${attributes.join('; ')}`)
  return value
}
