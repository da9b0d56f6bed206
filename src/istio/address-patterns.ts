// Addresses as regexes over their text: a mesh has no CIDR match, but a header in which the client's address stands. Patterns are RE2,
// for a match of the whole value. Says undefined rather than something near.

import { parseCidr } from '../rules/address.ts'
import { alternatives, quoteRegex } from './regex-text.ts'

type Block = NonNullable<ReturnType<typeof parseCidr>>

const noAddress = String.raw`(?:.*,)?[^,]*[^0-9a-fA-F:.,%\[\]\s][^,]*`

/** Fits the canonical text of the addresses in this block and of no others; undefined where the text does not tell (`2001::/20`). */
function cidrPattern(cidr: string): string | undefined {
  const block = parseCidr(cidr)
  if (block === undefined) return undefined
  return block.family === 4 ? ipv4Pattern(block.first, block.prefix) : ipv6Pattern(block)
}

/** What regexes can tell of a list of blocks, and which of them they cannot. */
export interface AddressPatterns {
  readonly patterns: readonly string[]
  readonly inexpressible: readonly string[]
}

/** Any of these blocks, in a header that holds one address. */
export function addressPatterns(cidrs: readonly string[]): AddressPatterns {
  return gather(cidrs, cidrPattern, (texts) => alternatives(texts))
}

/**
 * The same in X-Forwarded-For as a gateway sees it, its own peer at the end: the client, then trusted proxies alone. What a client
 * writes stands left of that. Not for a block that holds a trusted one, since no pattern says "but not those".
 */
export function forwardedForPatterns(cidrs: readonly string[], trusted: readonly string[]): AddressPatterns {
  const proxies = trusted.map(cidrPattern)
  if (proxies.includes(undefined)) return { patterns: [], inexpressible: cidrs }
  const hops = `(?:, *(?:${proxies.join('|')}))*`
  const relations = new Map(cidrs.map((cidr) => [cidr, trusted.map((proxy) => relation(cidr, proxy))]))
  const isInside = (cidr: string): boolean => relations.get(cidr)?.includes('inside') === true
  const pattern = (cidr: string): string | undefined =>
    relations.get(cidr)?.includes('wider') === true ? undefined : cidrPattern(cidr)
  const apart = gather(
    cidrs.filter((cidr) => !isInside(cidr)),
    pattern,
    (texts) => alternatives(texts, (list) => `(?:.*, *)?${list}${hops}`),
  )
  // The walk does not stop at a trusted address, unless nothing stands left of it, or something that is no address (`unknown`).
  const inside = gather(cidrs.filter(isInside), pattern, (texts) =>
    alternatives(texts, (list) => `(?:${noAddress}, *)?${list}${hops}`),
  )
  return {
    patterns: [...apart.patterns, ...inside.patterns],
    inexpressible: [...apart.inexpressible, ...inside.inexpressible],
  }
}

function gather(
  cidrs: readonly string[],
  pattern: (cidr: string) => string | undefined,
  join: (texts: readonly string[]) => readonly string[],
): AddressPatterns {
  const texts = cidrs.map(pattern)
  return {
    patterns: join(texts.filter((text) => text !== undefined)),
    inexpressible: cidrs.filter((_, index) => texts[index] === undefined),
  }
}

function relation(cidr: string, other: string): 'apart' | 'inside' | 'wider' {
  const a = parseCidr(cidr) as Block
  const b = parseCidr(other) as Block
  if (a.family !== b.family) return 'apart'
  const narrow = a.prefix >= b.prefix ? a : b
  const wide = narrow === a ? b : a
  if (firstOf(narrow) >> bitsOf(wide) !== firstOf(wide) >> bitsOf(wide)) return 'apart'
  return narrow === a ? 'inside' : 'wider'
}

function firstOf(block: Block): bigint {
  return block.family === 4 ? BigInt(block.first) : (block.high << 64n) | block.low
}

/** Bits behind the prefix. */
function bitsOf(block: Block): bigint {
  return BigInt((block.family === 4 ? 32 : 128) - block.prefix)
}

// --- IPv4 --------------------------------------------------------------------------------------------------------------------------------

function ipv4Pattern(first: number, prefix: number): string {
  const octets = [first >>> 24, (first >>> 16) & 255, (first >>> 8) & 255, first & 255].map((octet, index) => {
    const free = Math.max(0, Math.min(8, (index + 1) * 8 - prefix))
    return free === 8 ? '\\d+' : numberPattern(octet, octet + 2 ** free - 1)
  })
  return octets.join('\\.')
}

/** Decimal numbers from `low` to `high` (at most 255), without leading zeros. */
function numberPattern(low: number, high: number): string {
  if (low === high) return String(low)
  const parts: string[] = []
  for (let from = low; from <= high;) {
    // The widest run that shares all digits but the last, or all but the last two.
    const ten = from - (from % 10)
    const wholeHundred = from % 100 === 0 && from >= 100 && from + 99 <= high
    const wholeTens = from % 10 === 0 && from + 9 <= high
    if (wholeHundred) {
      parts.push(`${from / 100}\\d\\d`)
      from += 100
    } else if (wholeTens && from >= 10) {
      // As many whole tens as there are in this hundred.
      const hundred = from - (from % 100)
      const lastTen = Math.min(Math.floor((high + 1) / 10) * 10 - 10, hundred + 90)
      parts.push(`${from < 100 ? '' : (from / 100) | 0}${digits((from % 100) / 10, (lastTen % 100) / 10)}\\d`)
      from = lastTen + 10
    } else {
      const to = Math.min(high, ten + 9)
      parts.push(`${ten === 0 ? '' : ten / 10}${digits(from - ten, to - ten)}`)
      from = to + 1
    }
  }
  return parts.length === 1 ? (parts[0] as string) : `(?:${parts.join('|')})`
}

function digits(low: number, high: number): string {
  if (low === high) return String(low)
  return low === 0 && high === 9 ? '\\d' : `[${low}-${high}]`
}

// --- IPv6 --------------------------------------------------------------------------------------------------------------------------------

/** RFC 5952 hides zeros behind `::`, so only whole groups that are not zero can be read off the front of the text. */
function ipv6Pattern(block: Block & { family: 6 }): string | undefined {
  if (block.prefix === 128) return quoteRegex(block.text.replace(/\/\d+$/, ''))
  if (block.prefix === 0) return '[0-9a-f]*:[0-9a-f:]*'
  if (block.prefix % 16 !== 0) return undefined
  const all = firstOf(block)
  const groups = Array.from({ length: block.prefix / 16 }, (_, index) => (all >> BigInt(112 - 16 * index)) & 0xffffn)
  if (groups.includes(0n)) return undefined
  return `${groups.map((group) => group.toString(16)).join(':')}:[0-9a-f:]+`
}
