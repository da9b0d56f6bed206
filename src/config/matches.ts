// Istio's HTTPMatchRequest in its long form, with `in`, `cookies` and `clientIp`: names in lower case, list files read.

import type { RequestMatchSpec, StringMatchSpec } from '../rules/types.ts'
import { complain, complainOfKey, type Draft } from './draft.ts'
import { checkCidrs } from './listeners.ts'
import { quote } from './problem.ts'
import type { ListText, MatchItemText, StringMatchText } from './schema.ts'
import { inOrder } from './sources.ts'

/** Items of a `match` list. */
export function matchSpecs(
  draft: Draft,
  items: readonly MatchItemText[] | undefined,
): Promise<readonly RequestMatchSpec[]> {
  return inOrder(items ?? [], (item) => matchSpec(draft, item))
}

async function matchSpec(draft: Draft, item: MatchItemText): Promise<RequestMatchSpec> {
  const { uri, ignoreUriCase, scheme, method, authority, headers, withoutHeaders, queryParams, cookies } = item
  const { clientIp, port, sourceLabels } = item
  return {
    place: draft.origins.place(item),
    ...(uri && { uri: await stringMatch(draft, uri, true) }),
    ...(ignoreUriCase !== undefined && { ignoreUriCase }),
    ...(scheme && { scheme: await stringMatch(draft, scheme, true) }),
    ...(method && { method: await stringMatch(draft, method, true) }),
    ...(authority && { authority: await stringMatch(draft, authority, true) }),
    ...(headers && { headers: await stringMatches(draft, lowerCaseKeys(draft, headers)) }),
    ...(withoutHeaders && { withoutHeaders: await stringMatches(draft, lowerCaseKeys(draft, withoutHeaders)) }),
    ...(queryParams && { queryParams: await stringMatches(draft, queryParams) }),
    ...(cookies && { cookies: await stringMatches(draft, cookies) }),
    ...(clientIp && { clientIp: [...(await addressList(draft, clientIp))] }),
    ...(port !== undefined && { port }),
    ...(sourceLabels && { sourceLabels }),
  }
}

/** The values of a list, written here or in a file. */
export async function textList(draft: Draft, list: ListText): Promise<ReadonlySet<string>> {
  if (Array.isArray(list)) return new Set(list)
  const { file } = list as Exclude<ListText, string[]>
  return draft.sources.list(file, draft.origins.place(list, 'file'))
}

/** The same for addresses and CIDRs. */
export async function addressList(draft: Draft, list: ListText): Promise<ReadonlySet<string>> {
  if (Array.isArray(list)) {
    checkCidrs(draft, list)
    return new Set(list)
  }
  const { file } = list as Exclude<ListText, string[]>
  return draft.sources.addresses(file, draft.origins.place(list, 'file'))
}

/** Header names mean the same in any case, so two spellings are one name given twice. */
export function lowerCaseKeys<V>(draft: Draft, fields: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
  const lower = new Map<string, V>()
  for (const [name, value] of fields) {
    if (lower.has(name.toLowerCase()))
      complainOfKey(draft, fields, name, 'duplicate-key', `${quote(name)} is there already, in another case`)
    lower.set(name.toLowerCase(), value)
  }
  return lower
}

async function stringMatches(
  draft: Draft,
  matches: ReadonlyMap<string, StringMatchText | null>,
): Promise<ReadonlyMap<string, StringMatchSpec>> {
  const specs = new Map<string, StringMatchSpec>()
  // Istio takes `withoutHeaders: { x-a: }` for "must be absent".
  for (const [name, match] of matches)
    specs.set(name, match === null ? { kind: 'present' } : await stringMatch(draft, match, false))
  return specs
}

/** @param mayBeEmpty Istio takes an empty prefix for uri and its like, and refuses it for headers and parameters. */
export async function stringMatch(draft: Draft, match: StringMatchText, mayBeEmpty: boolean): Promise<StringMatchSpec> {
  const { exact, prefix, regex, in: list } = match
  const given = Object.keys(match)
  if (given.length > 1)
    complain(
      draft,
      match,
      undefined,
      'value',
      `one of exact, prefix, regex and in is wanted, not ${given.join(' and ')}`,
    )
  if (exact !== undefined) return { kind: 'exact', value: exact }
  if (prefix !== undefined) {
    if (prefix === '' && !mayBeEmpty)
      complain(draft, match, 'prefix', 'value', 'an empty prefix fits everything: {} says that it is present')
    return { kind: 'prefix', value: prefix }
  }
  // Istio reads the regex `*`, which is none, as "is present".
  if (regex !== undefined && regex !== '*')
    return { kind: 'regex', value: regex, place: draft.origins.place(match, 'regex') }
  return list === undefined ? { kind: 'present' } : { kind: 'in', values: await textList(draft, list) }
}
