// Header operations of a route and of where it leads, which a service of routes.yaml has in one list: Istio puts them together so, too.

import type { HeaderOperations, Headers } from './model-shared.ts'
import type { HttpRoute } from './model-virtual-service.ts'
import type { Plain } from './plain-values.ts'
import { notHonoured } from './validate-headers.ts'

/** In the order in which they are done. */
export type HeaderLevels = readonly (Headers | undefined)[]

type Fields = ReadonlyMap<string, { readonly name: string; readonly value: string }>

export interface ImportedHeaders {
  readonly headers: Plain | undefined
  /** A host that is set is a rewrite of it; that of the route wins over that of its destination. */
  readonly authority: string | undefined
}

export function levelsOf({ headers, route }: HttpRoute): HeaderLevels {
  return [headers, route?.[0]?.headers]
}

/** @param versionHeader is ours to set */
export function importHeaders(levels: HeaderLevels, versionHeader: string): ImportedHeaders {
  const sides = (['request', 'response'] as const).flatMap((side) => {
    const given = levels.flatMap((level) => level?.[side] ?? [])
    const operations = {
      set: record(given, 'set', versionHeader),
      add: record(given, 'add', versionHeader),
      remove: given.flatMap(({ remove = [] }) => remove.filter((name) => notHonoured(name, '') === undefined)),
    }
    const filled = Object.entries(operations).filter(([, one]) => Object.keys(one).length > 0)
    return filled.length === 0 ? [] : [[side, Object.fromEntries(filled)] as const]
  })
  const authority = levels.map(authoritySet).find((value) => value !== undefined)
  return { headers: sides.length === 0 ? undefined : (Object.fromEntries(sides) as Plain), authority }
}

/** Fields of both levels that one list cannot say: lines added twice, and a value that may come out empty and then leaves the other. */
export function clashingHeaders(levels: HeaderLevels): readonly string[] {
  return (['request', 'response'] as const).flatMap((side) => {
    const [first, second] = levels.map((level) => level?.[side])
    const sets = [...fieldsOf(second, 'set')].filter(([key, { value }]) => {
      return value.includes('%') && fieldsOf(first, 'set').has(key)
    })
    const adds = [...fieldsOf(second, 'add')].filter(([key]) => fieldsOf(first, 'add').has(key))
    return [...sets, ...adds].map(([, { name }]) => name)
  })
}

function record(
  given: readonly HeaderOperations[],
  kind: 'set' | 'add',
  versionHeader: string,
): Record<string, string> {
  const all = new Map(given.flatMap((operations) => [...fieldsOf(operations, kind)]))
  all.delete(versionHeader)
  return Object.fromEntries([...all.values()].map(({ name, value }) => [name, value]))
}

/** By name in lower case. An empty value changes nothing; of what is not honoured the validation of the manifests has told. */
function fieldsOf(operations: HeaderOperations | undefined, kind: 'set' | 'add'): Fields {
  const fields = [...(operations?.[kind] ?? [])].map(([name, value]) => ({ name, value: value ?? '' }))
  const carried = fields.filter(({ name, value }) => {
    return value !== '' && !isAuthority(name) && notHonoured(name, value) === undefined
  })
  return new Map(carried.map((field) => [field.name.toLowerCase(), field]))
}

function authoritySet(level: Headers | undefined): string | undefined {
  const { set = new Map(), add = new Map() } = level?.request ?? {}
  return [...set, ...add].find(([name, value]) => isAuthority(name) && value)?.[1] ?? undefined
}

function isAuthority(name: string): boolean {
  return name === ':authority' || name.toLowerCase() === 'host'
}
