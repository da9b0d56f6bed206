// The slips of people in routes.yaml that YAML itself takes without a word: each gets a sentence that says what to write instead.

import type { Place } from '../rules/types.ts'
import { quote } from './problem.ts'
import type { Shape } from './schema-parts.ts'
import { ipv6NeedsQuotes, looksLikeIpv6, regexNeedsQuotes } from './yaml-slips.ts'
import type { YamlEntry, YamlMap, YamlNode } from './yaml-tree.ts'

export interface Slip {
  readonly place: Place
  readonly message: string
}

/** What a node shows of a slip, given what the schema wants there; undefined when it shows none. */
export function likelySlip(shape: Shape, node: YamlNode): Slip | undefined {
  switch (node.kind) {
    case 'scalar':
      return scalarSlip(shape, node.text, node.place)
    case 'map':
      return shape.title === 'StringMatch' ? cutRegex(node) : ipv6AsMap(shape, node)
    case 'list':
      return undefined
  }
}

function scalarSlip(shape: Shape, text: string, place: Place): Slip | undefined {
  if (text === '') return undefined
  if (shape.title === 'Share' && /^\d+(\.\d+)?$/.test(text))
    return { place, message: `a share is a percentage: write ${text}%` }
  if (shape.title === 'StringMatch') {
    return { place, message: `say how to compare: { exact: ${yamlText(text)} }, or prefix, regex, in` }
  }
  return undefined
}

/** `{ regex: (a|b),c }` is read as two keys, the second one without a value. */
function cutRegex({ entries }: YamlMap): Slip | undefined {
  const at = entries.findIndex(({ key, value }) => key === 'regex' && value.kind === 'scalar' && !value.quoted)
  const regex = entries[at]?.value
  const rest = entries.slice(at + 1)
  if (regex?.kind !== 'scalar' || rest.length === 0 || !rest.every(hasNoValue)) return undefined
  return { place: regex.place, message: regexNeedsQuotes([regex.text, ...rest.map(({ key }) => key)].join(',')) }
}

/** `[2001:db8::]` is read as a map of `2001:db8:` to nothing. */
function ipv6AsMap(shape: Shape, { entries, place }: YamlMap): Slip | undefined {
  const [entry] = entries
  if (entry === undefined || entries.length > 1 || !hasNoValue(entry) || shape.type === 'object') return undefined
  const text = `${entry.key}:`
  return looksLikeIpv6(text) ? { place, message: ipv6NeedsQuotes(text) } : undefined
}

function hasNoValue({ value }: YamlEntry): boolean {
  return value.kind === 'scalar' && value.text === '' && !value.quoted
}

function yamlText(text: string): string {
  return /^[A-Za-z0-9][\w.-]*$/.test(text) ? text : quote(text)
}
