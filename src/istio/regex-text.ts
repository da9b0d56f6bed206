// Regexes written rather than read: texts that stand for themselves, lists as alternatives, one cookie inside a Cookie header.
// RE2 syntax, for a match of the whole value.

import { longestPattern } from '../rules/regex.ts'
import type { StringMatchSpec } from '../rules/types.ts'

/** They may come in any order, and four have 24 of those. */
const mostCookies = 3

/** The text and nothing else. */
export function quoteRegex(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`)
}

const isLiteral = /^(?:[^\\.+*?()|[\]{}^$]|\\[\\.+*?()|[\]{}^$])*$/

/** The text that a pattern without metacharacters stands for. */
export function readLiteral(pattern: string): string | undefined {
  return isLiteral.test(pattern) ? pattern.replaceAll(/\\(.)/g, '$1') : undefined
}

/** The texts of `a|b\.c`, in a group or not; undefined when it is more than a list. */
export function readLiterals(pattern: string): readonly string[] | undefined {
  const list = /^\(\?:([^()]*)\)$/.exec(pattern)?.[1] ?? pattern
  const texts = list.split('|').map(readLiteral)
  return texts.includes(undefined) ? undefined : (texts as string[])
}

/** Alternatives in as few patterns as Istio's length limit allows; `around` puts each list of them into its pattern. */
export function alternatives(
  parts: readonly string[],
  around: (list: string) => string = (list) => list,
): readonly string[] {
  const patterns: string[] = []
  let list: string[] = []
  const room = longestPattern - byteLength(around('(?:)'))
  const flush = (): void => {
    if (list.length > 0) patterns.push(around(list.length === 1 ? (list[0] as string) : `(?:${list.join('|')})`))
    list = []
  }
  for (const part of parts) {
    if (byteLength([...list, part].join('|')) > room) flush()
    list.push(part)
  }
  flush()
  return patterns
}

/**
 * A Cookie header with these cookies in it, whatever stands around them; undefined when that takes more than Istio allows. Istio's own
 * sample (`^(.*?;)?(user=jason)(;.*)?$`) misses `a=b; user=jason`: browsers put a blank behind each semicolon. A regex cannot say
 * "the first of that name", so any of several cookies of one name counts.
 * @param cookies a pair's pattern each
 */
export function cookiesPattern(cookies: readonly string[]): string | undefined {
  if (cookies.length > mostCookies) return undefined
  const orders = permutations(cookies).map((pairs) => `(?:.*;)?${pairs.join(';(?:.*;)?')}(?:;.*)?`)
  const pattern = orders.length === 1 ? (orders[0] as string) : orders.map((order) => `(?:${order})`).join('|')
  return byteLength(pattern) > longestPattern ? undefined : pattern
}

export interface CookieWanted {
  readonly name: string
  readonly match: StringMatchSpec
}

/** One `name=value`, blanks around both allowed. */
export function pairPattern({ name, match }: CookieWanted): string {
  return String.raw`[ \t]*${quoteRegex(name)}[ \t]*=${valuePattern(match)}`
}

function valuePattern(match: StringMatchSpec): string {
  const blank = String.raw`[ \t]*`
  switch (match.kind) {
    case 'exact':
      return `${blank}${quoteRegex(match.value)}${blank}`
    case 'prefix':
      return `${blank}${quoteRegex(match.value)}[^;]*`
    case 'regex':
      // A value holds no semicolon, but a pattern such as `.*` would run over one.
      return `${blank}(?:${keptOff(match.value, ';')})${blank}`
    case 'in':
      return `${blank}(?:${[...match.values].map(quoteRegex).join('|')})${blank}`
    case 'present':
      return '[^;]*'
  }
}

/**
 * The same pattern with `.` and negated classes kept off one character that the text never holds, and without anchors at its ends: so
 * it fits a part of a longer text, up to that character.
 */
export function keptOff(pattern: string, character: ';' | '?'): string {
  const negated: Readonly<Record<string, string>> = {
    D: `[^${character}0-9]`,
    S: String.raw`[^${character}\s]`,
    W: String.raw`[^${character}\w]`,
  }
  let result = ''
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] as string
    const next = pattern[at + 1]
    if (char === '\\') {
      result += negated[next ?? ''] ?? char + (next ?? '')
      at += 1
    } else if (char === '[') {
      const end = classEnd(pattern, at)
      const inner = pattern.slice(at, end)
      result += inner.startsWith('[^') ? `[^${character}${inner.slice(2)}` : inner
      at = end - 1
    } else if (!isAnchor(char, result, next)) result += char === '.' ? `[^${character}]` : char
  }
  return result
}

function isAnchor(char: string, before: string, next: string | undefined): boolean {
  if (char === '^') return before === '' || /(?<!\\)(?:[(|]|\(\?:)$/.test(before)
  return char === '$' && (next === undefined || next === ')' || next === '|')
}

/** Behind the bracket that ends a class; a `]` that comes first stands for itself. */
function classEnd(pattern: string, start: number): number {
  let at = start + 1
  if (pattern[at] === '^') at += 1
  if (pattern[at] === ']') at += 1
  while (at < pattern.length && pattern[at] !== ']') {
    const named = pattern.startsWith('[:', at) ? pattern.indexOf(':]', at) : -1
    at = named === -1 ? at + (pattern[at] === '\\' ? 2 : 1) : named + 2
  }
  return at + 1
}

function permutations(items: readonly string[]): readonly (readonly string[])[] {
  if (items.length <= 1) return [items]
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  )
}

function byteLength(text: string): number {
  return Buffer.byteLength(text)
}
