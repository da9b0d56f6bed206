// Patterns back to what was meant by them: addresses in X-Forwarded-For or x-envoy-external-address, a cookie inside a Cookie header.
// Undefined where a pattern is none of the known forms; nothing is guessed.

import { parseAddress, parseCidr } from '../rules/address.ts'
import { compileRegex } from '../rules/regex.ts'
import type { Plain } from './plain-values.ts'
import { cookiesPattern, readLiteral } from './regex-text.ts'

/** Addresses and CIDRs of a test on a header that tells the client's address. */
export interface AddressTest {
  readonly cidrs: readonly string[]
  /** Proxies that the pattern allows behind the client. */
  readonly proxies: readonly string[]
  /** The test does not do what it looks like at a gateway (an exact match on X-Forwarded-For). */
  readonly meant: boolean
}

export function readAddressTest(header: string, match: Readonly<Record<string, Plain>>): AddressTest | undefined {
  const isChain = header === 'x-forwarded-for'
  const { exact, prefix, regex } = match
  if (typeof exact === 'string') return parseAddress(exact) && { cidrs: [exact], proxies: [], meant: isChain }
  if (typeof prefix === 'string') return readPrefix(prefix)
  return typeof regex === 'string' ? readRegex(regex) : undefined
}

/** `192.168.0.58`, `192.168.0.58,`, `10.8.`. */
function readPrefix(prefix: string): AddressTest | undefined {
  const address = prefix.replace(/,\s*$/, '')
  if (parseAddress(address) !== undefined) return { cidrs: [address], proxies: [], meant: true }
  const octets = /^((?:\d{1,3}\.){1,3})$/.exec(prefix)?.[1]?.split('.').slice(0, -1)
  if (octets === undefined) return undefined
  const cidr = `${[...octets, '0', '0', '0'].slice(0, 4).join('.')}/${octets.length * 8}`
  return parseCidr(cidr) && { cidrs: [cidr], proxies: [], meant: true }
}

function readRegex(regex: string): AddressTest | undefined {
  const bare = regex.replace(/^\^/, '').replace(/\$$/, '')
  // As `export istio` writes it: the client, then trusted proxies alone.
  const chain = /^\(\?:(?:\.\*|.*\[\^,\]\*), \*\)\?(.*)\(\?:, \*\(\?:(.*)\)\)\*$/.exec(bare)
  if (chain !== null) return together(chain[1] as string, chain[2] as string, false)
  const loose = /^(?:\(\.\*,\s?\*?\)\?|\(\.\*,\\s\*\)\?)?(.*?)\(,\s?\.\*\)\?$/.exec(bare)
  return loose === null ? together(bare, '', false) : together(loose[1] as string, '', true)
}

function together(clients: string, proxies: string, meant: boolean): AddressTest | undefined {
  const [cidrs, trusted] = [readBlocks(clients), readBlocks(proxies)]
  if (cidrs.length === 0 || cidrs.includes(undefined) || trusted.includes(undefined)) return undefined
  return { cidrs: cidrs as string[], proxies: trusted as string[], meant }
}

function readBlocks(list: string): readonly (string | undefined)[] {
  return list === '' ? [] : splitAlternatives(list).map(readBlock)
}

/** The parts of `(?:a|b)` or `a|b`, outside of groups. */
function splitAlternatives(pattern: string): readonly string[] {
  const inner = /^\(\?:(.*)\)$/.exec(pattern)?.[1]
  const text = inner !== undefined && closesAtEnd(pattern) ? inner : pattern
  const parts: string[] = ['']
  let depth = 0
  for (const char of text) {
    if (char === '(') depth += 1
    if (char === ')') depth -= 1
    if (char === '|' && depth === 0) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts
}

/** Whether the bracket that opens a pattern is closed by its last one. */
function closesAtEnd(pattern: string): boolean {
  let depth = 0
  for (const [index, char] of [...pattern].entries()) {
    if (char === '(') depth += 1
    if (char === ')') depth -= 1
    if (depth === 0) return index === pattern.length - 1
  }
  return false
}

/** One block: a plain address, four patterns of octets, or groups of IPv6 with the rest open. */
function readBlock(pattern: string): string | undefined {
  const text = pattern.replaceAll(/\\(.)/g, '$1')
  if (parseAddress(text)?.text === text) return text
  if (pattern === '[0-9a-f]*:[0-9a-f:]*') return '::/0'
  const groups = /^((?:[0-9a-f]+:)+)\[0-9a-f:\]\+$/.exec(pattern)?.[1]
  if (groups !== undefined) return parseCidr(`${groups}:/${(groups.split(':').length - 1) * 16}`)?.text
  const octets = pattern.split('\\.')
  if (octets.length !== 4) return undefined
  const ranges = octets.map(octetRange)
  return ranges.includes(undefined) ? undefined : blockOf(ranges as Range[])
}

interface Range {
  readonly first: number
  readonly last: number
}

/** The octets that fit, when they follow each other. */
function octetRange(pattern: string): Range | undefined {
  const regex = compileRegex(pattern)
  if (!regex.ok) return undefined
  const fitting = Array.from({ length: 256 }, (_, value) => value).filter((value) => regex.fits(String(value)))
  const [first] = fitting
  const last = fitting.at(-1)
  if (first === undefined || last === undefined || last - first + 1 !== fitting.length) return undefined
  return { first, last }
}

/** Single values, then at most one range that is a power of two, then everything. */
function blockOf(ranges: readonly Range[]): string | undefined {
  let prefix = 0
  let open = false
  for (const { first, last } of ranges) {
    const size = last - first + 1
    const bits = Math.log2(size)
    if (open ? size !== 256 : !Number.isInteger(bits) || first % size !== 0) return undefined
    if (!open) prefix += 8 - bits
    if (size > 1) open = true
  }
  const address = ranges.map(({ first }) => first).join('.')
  return prefix === 32 ? address : `${address}/${prefix}`
}

// --- cookies -------------------------------------------------------------------------------------------------------------------------------

export interface CookieTest {
  readonly name: string
  readonly match: Readonly<Record<string, string>>
}

/** Names and tests of the cookies that a pattern asks for; none when it is no form that is known. */
export function readCookies(regex: string): readonly CookieTest[] {
  const one = readCookie(regex)
  if (one !== undefined) return [one]
  // As `export istio` writes several: every order of them. Each alternative says the same, so the first one tells.
  const [first = ''] = splitAlternatives(regex)
  const pairs = /^\(\?:\(\?:\.\*;\)\?(.*)\(\?:;\.\*\)\?\)$/.exec(first)?.[1]?.split(';(?:.*;)?') ?? []
  const cookies = pairs.map((pair) => readCookie(`(?:.*;)?${pair}(?:;.*)?`))
  if (cookies.length < 2 || cookies.includes(undefined)) return []
  return cookiesPattern(pairs) === regex ? (cookies as CookieTest[]) : []
}

function readCookie(regex: string): CookieTest | undefined {
  const bare = regex.replace(/^\^/, '').replace(/\$$/, '')
  // `(.*;)?` in front and `(;.*)?` behind, in the spellings that are about.
  const around =
    /^\((?:\?:)?\.\*\??;(?:\\s\*| \*)?\)\?(?:\[ \\t\]\*|\\s\*| \*)?(.*?)(?:\[ \\t\]\*|\\s\*| \*)?\((?:\?:)?;\.\*\)\?$/.exec(
      bare,
    )
  const pair = around?.[1]?.replace(/^\((?:\?:)?([^()]*)\)$/, '$1')
  const parts = pair === undefined ? null : /^([\w-]+)(?:\[ \\t\]\*)?=(?:\[ \\t\]\*)?(.*)$/.exec(pair)
  if (parts === null) return undefined
  const [, name = '', value = ''] = parts
  if (value === '[^;]*') return { name, match: {} }
  const exact = readLiteral(value)
  if (exact !== undefined) return { name, match: { exact } }
  const prefix = value.endsWith('[^;]*') ? readLiteral(value.slice(0, -'[^;]*'.length)) : undefined
  if (prefix !== undefined) return { name, match: { prefix } }
  const inner = /^\(\?:(.*)\)$/.exec(value)?.[1]
  return inner === undefined ? undefined : { name, match: { regex: inner } }
}

// --- paths ---------------------------------------------------------------------------------------------------------------------------------

/** A test of Envoy's `:path` as one of the path: the query behind it cut off. Undefined when it speaks of the query. */
export function readPath(match: Readonly<Record<string, Plain>>): Readonly<Record<string, Plain>> | undefined {
  const { prefix, regex } = match
  if (typeof prefix === 'string') return prefix.includes('?') ? undefined : { uri: { prefix } }
  if (typeof regex !== 'string') return undefined
  const folded = regex.startsWith('(?i)')
  const flag = folded ? { ignoreUriCase: true } : {}
  const body = folded ? regex.slice(4) : regex
  const before = body.endsWith('(?:\\?.*)?') ? body.slice(0, -'(?:\\?.*)?'.length) : undefined
  if (before !== undefined) {
    const exact = readLiteral(before)
    if (exact !== undefined) return { uri: { exact }, ...flag }
    const inner = closesAtEnd(before) ? /^\(\?:(.*)\)$/.exec(before)?.[1] : undefined
    return inner === undefined || folded ? undefined : { uri: { regex: inner } }
  }
  const start = folded && body.endsWith('.*') ? readLiteral(body.slice(0, -2)) : undefined
  return start === undefined ? undefined : { uri: { prefix: start }, ...flag }
}
