// One HTTPMatchRequest in the words of routes.yaml: a list of entries, each a key and its test, so that those of a service and those of a
// gray rule can be told apart. What routes.yaml says better (addresses, cookies) is said so.

import type { Place } from '../rules/types.ts'
import { type HttpMatchRequest, httpMatchRequest } from './model-virtual-service.ts'
import { type Plain, plainMessage } from './plain-values.ts'
import { readAddressTest, readCookies, readPath } from './read-patterns.ts'
import { readLiterals } from './regex-text.ts'

/**
 * `uri`, `headers.x-user`, `cookies.user`, ... to the test as JSON. Keys with a colon in front are the visitor's own. A second test of one
 * thing (two spellings of a header) stands under its key with a number behind it: `headers.x-user 2`.
 */
export type Entries = ReadonlyMap<string, string>

/** What a key is about, without its number. */
export function subjectOf(key: string): string {
  return key.replace(/ \d+$/, '')
}

/** What is tested twice, which no match of routes.yaml can say. */
export function testedTwice(items: readonly Entries[]): string | undefined {
  const key = items.flatMap((entries) => [...entries.keys()]).find((one) => subjectOf(one) !== one)
  return key === undefined ? undefined : subjectOf(key)
}

/** Adds a test; the same one twice is one. */
export function addEntry(entries: Map<string, string>, subject: string, json: string): void {
  let key = subject
  for (let number = 2; entries.has(key) && entries.get(key) !== json; number += 1) key = `${subject} ${number}`
  entries.set(key, json)
}

export interface ImportNotes {
  /** A test that means something else here, or cannot be carried over. */
  readonly say: (place: Place, code: string, message: string) => void
  /** Proxies that patterns on X-Forwarded-For allow. */
  readonly proxies: Set<string>
  /** The header that tells the client's address, beside Envoy's own. */
  readonly addressHeader: string | undefined
}

/** Undefined after an error: then the route cannot be carried over. */
export function entriesOf(match: HttpMatchRequest, place: Place, notes: ImportNotes): Entries | undefined {
  const {
    uri,
    ignoreUriCase,
    headers = {},
    withoutHeaders,
    queryParams,
    ...rest
  } = plainMessage(httpMatchRequest, match) as Record<string, Plain>
  const entries = new Map<string, string>()
  // Every path begins with it.
  const isAny = JSON.stringify(uri) === '{"prefix":"/"}'
  if (uri !== undefined && !isAny)
    entries.set('uri', JSON.stringify(ignoreUriCase === true ? { uri, ignoreUriCase } : { uri }))
  for (const key of ['method', 'scheme', 'authority', 'port', 'sourceLabels']) {
    if (rest[key] !== undefined) entries.set(key, JSON.stringify(rest[key]))
  }
  for (const key of ['gateways', 'sourceNamespace']) {
    if (rest[key] === undefined) continue
    const isInside = key === 'gateways' && JSON.stringify(rest[key]) === '["mesh"]'
    const message = isInside
      ? 'this route is for calls inside and left out: here a call goes to the version of its caller'
      : `${key} in a match has no counterpart: this route is left out`
    notes.say(place, 'import-match', message)
    return undefined
  }
  const claim = Object.keys({ ...(headers as object), ...(withoutHeaders as object) }).find((name) =>
    name.startsWith('@'),
  )
  if (claim !== undefined) {
    notes.say(
      place,
      'import-match',
      `${claim} asks for a claim of a JWT, which no match here knows: this route is left out`,
    )
    return undefined
  }
  for (const [name, test] of Object.entries(headers as Record<string, Record<string, Plain>>)) {
    if (!addHeader(entries, name.toLowerCase(), test, place, notes)) return undefined
  }
  for (const [name, test] of Object.entries((withoutHeaders ?? {}) as Record<string, Plain>)) {
    addEntry(entries, `withoutHeaders.${name.toLowerCase()}`, JSON.stringify(test ?? {}))
  }
  for (const [name, test] of Object.entries((queryParams ?? {}) as Record<string, Plain>)) {
    entries.set(`queryParams.${name}`, JSON.stringify(test))
  }
  return entries
}

function addHeader(
  entries: Map<string, string>,
  name: string,
  test: Record<string, Plain>,
  place: Place,
  notes: ImportNotes,
): boolean {
  if (name === 'x-forwarded-for' || name === 'x-envoy-external-address' || name === notes.addressHeader) {
    return addAddresses(entries, name, test, place, notes)
  }
  if (name === 'cookie' && typeof test['regex'] === 'string') {
    const cookies = readCookies(test['regex'])
    for (const { name: cookie, match } of cookies) addEntry(entries, `cookies.${cookie}`, JSON.stringify(match))
    if (cookies.length > 0) return true
  }
  const path = name === ':path' ? readPath(test) : undefined
  if (path !== undefined) entries.set(':uri', JSON.stringify(path))
  else if (name === ':method' || name === ':scheme' || name === ':authority') entries.set(name, JSON.stringify(test))
  else addEntry(entries, `headers.${name}`, JSON.stringify(test))
  return true
}

function addAddresses(
  entries: Map<string, string>,
  name: string,
  test: Record<string, Plain>,
  place: Place,
  notes: ImportNotes,
): boolean {
  const found = readAddressTest(name, test)
  if (found === undefined) {
    notes.say(
      place,
      'import-address',
      `this test of ${name} tells no addresses that could be listed: the route is left out; write ip: [...] yourself`,
    )
    return false
  }
  for (const proxy of found.proxies) notes.proxies.add(proxy)
  if (found.meant) {
    const message = `this test of ${name} becomes ip: [${found.cidrs.join(', ')}], the address that trust finds: what was meant, not what a gateway does with it`
    notes.say(place, 'import-meant', message)
  }
  addEntry(entries, 'clientIp', JSON.stringify(found.cidrs))
  return true
}

/** Entries as an item of `match` in routes.yaml, which holds one test of each thing. */
export function matchText(entries: Entries): Record<string, unknown> {
  const item: Record<string, unknown> = {}
  for (const [key, json] of entries) {
    const value: unknown = JSON.parse(json, key === 'sourceLabels' ? undefined : listed)
    if (key === 'uri' || key === ':uri') Object.assign(item, value)
    else if (key.startsWith(':')) item[key.slice(1)] = value
    else if (!key.includes('.') || key === 'clientIp') item[key] = value
    else {
      const dot = key.indexOf('.')
      const map = (item[key.slice(0, dot)] ??= {}) as Record<string, unknown>
      map[key.slice(dot + 1)] = value
    }
  }
  return item
}

/** A service with what it is asked by: the short form where that is nothing but a prefix. */
export function serviceText(match: readonly Entries[], body: Record<string, unknown>): unknown {
  const items = match.map(matchText)
  const [only] = items
  const uri = only?.['uri'] as Record<string, string> | undefined
  const isPrefix =
    items.length === 1 && Object.keys(only as object).join() === 'uri' && Object.keys(uri as object).join() === 'prefix'
  if (isPrefix && Object.keys(body).length === 0 && uri?.['prefix']?.startsWith('/') === true) return uri['prefix']
  return items.length === 0 ? body : { match: items, ...body }
}

/** A pattern that is nothing but a list of texts. */
function listed(_: string, test: unknown): unknown {
  if (typeof test !== 'object' || test === null || !('regex' in test) || typeof test.regex !== 'string') return test
  const values = readLiterals(test.regex)
  return values === undefined || values.length < 2 ? test : { in: values }
}
