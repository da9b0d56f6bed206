// The conditions of one route as Istio's HTTPMatchRequest, which holds one test for each part of a request and one for each header.
// Says why when they do not fit into it.

import { compileIgnoringCase, compileStringMatch } from '../rules/string-match.ts'
import type { StringMatchSpec } from '../rules/types.ts'
import { wireText } from '../rules/wire-text.ts'
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
 * @param own conditions of the service; a rewrite replaces what its `uri` matched
 * @param rewrites whether the service rewrites the path
 */
export function istioMatch(own: readonly Condition[], visitor: readonly Condition[], rewrites: boolean): Matched {
  const builder = new MatchBuilder()
  builder.uris(own.filter(isUri), visitor.filter(isUri), rewrites)
  for (const condition of [...own, ...visitor]) builder.add(condition)
  return builder.finish()
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
      return this.#both(this.#query, condition.name, condition.match, `queryParams.${condition.name}`, true)
    if (condition.kind === 'header') {
      const map = condition.without ? this.#without : this.#headers
      return this.#both(map, condition.name, condition.match, `header ${condition.name}`, false)
    }
    this.#both(this.#single, condition.kind, condition.match, condition.kind, true)
  }

  /** @param oneValue the part has a single value, so two tests can be made one; a header may come in several lines */
  #both(
    map: Map<string, StringMatchSpec>,
    name: string,
    match: StringMatchSpec,
    what: string,
    oneValue: boolean,
  ): void {
    const before = map.get(name)
    const merged = before === undefined ? match : mergeTests(before, match, oneValue)
    if (merged === 'never') this.#never = true
    else if (merged === undefined) this.#problem ??= `two conditions on ${what} at once`
    else map.set(name, merged)
  }

  /** One test goes into `uri`; a further one is put on Envoy's `:path`, which has the query behind the path. */
  uris(own: readonly UriCondition[], visitor: readonly UriCondition[], rewrites: boolean): void {
    const root: UriCondition = { kind: 'uri', match: { kind: 'prefix', value: '/' }, ignoreCase: false }
    const [first, ...rest] = rewrites && own.length === 0 ? [root, ...visitor] : [...own, ...visitor]
    let main = first
    for (const other of rest) {
      const merged = rewrites || main === undefined ? undefined : mergeUris(main, other)
      if (merged === 'never') this.#never = true
      else if (merged !== undefined) main = merged
      else this.#both(this.#headers, ':path', pathHeader(other), 'uri', true)
    }
    if (main === undefined || main.match.kind === 'present') return
    this.#match.uri = stringMatchText(main.match)
    if (main.ignoreCase && main.match.kind !== 'regex') this.#match.ignoreUriCase = true
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
      else this.#both(this.#headers, 'cookie', regex(value), 'header cookie', false)
    }
    if (this.#withoutCookies.length > 0) {
      const value = `(?:.*;)?(?:${this.#withoutCookies.map(pairPattern).join('|')})(?:;.*)?`
      this.#both(this.#without, 'cookie', regex(value), 'header cookie', false)
    }
  }
}

// --- two tests of one part ---------------------------------------------------------------------------------------------------------------

function mergeTests(a: StringMatchSpec, b: StringMatchSpec, oneValue: boolean): StringMatchSpec | 'never' | undefined {
  if (a.kind === b.kind && ('value' in a ? a.value : '') === ('value' in b ? b.value : '')) return a
  if (a.kind === 'present') return b
  if (b.kind === 'present') return a
  if (!oneValue) return undefined
  if (a.kind === 'exact') return fits(b, a.value) ? a : 'never'
  if (b.kind === 'exact') return fits(a, b.value) ? b : 'never'
  if (a.kind !== 'prefix' || b.kind !== 'prefix') return undefined
  return a.value.startsWith(b.value) ? a : b.value.startsWith(a.value) ? b : 'never'
}

function mergeUris(a: UriCondition, b: UriCondition): UriCondition | 'never' | undefined {
  if (a.ignoreCase !== b.ignoreCase && a.match.kind !== 'present' && b.match.kind !== 'present') {
    const [plain, foldedOne] = a.ignoreCase ? [b, a] : [a, b]
    if (plain.match.kind !== 'exact') return undefined
    return compileIgnoringCase(foldedOne.match, () => {}).fits(wireText(plain.match.value)) ? plain : 'never'
  }
  if (a.ignoreCase && b.ignoreCase) {
    const merged = mergeTests(folded(a.match), folded(b.match), true)
    return merged === undefined || merged === 'never' ? merged : { ...a, match: merged }
  }
  const merged = mergeTests(a.match, b.match, true)
  return merged === undefined || merged === 'never'
    ? merged
    : { kind: 'uri', match: merged, ignoreCase: a.ignoreCase || b.ignoreCase }
}

function folded(match: StringMatchSpec): StringMatchSpec {
  return match.kind === 'exact' || match.kind === 'prefix' ? { ...match, value: match.value.toLowerCase() } : match
}

function fits(match: StringMatchSpec, value: string): boolean {
  return compileStringMatch(match, () => {}).fits(wireText(value))
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
