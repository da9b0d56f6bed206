// What two configurations say otherwise, in their long form, as sentences: `release shop: pin.ttlSeconds 28800 -> 3600`.
// Knows nothing of what a key means, except that rules and versions have names. Pure.

import type { GrayRuleSpec, ReleaseSpec } from '../rules/release.ts'
import type { Configuration } from './configuration.ts'

const valuesShown = 5

export function writtenDifferences(before: Configuration, after: Configuration): readonly string[] {
  const said: string[] = []
  for (const key of ['listen', 'trust', 'overload', 'path', 'limits'] as const) {
    compare(key, plain(before[key]), plain(after[key]), said)
  }
  compare('accessLog', before.accessLog.path, after.accessLog.path, said)
  compare('accessLog.format', before.accessLog.format, after.accessLog.format, said)
  for (const release of after.releases) {
    const old = before.releases.find(({ name }) => name === release.name)
    if (old === undefined) said.push(`release ${release.name} is new`)
    else said.push(...releaseDifferences(old, release).map((sentence) => `release ${release.name}: ${sentence}`))
  }
  for (const { name } of before.releases) {
    if (!after.releases.some((release) => release.name === name)) said.push(`release ${name} is gone`)
  }
  return said
}

function releaseDifferences(before: ReleaseSpec, after: ReleaseSpec): readonly string[] {
  const said: string[] = []
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  for (const name of names) {
    if (name === 'place' || name === 'gray') continue
    compare(name, plain(before[name as keyof ReleaseSpec]), plain(after[name as keyof ReleaseSpec]), said)
  }
  ruleDifferences(before.gray, after.gray, said)
  return said
}

// --- gray rules ----------------------------------------------------------------------------------------------------------------------

function ruleDifferences(before: readonly GrayRuleSpec[], after: readonly GrayRuleSpec[], said: string[]): void {
  const partners = partnersOf(before, after)
  for (const rule of after) {
    const old = partners.get(rule)
    if (old === undefined) said.push(`${labelOf(rule)} is new: ${describe(rule)}`)
    else compare(labelOf(rule), contentOf(old), contentOf(rule), said)
  }
  const taken = new Set(partners.values())
  for (const rule of before) if (!taken.has(rule)) said.push(`${labelOf(rule)} is gone: ${describe(rule)}`)
  const order = after.flatMap((rule) => partners.get(rule) ?? []).map((rule) => before.indexOf(rule))
  if (order.some((place, index) => index > 0 && place < (order[index - 1] as number))) {
    said.push(`gray rules stand in another order: ${after.map(labelOf).join(', ')}`)
  }
}

/** Rules of one name are one rule; those without are, when they say the same, or else are the only ones of their kind for a version. */
function partnersOf(before: readonly GrayRuleSpec[], after: readonly GrayRuleSpec[]): Map<GrayRuleSpec, GrayRuleSpec> {
  const partners = new Map<GrayRuleSpec, GrayRuleSpec>()
  const free = new Set(before)
  const pair = (fits: (old: GrayRuleSpec, rule: GrayRuleSpec) => boolean): void => {
    for (const rule of after) {
      if (partners.has(rule)) continue
      const old = [...free].find((candidate) => fits(candidate, rule))
      if (old === undefined) continue
      partners.set(rule, old)
      free.delete(old)
    }
  }
  pair((old, rule) => rule.name !== undefined && old.name === rule.name)
  pair((old, rule) => JSON.stringify(contentOf(old)) === JSON.stringify(contentOf(rule)))
  pair((old, rule) => kindOf(old) === kindOf(rule))
  return partners
}

function kindOf({ name, version, condition }: GrayRuleSpec): string {
  return JSON.stringify([name, version, condition.kind])
}

function labelOf({ name, place }: GrayRuleSpec): string {
  return name === undefined ? `rule at line ${place.line}` : `rule ${name}`
}

function contentOf({ version, condition, onUnavailable }: GrayRuleSpec): Plain {
  const what: Plain = condition.kind === 'share' ? { share: percent(condition.share) } : plain(condition)
  return { version, onUnavailable, ...(what as Record<string, Plain>) }
}

function describe({ version, condition }: GrayRuleSpec): string {
  switch (condition.kind) {
    case 'share':
      return `${percent(condition.share)} get ${version}`
    case 'users':
      return `${condition.users.size} ${condition.users.size === 1 ? 'user gets' : 'users get'} ${version}`
    case 'match':
      return `${condition.items.map((item) => JSON.stringify(plain(item))).join(' or ')} get ${version}`.slice(0, 300)
  }
}

function percent(hundredths: number): string {
  return `${hundredths / 100}%`
}

// --- plain values ----------------------------------------------------------------------------------------------------------------------

type Plain = string | readonly Plain[] | { readonly [key: string]: Plain } | undefined

/** Without places and secrets; Maps as objects, Sets as sorted lists, other scalars as text. */
function plain(value: unknown): Plain {
  if (value === undefined || value === null) return undefined
  if (value instanceof Uint8Array) return '(bytes)'
  if (value instanceof Set) return Array.from(value, plain).toSorted()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object') return String(value)
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  return Object.fromEntries(
    entries.filter(([key]) => key !== 'place' && key !== 'secret').map(([key, inner]) => [String(key), plain(inner)]),
  )
}

function compare(path: string, before: Plain, after: Plain, said: string[]): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)])
    const count = said.length
    for (const key of keys) compare(`${path}.${key}`, before[key], after[key], said)
    if (said.length === count) said.push(`${path}: another order`)
  } else if (isTexts(before) && isTexts(after)) listDifference(path, before, after, said)
  else if (before === undefined) said.push(`${path} is new: ${short(after)}`)
  else if (after === undefined) said.push(`${path} is gone`)
  else said.push(`${path}: ${short(before)} -> ${short(after)}`)
}

function listDifference(path: string, before: readonly string[], after: readonly string[], said: string[]): void {
  const [had, has] = [new Set(before), new Set(after)]
  const came = after.filter((value) => !had.has(value))
  const went = before.filter((value) => !has.has(value))
  const parts = [...some('+', came), ...some('-', went)]
  said.push(`${path}: ${parts.length === 0 ? 'another order' : parts.join(' ')}`)
}

function some(sign: string, values: readonly string[]): readonly string[] {
  const shown = values.slice(0, valuesShown).map((value) => `${sign}${value}`)
  return values.length > valuesShown ? [...shown, `${sign}${values.length - valuesShown} more`] : shown
}

function short(value: Plain): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 197)}...` : text
}

function isRecord(value: Plain): value is { readonly [key: string]: Plain } {
  return typeof value === 'object' && !Array.isArray(value)
}

function isTexts(value: Plain): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
