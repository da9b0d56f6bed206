// Whether one match takes every request that another takes, as far as their texts tell for certain. For linters: a yes is sure, a no may
// only mean that it cannot be seen. Runs no request.

import { compileStringMatch, type StringMatch } from './string-match.ts'
import { parseCidr } from './address.ts'
import type { RequestMatchSpec, StringMatchSpec } from './types.ts'
import { asciiLowerCase, wireText } from './wire-text.ts'

/** `wide` takes whatever `narrow` takes. */
export function coversMatch(wide: RequestMatchSpec, narrow: RequestMatchSpec): boolean {
  return (
    coversUri(wide, narrow) &&
    singles.every((key) => coversPart(wide[key], narrow[key])) &&
    coversParts(wide.headers, narrow.headers) &&
    coversParts(wide.queryParams, narrow.queryParams) &&
    coversParts(wide.cookies, narrow.cookies) &&
    coversAbsence(wide.withoutHeaders, narrow.withoutHeaders) &&
    (wide.port === undefined || wide.port === narrow.port) &&
    coversAddresses(wide.clientIp, narrow.clientIp) &&
    [...(wide.sourceLabels ?? [])].every(([name, value]) => narrow.sourceLabels?.get(name) === value)
  )
}

const comparisonsAtMost = 100_000
const singles = ['scheme', 'method', 'authority'] as const

/** Every value that fits `narrow` fits `wide`. */
function coversText(wide: StringMatchSpec, narrow: StringMatchSpec): boolean {
  if (wide.kind === 'present' || takesAnything(wide)) return true
  switch (narrow.kind) {
    case 'exact':
      return fits(wide, narrow.value)
    case 'in':
      return fitsAll(wide, narrow.values)
    case 'prefix':
      return (wide.kind === 'prefix' && narrow.value.startsWith(wide.value)) || coversPrefix(wide, narrow.value)
    case 'regex':
      return wide.kind === 'regex' && wide.value === narrow.value
    case 'present':
      return false
  }
}

/** Patterns for anything: `.` leaves line feeds out, but no header and no path has one. */
function takesAnything(match: StringMatchSpec): boolean {
  return (
    (match.kind === 'regex' && /^\^?(?:\(?\.\*\)?)\$?$/.test(match.value)) ||
    (match.kind === 'prefix' && match.value === '')
  )
}

/** `/api/.*` covers the prefix `/api/`. */
function coversPrefix(wide: StringMatchSpec, prefix: string): boolean {
  if (wide.kind !== 'regex') return false
  const literal = /^\^?([\w/-]*)\.\*\$?$/.exec(wide.value)?.[1]
  return literal !== undefined && prefix.startsWith(literal)
}

function fits(match: StringMatchSpec, value: string): boolean {
  return fitsAll(match, [value])
}

/** A thousand rules are compared with each other: each regex is compiled once. */
const compiledMatches = new WeakMap<StringMatchSpec, StringMatch>()

function fitsAll(match: StringMatchSpec, values: Iterable<string>): boolean {
  const compiled = compiledMatches.get(match) ?? compileStringMatch(match, () => {})
  compiledMatches.set(match, compiled)
  for (const value of values) if (!compiled.fits(wireText(value))) return false
  return true
}

function coversPart(wide: StringMatchSpec | undefined, narrow: StringMatchSpec | undefined): boolean {
  return wide === undefined || (narrow !== undefined && coversText(wide, narrow))
}

type Parts = ReadonlyMap<string, StringMatchSpec> | undefined

function coversParts(wide: Parts, narrow: Parts): boolean {
  return [...(wide ?? [])].every(([name, match]) => coversPart(match, narrow?.get(name)))
}

/** Whoever may have none of more values may have none of fewer. */
function coversAbsence(wide: Parts, narrow: Parts): boolean {
  return [...(wide ?? [])].every(([name, match]) => {
    const other = narrow?.get(name)
    return other !== undefined && coversText(other, match)
  })
}

function coversUri(wide: RequestMatchSpec, narrow: RequestMatchSpec): boolean {
  const { uri } = wide
  // Every path begins with a slash.
  if (uri === undefined || (uri.kind === 'prefix' && uri.value === '/') || takesAnything(uri)) return true
  if (narrow.uri === undefined) return false
  if (foldsCase(wide)) return coversText(lower(uri), lower(narrow.uri))
  return !foldsCase(narrow) && coversText(uri, narrow.uri)
}

/** The flag concerns exact and prefix alone. */
function foldsCase({ uri, ignoreUriCase }: RequestMatchSpec): boolean {
  return ignoreUriCase === true && (uri?.kind === 'exact' || uri?.kind === 'prefix')
}

function lower(match: StringMatchSpec): StringMatchSpec {
  return match.kind === 'exact' || match.kind === 'prefix' ? { ...match, value: asciiLowerCase(match.value) } : match
}

function coversAddresses(wide: readonly string[] | undefined, narrow: readonly string[] | undefined): boolean {
  if (wide === undefined) return true
  // Lists from files may hold a million: nothing is said of those.
  if (narrow === undefined || wide.length * narrow.length > comparisonsAtMost) return false
  return narrow.every((cidr) => wide.some((block) => holds(block, cidr)))
}

function holds(block: string, cidr: string): boolean {
  const [outer, inner] = [parseCidr(block), parseCidr(cidr)]
  if (outer === undefined || inner === undefined || outer.family !== inner.family || inner.prefix < outer.prefix)
    return false
  const bits = BigInt((outer.family === 4 ? 32 : 128) - outer.prefix)
  return firstOf(outer) >> bits === firstOf(inner) >> bits
}

function firstOf(block: NonNullable<ReturnType<typeof parseCidr>>): bigint {
  return block.family === 4 ? BigInt(block.first) : (block.high << 64n) | block.low
}
