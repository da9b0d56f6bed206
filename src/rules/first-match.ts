// The first rule that hits, found without asking them all: a thousand rules that name values or prefixes cost about what three do.
// Never changes the verdict of a walk from top to bottom; test/rules compares the two.

import { compileCidrIndex, type CidrIndex } from './cidr-index.ts'
import { compilePrefixIndex, type PrefixIndex, type PrefixNode } from './prefix-index.ts'
import type { Wanted } from './request-match.ts'
import type { RequestFacts } from './types.ts'

/** One way for a rule to hit: all conditions hold. `index` is the rule's place in the list, which is its precedence. */
export interface Way<R extends { readonly index: number }> {
  readonly rule: R
  readonly conditions: readonly WayCondition[]
}

export interface WayCondition {
  readonly test: Test
  readonly wanted: WayWanted | undefined
}

export type Test = (facts: RequestFacts, identity: string | undefined) => boolean
type WayWanted = Wanted | { readonly kind: 'users'; readonly values: ReadonlySet<string> }

/** `passesOver`: rules that hit and do not count, for this request. */
export type FirstMatch<R> = (
  facts: RequestFacts,
  identity: string | undefined,
  passesOver?: PassesOver<R>,
) => R | undefined

type PassesOver<R> = ((rule: R) => boolean) | undefined

/** Lists above this are looked into one by one, each in constant time, instead of being copied into an index. */
const longestIndexedList = 10_000

/** A way under the value that leads to it; `rest` are its other conditions. */
interface Entry<R> {
  readonly rule: R
  readonly rest: Test
}

/** Finds the ways under the values of one attribute. `lowest` is the smallest index among their rules. */
interface Shelf<R> {
  readonly lowest: number
  /** The first hit with an index below `limit`. */
  readonly find: Find<R>
}

type Find<R> = (
  facts: RequestFacts,
  identity: string | undefined,
  limit: number,
  passesOver: PassesOver<R>,
) => R | undefined

interface Rule {
  readonly index: number
}

/** @param ways in the order of their rules */
export function compileFirstMatch<R extends Rule>(ways: readonly Way<R>[]): FirstMatch<R> {
  const shelves = buildShelves(ways).toSorted((a, b) => a.lowest - b.lowest)
  return function firstMatch(facts, identity, passesOver) {
    let best: R | undefined
    let limit = Infinity
    for (const shelf of shelves) {
      if (shelf.lowest >= limit) break
      const found = shelf.find(facts, identity, limit, passesOver)
      if (found === undefined) continue
      best = found
      limit = found.index
    }
    return best
  }
}

// --- where each way stands -----------------------------------------------------------------------------------------------------

/** Each way goes under the condition whose values it shares with the fewest others; those without one are walked. */
function buildShelves<R extends Rule>(ways: readonly Way<R>[]): readonly Shelf<R>[] {
  const crowds = countValues(ways)
  const walked: Entry<R>[] = []
  const cidrs: [cidr: string, entry: Entry<R>][] = []
  const prefixes = new Map<string, { read: Read; entries: [prefix: string, entry: Entry<R>][] }>()
  const byAttribute = new Map<string, { read: Read; entries: Map<string, Entry<R>[]>; lowest: number }>()
  for (const { rule, conditions } of ways) {
    const anchor = leastCrowded(conditions, crowds)
    const entry = { rule, rest: restOf(conditions, anchor) }
    const wanted = anchor?.wanted
    if (wanted === undefined) walked.push(entry)
    else if (wanted.kind === 'cidrs') for (const cidr of wanted.cidrs) cidrs.push([cidr, entry])
    else if (wanted.kind === 'prefix') {
      const { id, read } = wanted.attribute
      const shelf = prefixes.get(id) ?? { read, entries: [] }
      prefixes.set(id, shelf)
      shelf.entries.push([wanted.prefix, entry])
    } else {
      const id = attributeId(wanted)
      let shelf = byAttribute.get(id)
      if (shelf === undefined) {
        shelf = { read: readerOf(wanted), entries: new Map(), lowest: rule.index }
        byAttribute.set(id, shelf)
      }
      for (const value of wanted.values) pushTo(shelf.entries, value, entry)
    }
  }
  const shelves = Array.from(byAttribute.values(), (shelf) => valueShelf(shelf.read, shelf.entries, shelf.lowest))
  for (const { read, entries } of prefixes.values()) {
    shelves.push(prefixShelf(read, compilePrefixIndex(entries), entries[0]![1].rule.index))
  }
  const [firstCidr] = cidrs
  if (firstCidr !== undefined) shelves.push(cidrShelf(compileCidrIndex(cidrs), firstCidr[1].rule.index))
  const [firstWalked] = walked
  if (firstWalked !== undefined) shelves.push(walkShelf(walked, firstWalked.rule.index))
  return shelves
}

/** How many ways stand under each value: a thousand rules for tenants that all ask for beta=1 have to be told apart by tenant. */
function countValues<R extends Rule>(ways: readonly Way<R>[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { conditions } of ways) {
    for (const { wanted } of conditions) {
      for (const key of keysOf(wanted)) counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  return counts
}

function leastCrowded(
  conditions: readonly WayCondition[],
  crowds: ReadonlyMap<string, number>,
): WayCondition | undefined {
  let best: WayCondition | undefined
  let least = Infinity
  for (const condition of conditions) {
    let crowd = 0
    for (const key of keysOf(condition.wanted)) crowd = Math.max(crowd, crowds.get(key) ?? 0)
    if (crowd > 0 && crowd < least) {
      best = condition
      least = crowd
    }
  }
  return best
}

/** The places where a condition could stand; none when it cannot or should not be indexed. */
function keysOf(wanted: WayWanted | undefined): readonly string[] {
  if (wanted === undefined) return []
  if (wanted.kind === 'cidrs') {
    return wanted.cidrs.length > longestIndexedList ? [] : wanted.cidrs.map((cidr) => `clientIp\0${cidr}`)
  }
  if (wanted.kind === 'prefix') return [`${wanted.attribute.id}\0${wanted.prefix}\0...`]
  if (wanted.values.size > longestIndexedList) return []
  const id = attributeId(wanted)
  return Array.from(wanted.values, (value) => `${id}\0${value}`)
}

type Valued = Extract<WayWanted, { readonly values: ReadonlySet<string> }>

function attributeId(wanted: Valued): string {
  return wanted.kind === 'users' ? 'users' : wanted.attribute.id
}

function restOf(conditions: readonly WayCondition[], anchor: WayCondition | undefined): Test {
  const rest = conditions.filter((condition) => condition !== anchor).map((condition) => condition.test)
  const [only] = rest
  if (only === undefined) return () => true
  if (rest.length === 1) return only
  return function restHolds(facts, identity) {
    for (const test of rest) if (!test(facts, identity)) return false
    return true
  }
}

function pushTo<E>(entries: Map<string, E[]>, value: string, entry: E): void {
  const there = entries.get(value)
  if (there === undefined) entries.set(value, [entry])
  else there.push(entry)
}

// --- how a shelf is searched -----------------------------------------------------------------------------------------------------

type Read = (facts: RequestFacts, identity: string | undefined) => string | readonly string[] | undefined

function readerOf(wanted: Valued): Read {
  return wanted.kind === 'users' ? (_, identity) => identity : wanted.attribute.read
}

function valueShelf<R extends Rule>(
  read: Read,
  entries: ReadonlyMap<string, readonly Entry<R>[]>,
  lowest: number,
): Shelf<R> {
  // A look-up of a text that just came off the wire hashes it and enters it among all strings; most fail by their length alone.
  let lengths = 0
  for (const value of entries.keys()) lengths |= 1 << (value.length & 31)
  const under = (value: string): readonly Entry<R>[] | undefined =>
    (lengths & (1 << (value.length & 31))) === 0 ? undefined : entries.get(value)
  return {
    lowest,
    find(facts, identity, limit, passesOver) {
      const found = read(facts, identity)
      if (found === undefined) return undefined
      if (typeof found === 'string') return firstOf(under(found), facts, identity, limit, passesOver)
      let best: R | undefined
      for (const line of found) best = firstOf(under(line), facts, identity, best?.index ?? limit, passesOver) ?? best
      return best
    },
  }
}

function prefixShelf<R extends Rule>(read: Read, index: PrefixIndex<Entry<R>>, lowest: number): Shelf<R> {
  const findIn = (
    value: string,
    facts: RequestFacts,
    identity: string | undefined,
    limit: number,
    passesOver: PassesOver<R>,
  ): R | undefined => {
    let best: R | undefined
    let node: PrefixNode<Entry<R>> | undefined = index.start()
    for (; node !== undefined; node = index.next(node, value)) {
      best = firstOf(node.values, facts, identity, best?.index ?? limit, passesOver) ?? best
    }
    return best
  }
  return {
    lowest,
    find(facts, identity, limit, passesOver) {
      const found = read(facts, identity)
      if (found === undefined) return undefined
      if (typeof found === 'string') return findIn(found, facts, identity, limit, passesOver)
      let best: R | undefined
      for (const line of found) {
        best = findIn(line, facts, identity, best?.index ?? limit, passesOver) ?? best
      }
      return best
    },
  }
}

function cidrShelf<R extends Rule>(index: CidrIndex<Entry<R>>, lowest: number): Shelf<R> {
  return {
    lowest,
    find(facts, identity, limit, passesOver) {
      let best: R | undefined
      for (let node = index(facts.clientAddress); node !== undefined; node = node.around) {
        best = firstOf(node.values, facts, identity, best?.index ?? limit, passesOver) ?? best
      }
      return best
    },
  }
}

function walkShelf<R extends Rule>(entries: readonly Entry<R>[], lowest: number): Shelf<R> {
  return { lowest, find: (facts, identity, limit, passesOver) => firstOf(entries, facts, identity, limit, passesOver) }
}

/** The first entry that holds. Entries stand in the order of their rules. */
function firstOf<R extends Rule>(
  entries: readonly Entry<R>[] | undefined,
  facts: RequestFacts,
  identity: string | undefined,
  limit: number,
  passesOver: PassesOver<R>,
): R | undefined {
  if (entries === undefined) return undefined
  for (const { rule, rest } of entries) {
    if (rule.index >= limit) return undefined
    if (rest(facts, identity) && passesOver?.(rule) !== true) return rule
  }
  return undefined
}
