// Istio's HTTPMatchRequest, word for word, plus cookies and clientIp: each field becomes one condition, and all of them have to hold.
// Where the reference and the running Envoy 1.40 differ, Envoy's behaviour is what counts.

import { compileCidrs, parseCidr } from './address.ts'
import { queryParameter } from './query-parameter.ts'
import type { RouteProblem } from './route-problem.ts'
import { compileIgnoringCase, compileStringMatch, type StringMatch } from './string-match.ts'
import type { Address, Matcher, RequestFacts, RequestMatchSpec, StringMatchSpec } from './types.ts'
import { wireText } from './wire-text.ts'

/** One field of a match. */
export interface Condition {
  readonly test: Matcher
  /** What the condition looks for, when that is a list of values; an index finds it by them. */
  readonly wanted: Wanted | undefined
}

/** Exactly these values of one attribute, all that begin like this, or these blocks of addresses. */
export type Wanted =
  | { readonly kind: 'values'; readonly attribute: Attribute; readonly values: ReadonlySet<string> }
  | { readonly kind: 'prefix'; readonly attribute: Attribute; readonly prefix: string }
  | { readonly kind: 'cidrs'; readonly cidrs: readonly string[] }

/** A part of a request that holds values: one, every line of a field, or undefined when there is none. `id` tells attributes apart. */
interface Attribute<V = string | readonly string[] | undefined> {
  readonly id: string
  readonly read: (facts: RequestFacts) => V
}

type Report = (problem: RouteProblem) => void

/** `report` gets what is wrong with regexes and addresses. */
export function compileRequestMatch(spec: RequestMatchSpec, report: Report): Matcher {
  const tests = compileConditions(spec, report).map((condition) => condition.test)
  const [only] = tests
  if (only === undefined) return () => true
  if (tests.length === 1) return only
  return function matchesAll(facts) {
    for (const test of tests) if (!test(facts)) return false
    return true
  }
}

/** The fields that are given, cheap ones first: their order changes no verdict. */
export function compileConditions(spec: RequestMatchSpec, report: Report): readonly Condition[] {
  const conditions: Condition[] = []
  const { port, sourceLabels } = spec
  if (port !== undefined) conditions.push(plain((facts) => facts.port === port))
  for (const name of ['method', 'scheme', 'authority'] as const) {
    const match = spec[name]
    if (match !== undefined) conditions.push(oneValue(requestParts[name], compileStringMatch(match, report)))
  }
  if (spec.uri !== undefined) {
    const compile = spec.ignoreUriCase === true ? compileIgnoringCase : compileStringMatch
    conditions.push(oneValue(requestParts.uri, compile(spec.uri, report)))
  }
  if (spec.clientIp !== undefined) conditions.push(...clientIpCondition(spec, spec.clientIp, report))
  for (const [name, match] of spec.cookies ?? []) conditions.push(cookieCondition(name, match, report))
  for (const [name, match] of spec.queryParams ?? []) conditions.push(queryCondition(name, match, report))
  for (const [name, match] of spec.headers ?? []) conditions.push(headerCondition(name.toLowerCase(), match, report))
  for (const [name, match] of spec.withoutHeaders ?? [])
    conditions.push(withoutHeader(name.toLowerCase(), match, report))
  if (sourceLabels !== undefined) conditions.push(labelsCondition(sourceLabels))
  return conditions
}

/** Whether it looks at the path or the query. All else stands in the fields, or belongs to the connection. */
export function readsTarget({ uri, queryParams, headers, withoutHeaders }: RequestMatchSpec): boolean {
  const names = [...(headers?.keys() ?? []), ...(withoutHeaders?.keys() ?? [])]
  return uri !== undefined || (queryParams?.size ?? 0) > 0 || names.some((name) => name.toLowerCase() === ':path')
}

// --- parts that every request has ----------------------------------------------------------------------------------------------

const requestParts = {
  method: { id: 'method', read: (facts: RequestFacts) => facts.method },
  scheme: { id: 'scheme', read: (facts: RequestFacts) => facts.scheme },
  // As sent, with port and case: only the choice of the release ignores them.
  authority: { id: 'authority', read: (facts: RequestFacts) => facts.authority },
  uri: { id: 'uri', read: (facts: RequestFacts) => facts.path },
  target: {
    id: 'target',
    read: (facts: RequestFacts) => (facts.query === '' ? facts.path : `${facts.path}?${facts.query}`),
  },
} as const satisfies Record<string, Attribute<string>>

/** Envoy's pseudo headers, which Istio passes through as header names. `:path` includes the query. */
const pseudoHeaders: ReadonlyMap<string, Attribute<string>> = new Map<string, Attribute<string>>([
  [':method', requestParts.method],
  [':scheme', requestParts.scheme],
  [':authority', requestParts.authority],
  ['host', requestParts.authority],
  [':path', requestParts.target],
])

function oneValue(part: Attribute<string>, match: StringMatch): Condition {
  const { read } = part
  const { fits } = match
  return { test: (facts) => fits(read(facts)), wanted: wantedOf(part, match) }
}

function wantedOf(attribute: Attribute, { values, prefix }: StringMatch): Wanted | undefined {
  if (values !== undefined) return { kind: 'values', attribute, values }
  return prefix === undefined || prefix === '' ? undefined : { kind: 'prefix', attribute, prefix }
}

// --- parts that may be missing, or come in several lines ----------------------------------------------------------------------

/** Each line is tested on its own, and one that fits is enough (Envoy 1.39 and later). A header that is absent never fits. */
function headerCondition(name: string, spec: StringMatchSpec, report: Report): Condition {
  const match = compileStringMatch(spec, report)
  const pseudo = pseudoHeaders.get(name)
  if (pseudo !== undefined) return oneValue(pseudo, match)
  const read = (facts: RequestFacts): readonly string[] => facts.headerLines(name)
  const { fits } = match
  return {
    test: spec.kind === 'present' ? (facts) => read(facts).length > 0 : (facts) => someFits(fits, read(facts)),
    wanted: wantedOf({ id: `header ${name}`, read }, match),
  }
}

/** No line fits. An absent header counts as the empty text, so `regex: ".*"` lets nothing through; `{}` means absent (Envoy). */
function withoutHeader(name: string, spec: StringMatchSpec, report: Report): Condition {
  const { fits } = compileStringMatch(spec, report)
  const pseudo = pseudoHeaders.get(name)
  if (pseudo !== undefined) return plain((facts) => !fits(pseudo.read(facts)))
  if (spec.kind === 'present') return plain((facts) => facts.headerLines(name).length === 0)
  const fitsEmpty = fits('')
  return plain((facts) => {
    const lines = facts.headerLines(name)
    return lines.length === 0 ? !fitsEmpty : !someFits(fits, lines)
  })
}

function someFits(fits: (value: string) => boolean, lines: readonly string[]): boolean {
  for (const line of lines) if (fits(line)) return true
  return false
}

function cookieCondition(name: string, spec: StringMatchSpec, report: Report): Condition {
  const id = wireText(name)
  return maybeValue({ id: `cookie ${id}`, read: (facts) => facts.cookie(id) }, compileStringMatch(spec, report))
}

/** Names and values are compared raw, without decoding; the first of repeated names counts (Envoy). */
function queryCondition(name: string, spec: StringMatchSpec, report: Report): Condition {
  const id = wireText(name)
  const attribute = { id: `query ${id}`, read: (facts: RequestFacts) => queryParameter(facts.query, id) }
  return maybeValue(attribute, compileStringMatch(spec, report))
}

function maybeValue(attribute: Attribute<string | undefined>, match: StringMatch): Condition {
  const { read } = attribute
  const { fits } = match
  return {
    test: (facts) => {
      const value = read(facts)
      return value !== undefined && fits(value)
    },
    wanted: wantedOf(attribute, match),
  }
}

// --- where the request comes from ----------------------------------------------------------------------------------------------

function clientIpCondition(spec: RequestMatchSpec, cidrs: readonly string[], report: Report): readonly Condition[] {
  let isIn: (address: Address) => boolean
  try {
    isIn = compileCidrs(cidrs)
  } catch {
    // Lists may be long: they are looked through a second time only when something is wrong.
    for (const cidr of cidrs.filter((text) => parseCidr(text) === undefined)) {
      report({ place: spec.place, message: `clientIp: ${JSON.stringify(cidr)} is not an address or CIDR` })
    }
    return []
  }
  return [{ test: (facts) => isIn(facts.clientAddress), wanted: { kind: 'cidrs', cidrs } }]
}

/** Every label that is asked for; a caller whose labels are not known has none. */
function labelsCondition(wanted: ReadonlyMap<string, string>): Condition {
  return plain((facts) => {
    for (const [name, value] of wanted) if (facts.sourceLabels?.[name] !== value) return false
    return true
  })
}

function plain(test: Matcher): Condition {
  return { test, wanted: undefined }
}
