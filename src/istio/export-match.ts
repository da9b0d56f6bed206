// The conditions of one route as Istio's HTTPMatchRequest, which holds one test for each part of a request and one for each header.
// Says why when they do not fit into it.

import type { StringMatchSpec } from '../rules/types.ts'
import type { Condition } from './edge-routes.ts'
import { cookiesPattern, keptOff, pairPattern, quoteRegex } from './regex-text.ts'

export type StringMatchText = { exact: string } | { prefix: string } | { regex: string } | Record<string, never>

export interface MatchText {
  uri?: StringMatchText
  ignoreUriCase?: boolean
  method?: StringMatchText
  scheme?: StringMatchText
  authority?: StringMatchText
  port?: number
  headers?: Record<string, StringMatchText>
  withoutHeaders?: Record<string, StringMatchText>
  queryParams?: Record<string, StringMatchText>
}

/** `never`: the conditions exclude each other. */
export type Matched = { readonly match: MatchText } | { readonly problem: string } | 'never'

/**
 * The service's own conditions stand in the fields made for them; what the gray rule asks of the path, the method and the like goes to
 * Envoy's pseudo headers. So both stay apart for readers, and a rewrite replaces what the service's own `uri` matched.
 */
export function istioMatch(own: readonly Condition[], visitor: readonly Condition[], rewrites: boolean): Matched {
  const builder = new MatchBuilder()
  builder.uri(own.find(isUri), rewrites)
  for (const condition of own) builder.add(condition)
  for (const condition of visitor) builder.add(asHeader(condition))
  return builder.finish()
}

function asHeader(condition: Condition): Condition {
  switch (condition.kind) {
    case 'uri':
      return { kind: 'header', name: ':path', match: pathHeader(condition), without: false }
    case 'method':
    case 'scheme':
    case 'authority':
      return { kind: 'header', name: `:${condition.kind}`, match: condition.match, without: false }
    default:
      return condition
  }
}

export type UriCondition = Condition & { readonly kind: 'uri' }
type Held = Exclude<Condition, UriCondition>

export function isUri(condition: Condition): condition is UriCondition {
  return condition.kind === 'uri'
}

class MatchBuilder {
  readonly #match: MatchText = {}
  readonly #single = new Map<string, StringMatchSpec>()
  readonly #headers = new Map<string, StringMatchSpec>()
  readonly #without = new Map<string, StringMatchSpec>()
  readonly #query = new Map<string, StringMatchSpec>()
  readonly #cookies: { name: string; match: StringMatchSpec }[] = []
  readonly #withoutCookies: { name: string; match: StringMatchSpec }[] = []
  #problem: string | undefined
  #never = false

  add(condition: Condition): void {
    switch (condition.kind) {
      case 'uri':
        return
      case 'port':
        if (this.#match.port !== undefined && this.#match.port !== condition.port) this.#never = true
        this.#match.port = condition.port
        return
      case 'cookie':
        ;(condition.without ? this.#withoutCookies : this.#cookies).push(condition)
        return
      default:
        this.#text(condition)
    }
  }

  #text(condition: Exclude<Held, { kind: 'port' | 'cookie' }>): void {
    if (condition.kind === 'query')
      return this.#both(this.#query, condition.name, condition.match, `queryParams.${condition.name}`)
    if (condition.kind === 'header') {
      const map = condition.without ? this.#without : this.#headers
      // Absent is more than "without a value that fits".
      const absent = condition.without && this.#without.get(condition.name)?.kind === 'present'
      if (absent) return
      if (condition.without && condition.match.kind === 'present') this.#without.delete(condition.name)
      return this.#both(map, condition.name, condition.match, `header ${condition.name}`)
    }
    this.#both(this.#single, condition.kind, condition.match, condition.kind)
  }

  #both(map: Map<string, StringMatchSpec>, name: string, match: StringMatchSpec, what: string): void {
    const before = map.get(name)
    const merged = before === undefined ? match : mergeTests(before, match)
    if (merged === undefined) this.#problem ??= `two conditions on ${what} at once`
    else map.set(name, merged)
  }

  /** Without a uri the matched prefix is `/`; said, since only then a match on `:path` beside it reads well. */
  uri(own: UriCondition | undefined, rewrites: boolean): void {
    if (own === undefined && rewrites) this.#match.uri = { prefix: '/' }
    if (own === undefined || own.match.kind === 'present') return
    this.#match.uri = stringMatchText(own.match)
    if (own.ignoreCase && own.match.kind !== 'regex') this.#match.ignoreUriCase = true
  }

  finish(): Matched {
    if (this.#never) return 'never'
    this.#finishCookies()
    if (this.#problem !== undefined) return { problem: this.#problem }
    for (const [name, match] of this.#single) this.#match[name as 'method'] = stringMatchText(match)
    if (this.#headers.size > 0) this.#match.headers = texts(this.#headers)
    if (this.#without.size > 0) this.#match.withoutHeaders = texts(this.#without)
    if (this.#query.size > 0) this.#match.queryParams = texts(this.#query)
    return { match: this.#match }
  }

  #finishCookies(): void {
    if (this.#cookies.length > 0) {
      const value = cookiesPattern(this.#cookies)
      if (value === undefined)
        this.#problem ??= `${this.#cookies.length} cookies at once, or a pattern of more than 1024 bytes`
      else this.#both(this.#headers, 'cookie', regex(value), 'header cookie')
    }
    if (this.#withoutCookies.length > 0) {
      const value = `(?:.*;)?(?:${this.#withoutCookies.map(pairPattern).join('|')})(?:;.*)?`
      this.#both(this.#without, 'cookie', regex(value), 'header cookie')
    }
  }
}

/** The same test twice is one; two that differ are more than a map by name can hold. */
function mergeTests(a: StringMatchSpec, b: StringMatchSpec): StringMatchSpec | undefined {
  if (a.kind === b.kind && ('value' in a ? a.value : '') === ('value' in b ? b.value : '')) return a
  return a.kind === 'present' ? b : b.kind === 'present' ? a : undefined
}

/** A test of the path as one of Envoy's `:path`, behind which the query stands. Shared with the export to Envoy. */
export function pathHeader({ match, ignoreCase }: UriCondition): StringMatchSpec {
  const flag = ignoreCase ? '(?i)' : ''
  switch (match.kind) {
    case 'exact':
      return regex(`${flag}${quoteRegex(match.value)}(?:\\?.*)?`)
    case 'prefix':
      return ignoreCase ? regex(`${flag}${quoteRegex(match.value)}.*`) : match
    case 'regex':
      return regex(`(?:${keptOff(match.value, '?')})(?:\\?.*)?`)
    case 'in':
      return regex(`(?:${[...match.values].map(quoteRegex).join('|')})(?:\\?.*)?`)
    case 'present':
      return match
  }
}

// --- texts -------------------------------------------------------------------------------------------------------------------------------

function regex(value: string): StringMatchSpec {
  return { kind: 'regex', value, place: { file: '', line: 0, column: 0 } }
}

function texts(matches: ReadonlyMap<string, StringMatchSpec>): Record<string, StringMatchText> {
  return Object.fromEntries([...matches].map(([name, match]) => [name, stringMatchText(match)]))
}

export function stringMatchText(match: StringMatchSpec): StringMatchText {
  switch (match.kind) {
    case 'exact':
      return { exact: match.value }
    case 'prefix':
      return { prefix: match.value }
    case 'regex':
      return { regex: match.value }
    case 'in':
      return { regex: [...match.values].map(quoteRegex).join('|') }
    case 'present':
      return {}
  }
}
