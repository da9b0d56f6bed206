// Field names that are asked for often get a number while the head is parsed, so that looking them up later costs nothing.
// 0 is every other name. At most 61 names: presence is kept in two 31-bit masks.

import { foldedByte, lowerByte } from './bytes.ts'

const names = [
  '',
  // Framing and hop-by-hop: the parser itself acts on these.
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'http2-settings',
  'sec-websocket-key',
  'date',
  'set-cookie',
  // What deciding and rewriting ask for on most requests and answers.
  'cookie',
  'accept',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-version',
  'x-page-version',
  'x-served-version',
  'sec-fetch-mode',
  'sec-fetch-dest',
  'sec-fetch-site',
  'sec-purpose',
  'purpose',
  'via',
  'x-requested-with',
  'hx-request',
  'turbo-frame',
  'rsc',
  'next-router-prefetch',
  'origin',
  'if-none-match',
  'if-modified-since',
  'if-range',
  'max-forwards',
  'content-type',
  'cache-control',
  'expires',
  'etag',
  'vary',
  'cdn-cache-control',
  'surrogate-control',
  'user-agent',
  'accept-encoding',
  'accept-language',
  'authorization',
  'referer',
  'x-real-ip',
  'forwarded',
  'x-request-id',
  'access-control-request-method',
  'if-match',
  'last-modified',
  'service-worker',
  'sec-fetch-user',
  'upgrade-insecure-requests',
  'server',
  'alt-svc',
]

const idByName = new Map(names.map((name, id) => [name, id]))
idByName.delete('')

export const HOST = 1
export const CONNECTION = 2
export const CONTENT_LENGTH = 3
export const TRANSFER_ENCODING = 4
export const UPGRADE = 5
export const EXPECT = 6
export const SEC_WEBSOCKET_KEY = 12
export const DATE = 13
export const SET_COOKIE = 14
export const COOKIE = 15

/** Never sent on (RFC 9110 7.6.1; HTTP2-Settings of RFC 7540 3.2.1 is gone with h2c; trailers are dropped, so is their announcement). */
export const hopByHop = new Uint8Array(names.length)
for (const name of [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]) {
  hopByHop[idByName.get(name)!] = 1
}

// Names that Connection cannot take away: fields "intended for all recipients of the content" (RFC 9110 7.6.1), and those on
// which framing, routing and identity rest. Without this, `Connection: cookie` turns any request into an anonymous one. A WebSocket is
// opened at the backend: its fields are for that (RFC 6455 4.1), and without them an upgrade that was taken for one fails there.
const lasting = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'cache-control',
  'cookie',
  'set-cookie',
  'authorization',
  'date',
  'via',
  'expect',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'sec-websocket-accept',
])

export function survivesConnection(name: string): boolean {
  return lasting.has(name)
}

/** All names behind each other; names[id] stands at nameStarts[id]. */
const nameBytes = Uint8Array.from(names.join(''), (char) => char.charCodeAt(0))
const nameStarts = Int32Array.from(names, (_, id) => names.slice(0, id).join('').length)
const nameLengths = Uint8Array.from(names, (name) => name.length)

/** The first name of each bucket, and for each name the next one in its bucket; 0 for none. */
const firstInBucket = new Uint8Array(512)
const nextInBucket = new Uint8Array(names.length)
for (const [name, id] of idByName) {
  const bucket = bucketOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1))
  nextInBucket[id] = firstInBucket[bucket]!
  firstInBucket[bucket] = id
}

/** The number of a name in lower case; 0 when it has none. By the same buckets: a Map would hash the text each time it is a new one. */
export function idOfName(name: string): number {
  const length = name.length
  if (length === 0) return 0
  let id = firstInBucket[bucketOf(length, name.charCodeAt(0), name.charCodeAt(length - 1))]!
  while (id !== 0 && names[id] !== name) id = nextInBucket[id]!
  return id
}

/** The number of the name at bytes[from..to), whatever its letter case; 0 when it has none. */
export function idOfBytes(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  let id = firstInBucket[bucketOf(length, lowerByte[bytes[from]!]!, lowerByte[bytes[to - 1]!]!)]!
  for (; id !== 0; id = nextInBucket[id]!)
    if (nameLengths[id] === length && endOfName(id, bytes, from, to) === to) return id
  return 0
}

/** Behind the name of that number, if it stands at bytes[from..end), whatever its letter case; else `from`. */
export function endOfName(id: number, bytes: Uint8Array, from: number, end: number): number {
  const behind = from + nameLengths[id]!
  if (behind > end) return from
  let at = nameStarts[id]!
  for (let p = from; p < behind; p++) if (lowerByte[bytes[p]!] !== nameBytes[at++]) return from
  return behind
}

function bucketOf(length: number, first: number, last: number): number {
  return (length * 37 + first * 11 + last) & 511
}

/**
 * Names that are taken out together in every spelling: `x-version`, `X_Version`, `x.version` are one name to many backends. Compiled once,
 * so that a head which holds none of them costs two comparisons.
 */
export class FieldNames {
  /** In lower case. */
  readonly names: readonly string[]
  readonly low: number
  readonly high: number
  /** Lengths of the names, as lengthBit says them. */
  readonly lengths: number
  /** And of those among them that have no number. */
  readonly otherLengths: number

  constructor(list: readonly string[]) {
    this.names = list
    let low = 0
    let high = 0
    for (const [id, known] of names.entries()) {
      if (id === 0 || !list.some((name) => isSpelling(known, name))) continue
      if (id < 31) low |= 1 << id
      else high |= 1 << (id - 31)
    }
    this.low = low
    this.high = high
    this.lengths = lengthBits(list)
    this.otherLengths = lengthBits(list.filter((name) => !idByName.has(name)))
  }

  /** Is this one of the names, in lower case? */
  has(name: string): boolean {
    return (this.lengths & lengthBit(name.length)) !== 0 && this.names.includes(name)
  }

  /** Is this one of the names, in whatever spelling? */
  spells(text: string): boolean {
    return this.names.some((name) => isSpelling(text, name))
  }

  hasId(id: number): boolean {
    return id < 31 ? (this.low & (1 << id)) !== 0 : (this.high & (1 << (id - 31))) !== 0
  }
}

/** Which lengths the names of a head have, modulo 32, fits one number. */
export function lengthBit(length: number): number {
  return 1 << (length & 31)
}

function lengthBits(list: readonly string[]): number {
  return list.reduce((bits, name) => bits | lengthBit(name.length), 0)
}

function isSpelling(text: string, name: string): boolean {
  if (text.length !== name.length) return false
  for (let i = 0; i < text.length; i++) {
    if (foldedByte[text.charCodeAt(i)] !== foldedByte[name.charCodeAt(i)]) return false
  }
  return true
}
