// The conditions of one route as Envoy's RouteMatch, which takes several tests of one header and knows cookies by name.

import type { StringMatchSpec } from '../rules/types.ts'
import type { Condition } from './edge-routes.ts'
import { isUri, pathHeader, type UriCondition } from './export-match.ts'
import { quoteRegex } from './regex-text.ts'

/** @param rewrites whether the service rewrites the path: then the path specifier is the service's own, else a whole prefix */
export function envoyMatch(own: readonly Condition[], visitor: readonly Condition[], rewrites: boolean): object {
  const ownUris = own.filter(isUri)
  const uris = [...ownUris, ...visitor.filter(isUri)]
  // Envoy has one path specifier; a second test goes on the header :path.
  const [main, ...rest] = rewrites && ownUris.length === 0 ? [undefined, ...uris] : uris
  const conditions = [...own, ...visitor]
  return {
    ...pathSpecifier(main),
    headers: list([
      ...rest.flatMap((uri) => (uri === undefined ? [] : [{ name: ':path', ...headerTest(pathHeader(uri), false) }])),
      ...conditions.flatMap(headerMatcher),
    ]),
    query_parameters: list(conditions.flatMap(queryMatcher)),
    cookies: list(conditions.flatMap(cookieMatcher)),
  }
}

function pathSpecifier(uri: UriCondition | undefined): object {
  const case_sensitive = uri?.ignoreCase === true && uri.match.kind !== 'regex' ? false : undefined
  switch (uri?.match.kind) {
    case 'exact':
      return { path: uri.match.value, case_sensitive }
    case 'prefix':
      return { prefix: uri.match.value, case_sensitive }
    case 'regex':
      return { safe_regex: { regex: uri.match.value } }
    default:
      return { prefix: '/' }
  }
}

function headerMatcher(condition: Condition): object[] {
  switch (condition.kind) {
    case 'method':
    case 'scheme':
    case 'authority':
      return [{ name: `:${condition.kind}`, ...headerTest(condition.match, false) }]
    case 'header':
      return [{ name: condition.name, ...headerTest(condition.match, condition.without) }]
    default:
      return []
  }
}

/** An absent header is the empty text to an inverted test, and `present` says itself what absence means (Istio translates so). */
function headerTest(match: StringMatchSpec, without: boolean): object {
  if (match.kind === 'present') return { present_match: true, invert_match: without ? true : undefined }
  return {
    string_match: stringMatcher(match),
    invert_match: without ? true : undefined,
    treat_missing_header_as_empty: without ? true : undefined,
  }
}

function queryMatcher(condition: Condition): object[] {
  if (condition.kind !== 'query') return []
  const { name, match } = condition
  return [match.kind === 'present' ? { name, present_match: true } : { name, string_match: stringMatcher(match) }]
}

function cookieMatcher(condition: Condition): object[] {
  if (condition.kind !== 'cookie') return []
  const { name, match, without } = condition
  const test = match.kind === 'present' ? { safe_regex: { regex: '(?s).*' } } : stringMatcher(match)
  return [{ name, string_match: test, invert_match: without ? true : undefined }]
}

/** Envoy's StringMatcher. */
export function stringMatcher(match: Exclude<StringMatchSpec, { kind: 'present' }>): object {
  switch (match.kind) {
    case 'exact':
      return { exact: match.value }
    case 'prefix':
      return { prefix: match.value }
    case 'regex':
      return { safe_regex: { regex: match.value } }
    case 'in':
      return { safe_regex: { regex: [...match.values].map(quoteRegex).join('|') } }
  }
}

function list(items: object[]): object[] | undefined {
  return items.length === 0 ? undefined : items
}
