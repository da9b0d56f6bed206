// The slips of people in routes.yaml that YAML itself takes without a word: each gets a sentence that says what to write instead.

import type { Place } from '../rules/types.ts'
import { quoteIfNeeded } from './problem.ts'
import type { Shape } from './schema-parts.ts'
import { ipv6NeedsQuotes, looksLikeIpv6, regexNeedsQuotes } from './yaml-slips.ts'
import { isEmpty, type YamlMap, type YamlNode, type YamlScalar } from './yaml-tree.ts'

export interface Slip {
  readonly place: Place
  readonly message: string
}

/** Fields in which clients and proxies claim addresses. Anyone can send them; `trust` says whose word counts. */
const addressFields = new Set(['x-forwarded-for', 'x-real-ip', 'forwarded'])

/** For a match on such a field in a gray rule; undefined for other fields. */
export function claimedAddress(field: string): string | undefined {
  if (!addressFields.has(field.toLowerCase())) return undefined
  return `${field} is what the client claims: use ip (inside match: clientIp), which reads it as trust allows`
}

/** What a node shows of a slip, given what the schema wants there; undefined when it shows none. */
export function likelySlip(shape: Shape, node: YamlNode): Slip | undefined {
  switch (node.kind) {
    case 'scalar':
      return scalarSlip(shape, node)
    case 'map':
      if (shape.title === 'StringMatch') return cutRegex(node)
      return shape.title === 'HeaderMatches' ? bareAddressField(node) : ipv6AsMap(shape, node)
    case 'list':
      return undefined
  }
}

function scalarSlip(shape: Shape, node: YamlScalar): Slip | undefined {
  const { text, place } = node
  if (shape.title === 'Share' && /^\d+(\.\d+)?$/.test(text)) {
    return { place, message: `a share is a percentage: write ${text}%` }
  }
  // Not shown: it may well be the key.
  if (shape.title === 'PinKey')
    return { place, message: 'a key does not stand here: say where it comes from, as in { env: GRAYLANE_KEY }' }
  if (shape.title !== 'StringMatch') return undefined
  if (isEmpty(node)) return { place, message: 'no value: {} says that it is present, { exact: ... } what it is' }
  return { place, message: `say how to compare: { exact: ${quoteIfNeeded(text)} }, or prefix, regex, in` }
}

/** `headers: { x-forwarded-for }` */
function bareAddressField({ entries }: YamlMap): Slip | undefined {
  for (const entry of entries) {
    const message = claimedAddress(entry.key)
    if (message !== undefined && isEmpty(entry.value)) return { place: entry.keyPlace, message }
  }
  return undefined
}

/** `{ regex: (a|b),c }` is read as two keys, the second one without a value. */
function cutRegex({ entries }: YamlMap): Slip | undefined {
  const at = entries.findIndex(({ key, value }) => key === 'regex' && value.kind === 'scalar' && !value.quoted)
  const regex = entries[at]?.value
  const rest = entries.slice(at + 1)
  if (regex?.kind !== 'scalar' || rest.length === 0 || !rest.every(({ value }) => isEmpty(value))) return undefined
  return { place: regex.place, message: regexNeedsQuotes([regex.text, ...rest.map(({ key }) => key)].join(',')) }
}

/** `[2001:db8::]` is read as a map of `2001:db8:` to nothing. */
function ipv6AsMap(shape: Shape, { entries, place }: YamlMap): Slip | undefined {
  const [entry] = entries
  if (entry === undefined || entries.length > 1 || !isEmpty(entry.value) || shape.type === 'object') return undefined
  const text = `${entry.key}:`
  return looksLikeIpv6(text) ? { place, message: ipv6NeedsQuotes(text) } : undefined
}
