// IP addresses and CIDRs as values, and sets of them that cost the same however many they hold.
// Never throws on input, and never takes a spelling that two programs read differently (010.8.0.1, 0x7f.1, 127.1).

import ipaddr from 'ipaddr.js'
import type { Address } from './types.ts'

/** A block of addresses. `text` is canonical: host bits cleared, RFC 5952 spelling, the prefix length always shown. */
export type Cidr =
  | { readonly family: 4; /** lowest address */ readonly first: number; readonly prefix: number; readonly text: string }
  | {
      readonly family: 6
      readonly high: bigint
      readonly low: bigint
      readonly prefix: number
      readonly text: string
    }

const mapped = 0xffff_0000_0000n
const mappedPrefix = '::ffff:'
const word = 0xffff_ffff_ffff_ffffn

/**
 * An address as proxies and sockets write it: four-part decimal IPv4, or IPv6 in any RFC 4291 spelling; a port, an IPv6 zone and
 * brackets around IPv6 are cut. IPv4-mapped IPv6 becomes IPv4. Anything else, white space included, is undefined.
 */
export function parseAddress(text: string): Address | undefined {
  const value = ipv4Value(text, 0, text.length)
  // The only spelling taken is the canonical one, so the text can be kept.
  if (value !== -1) return { family: 4, value, text }
  if (text.charCodeAt(0) === 0x5b) return parseBracketed(text)
  const colon = text.indexOf(':')
  if (colon === -1) return undefined
  if (text.includes(':', colon + 1)) return parseIpv6(text)
  const before = isPort(text, colon) ? ipv4Value(text, 0, colon) : -1
  return before === -1 ? undefined : { family: 4, value: before, text: text.slice(0, colon) }
}

/**
 * A CIDR, or a single address as a block of one. Host bits are cleared, as Envoy does. A block inside ::ffff:0:0/96 becomes IPv4, as
 * its addresses do; other IPv6 blocks, `::/0` too, hold no IPv4.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const bare = slash === -1 ? text : text.slice(0, slash)
  const value = ipv4Value(bare, 0, bare.length)
  if (value !== -1) {
    const prefix = slash === -1 ? 32 : prefixLength(text, slash + 1, 32)
    return prefix === -1 ? undefined : ipv4Block(value, prefix)
  }
  const parts = bare.includes('%') ? undefined : ipv6Parts(bare)
  const prefix = slash === -1 ? 128 : prefixLength(text, slash + 1, 128)
  if (parts === undefined || prefix === -1) return undefined
  return ipv6Block(wordOf(parts, 0), wordOf(parts, 4), prefix)
}

/** Canonical text: dotted decimal, or RFC 5952. */
export function formatAddress(
  address:
    | { readonly family: 4; readonly value: number }
    | { readonly family: 6; readonly high: bigint; readonly low: bigint },
): string {
  if (address.family === 4) {
    const { value } = address
    return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
  }
  const parts: number[] = []
  for (const half of [address.high, address.low]) {
    for (let shift = 48n; shift >= 0n; shift -= 16n) parts.push(Number((half >> shift) & 0xffffn))
  }
  return new ipaddr.IPv6(parts).toRFC5952String()
}

/**
 * Whether an address lies in one of the blocks: sorted ranges without overlap and a binary search.
 * @throws Error on a text that `parseCidr` refuses: the configuration is checked before it is compiled.
 */
export function compileCidrs(cidrs: readonly string[]): (address: Address) => boolean {
  const four: { first: number; last: number }[] = []
  const six: { first: bigint; last: bigint }[] = []
  for (const text of cidrs) {
    const cidr = parseCidr(text)
    if (cidr === undefined) throw new Error(`not an address or CIDR: ${text}`)
    if (cidr.family === 4) four.push({ first: cidr.first, last: cidr.first + 2 ** (32 - cidr.prefix) - 1 })
    else {
      const first = (cidr.high << 64n) | cidr.low
      six.push({ first, last: first + (1n << BigInt(128 - cidr.prefix)) - 1n })
    }
  }
  const inFour = rangeTest(merge(four, (last) => last + 1))
  const inSix = rangeTest(merge(six, (last) => last + 1n))
  return function isInCidrs(address) {
    return address.family === 4 ? inFour(address.value) : inSix((address.high << 64n) | address.low)
  }
}

// --- ranges ------------------------------------------------------------------------------------------------------------------

interface Range<N> {
  readonly first: N
  readonly last: N
}

/** Sorted, and joined where they touch or overlap. */
function merge<N extends number | bigint>(ranges: Range<N>[], next: (last: N) => number | bigint): readonly Range<N>[] {
  const sorted = ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const merged: { first: N; last: N }[] = []
  for (const { first, last } of sorted) {
    const before = merged.at(-1)
    if (before === undefined || first > next(before.last)) merged.push({ first, last })
    else if (last > before.last) before.last = last
  }
  return merged
}

function rangeTest<N extends number | bigint>(ranges: readonly Range<N>[]): (value: N) => boolean {
  const firsts = ranges.map((range) => range.first)
  const lasts = ranges.map((range) => range.last)
  return (value) => {
    const at = lastAtMost(firsts, value)
    return at !== -1 && value <= (lasts[at] as N)
  }
}

/** Index of the last element that is not above the value, or -1. The list is sorted. */
export function lastAtMost<N extends number | bigint>(sorted: readonly N[], value: N): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as N) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}

// --- IPv4 --------------------------------------------------------------------------------------------------------------------

/** The value of four decimal parts without leading zeros, exactly between the two indexes, or -1. One pass, no allocation. */
function ipv4Value(text: string, start: number, end: number): number {
  if (end - start < 7 || end - start > 15) return -1
  let value = 0
  let part = -1
  let dots = 0
  for (let i = start; i < end; i += 1) {
    const code = text.charCodeAt(i)
    if (code === 0x2e) {
      if (part === -1 || dots === 3) return -1
      value = value * 256 + part
      part = -1
      dots += 1
    } else if (code >= 0x30 && code <= 0x39) {
      // A zero that another digit follows is octal to some programs and decimal to others.
      if (part === 0) return -1
      part = part === -1 ? code - 0x30 : part * 10 + code - 0x30
      if (part > 255) return -1
    } else return -1
  }
  return part === -1 || dots !== 3 ? -1 : value * 256 + part
}

function ipv4Block(value: number, prefix: number): Cidr {
  const size = 2 ** (32 - prefix)
  const first = value - (value % size)
  return { family: 4, first, prefix, text: `${formatAddress({ family: 4, value: first })}/${prefix}` }
}

// --- IPv6 --------------------------------------------------------------------------------------------------------------------

/** `[::1]` and `[::1]:80` (RFC 3986 3.2.2). */
function parseBracketed(text: string): Address | undefined {
  const close = text.indexOf(']')
  if (close === -1 || (close + 1 < text.length && !isPort(text, close + 1))) return undefined
  return parseIpv6(text.slice(1, close))
}

function parseIpv6(text: string): Address | undefined {
  // What every IPv4 client of a socket on `::` has.
  const plain = text.startsWith(mappedPrefix) ? ipv4Value(text, mappedPrefix.length, text.length) : -1
  if (plain !== -1) return { family: 4, value: plain, text: text.slice(mappedPrefix.length) }
  const zone = text.indexOf('%')
  const parts = ipv6Parts(zone === -1 ? text : text.slice(0, zone))
  if (parts === undefined) return undefined
  const high = wordOf(parts, 0)
  const low = wordOf(parts, 4)
  if (high === 0n && low >> 32n === mapped >> 32n) {
    const value = Number(low & 0xffff_ffffn)
    return { family: 4, value, text: formatAddress({ family: 4, value }) }
  }
  return { family: 6, high, low, text: new ipaddr.IPv6(parts as number[]).toRFC5952String() }
}

/** The eight groups, or undefined. Strict where ipaddr.js is not: it takes octal and hexadecimal in an embedded IPv4 address. */
function ipv6Parts(text: string): readonly number[] | undefined {
  if (text.length < 2 || text.length > 45) return undefined
  let hex = text
  if (text.includes('.')) {
    const colon = text.lastIndexOf(':')
    const value = ipv4Value(text, colon + 1, text.length)
    if (value === -1) return undefined
    hex = `${text.slice(0, colon + 1)}${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`
  }
  return /^[0-9a-f:]+$/i.test(hex) && ipaddr.IPv6.isValid(hex) ? ipaddr.IPv6.parse(hex).parts : undefined
}

function wordOf(parts: readonly number[], from: number): bigint {
  const [a = 0, b = 0, c = 0, d = 0] = parts.slice(from, from + 4)
  return (BigInt(a * 0x10000 + b) << 32n) | BigInt(c * 0x10000 + d)
}

function ipv6Block(high: bigint, low: bigint, prefix: number): Cidr {
  if (high === 0n && low >> 32n === mapped >> 32n && prefix >= 96) {
    return ipv4Block(Number(low & 0xffff_ffffn), prefix - 96)
  }
  const mask = (word << 64n) | word
  const first = ((high << 64n) | low) & (mask << BigInt(128 - prefix)) & mask
  const block = { family: 6, high: first >> 64n, low: first & word } as const
  return { ...block, prefix, text: `${formatAddress(block)}/${prefix}` }
}

// --- digits ------------------------------------------------------------------------------------------------------------------

/** Whether the rest of the text from `at` is a colon and a port. */
function isPort(text: string, at: number): boolean {
  return text.charCodeAt(at) === 0x3a && decimal(text, at + 1, 5) <= 65535
}

function prefixLength(text: string, at: number, most: number): number {
  const length = decimal(text, at, 3)
  const hasLeadingZero = text.charCodeAt(at) === 0x30 && text.length > at + 1
  return length <= most && !hasLeadingZero ? length : -1
}

/** The digits from `at` to the end as a number; Infinity when there are none, too many, or something else. */
function decimal(text: string, at: number, most: number): number {
  if (at >= text.length || text.length - at > most) return Infinity
  let value = 0
  for (let i = at; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return Infinity
    value = value * 10 + code - 0x30
  }
  return value
}
