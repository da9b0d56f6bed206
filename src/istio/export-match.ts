// The conditions of one route as Istio's HTTPMatchRequest, which holds one test for each part of a request and one for each header.
// Says why when they do not fit into it.

import type { StringMatchSpec } from '../rules/types.ts'
import type { Condition } from './edge-routes.ts'
import { bothTests, type StringMatchText } from './both-tests.ts'
import { cookiesPattern, type CookieWanted, keptOff, pairPattern, quoteRegex } from './regex-text.ts'

export interface MatchText {
  name?: string
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
export type Matched =
  | { readonly match: MatchText; readonly comment: readonly string[] }
  | { readonly problem: string }
  | 'never'

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

export function isUri(condition: Condition): condition is UriCondition {
  return condition.kind === 'uri'
}

const spellingsComment = 'Two spellings of one header are two tests of it: both have to hold.'

class MatchBuilder {
  readonly #match: MatchText = {}
  readonly #headers = new HeaderTests('with')
  readonly #without = new HeaderTests('without')
  readonly #query = new Map<string, StringMatchText>()
  readonly #cookies: CookieWanted[] = []
  readonly #withoutCookies: CookieWanted[] = []
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
      case 'query':
        return this.#addQuery(condition.name, stringMatchText(condition.match))
      case 'header':
        return (condition.without ? this.#without : this.#headers).add(condition.name, stringMatchText(condition.match))
      case 'cookie':
        ;(condition.without ? this.#withoutCookies : this.#cookies).push(condition)
        return
      default:
        this.#match[condition.kind] = stringMatchText(condition.match)
    }
  }

  /** One value is tested (the first of that name), so two tests can be one. */
  #addQuery(name: string, test: StringMatchText): void {
    const before = this.#query.get(name)
    const both = before === undefined ? test : bothTests(before, test)
    if (both === undefined) this.#problem ??= `two patterns for queryParams.${name} at once`
    else if (both === 'never') this.#never = true
    else this.#query.set(name, both)
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
    const [headers, without] = [this.#headers.texts(), this.#without.texts()]
    const problem = this.#problem ?? this.#headers.problem ?? this.#without.problem
    if (problem !== undefined) return { problem }
    if (headers !== undefined) this.#match.headers = headers
    if (without !== undefined) this.#match.withoutHeaders = without
    if (this.#query.size > 0) this.#match.queryParams = Object.fromEntries(this.#query)
    const names = [...Object.keys(headers ?? {}), ...Object.keys(without ?? {})]
    const comment = names.some((name) => /[A-Z]/.test(name)) ? [spellingsComment] : []
    return { match: this.#match, comment }
  }

  /** All in one pattern where that can be; else, and for two tests of one cookie, a pattern for each. */
  #finishCookies(): void {
    const cookies = distinctCookies(this.#cookies)
    const isOneEach = new Set(cookies.map(({ name }) => name)).size === cookies.length
    const whole = isOneEach && cookies.length > 0 ? cookiesPattern(cookies.map(pairPattern)) : undefined
    const patterns = whole === undefined ? cookies.map((cookie) => cookiesPattern([pairPattern(cookie)])) : [whole]
    for (const pattern of patterns) {
      if (pattern === undefined) this.#problem ??= 'a pattern of more than 1024 bytes for a cookie'
      else this.#headers.add('cookie', { regex: pattern })
    }
    if (this.#withoutCookies.length > 0) {
      const value = `(?:.*;)?(?:${this.#withoutCookies.map(pairPattern).join('|')})(?:;.*)?`
      this.#without.add('cookie', { regex: value })
    }
  }
}

/** The same test twice is one, and that a cookie is there goes without saying beside a test of its value. */
function distinctCookies(cookies: readonly CookieWanted[]): readonly CookieWanted[] {
  const byText = new Map(cookies.map((cookie) => [pairPattern(cookie), cookie]))
  return [...byText.values()].filter(
    (cookie, _, all) =>
      cookie.match.kind !== 'present' || !all.some((other) => other !== cookie && other.name === cookie.name),
  )
}

/**
 * A map by name holds one test a header. Header names have no case and keys of a map do, so a second test stands under another spelling:
 * istiod makes a test of Envoy's of each key.
 */
class HeaderTests {
  readonly #tests = new Map<string, StringMatchText[]>()
  readonly #kind: 'with' | 'without'
  problem: string | undefined

  constructor(kind: 'with' | 'without') {
    this.#kind = kind
  }

  add(name: string, test: StringMatchText): void {
    const before = this.#tests.get(name) ?? []
    if (!before.some((other) => JSON.stringify(other) === JSON.stringify(test))) before.push(test)
    this.#tests.set(name, before)
  }

  texts(): Record<string, StringMatchText> | undefined {
    const entries = [...this.#tests].flatMap(([name, all]) => {
      // That a header is there goes without saying beside a test of its value; that it is absent does not.
      const tests = this.#kind === 'with' && all.length > 1 ? all.filter((test) => Object.keys(test).length > 0) : all
      const spellings = spellingsOf(name, tests.length)
      if (spellings.length < tests.length) this.problem = `${tests.length} conditions on header ${name} at once`
      return tests.slice(0, spellings.length).map((test, index) => [spellings[index] as string, test] as const)
    })
    return entries.length === 0 ? undefined : Object.fromEntries(entries)
  }
}

/** `x-user`, `X-User`, `X-USER`, `x-USER`: as many as are wanted, or as there are. */
function spellingsOf(name: string, wanted: number): readonly string[] {
  const words = name.replaceAll(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase())
  const upper = name.toUpperCase()
  const rest = [...name].map((_, at) => name.slice(0, at) + upper.slice(at))
  return [...new Set([name, words, upper, ...rest])].slice(0, wanted)
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
