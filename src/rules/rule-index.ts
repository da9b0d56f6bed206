// The first explicit gray rule that hits, found without asking them all: a thousand exact rules cost about what three do.
// Never changes the verdict of a walk from top to bottom; test/rules compares the two.

import { compileCidrIndex, type CidrIndex } from './cidr-index.ts'
import { compileConditions, type Wanted } from './request-match.ts'
import type { RouteProblem } from './route-problem.ts'
import type { FirstExplicit, GrayConditionSpec, GrayRule, RequestFacts } from './types.ts'
import { wireTexts } from './wire-text.ts'

export interface ExplicitRule {
  readonly rule: GrayRule
  readonly condition: Exclude<GrayConditionSpec, { readonly kind: 'share' }>
}

/** Lists above this are looked into one by one, each in constant time, instead of being copied into an index. */
const longestIndexedList = 10_000

/** One way for a rule to hit: an item of its `match`, or its list of users. */
interface Way {
  readonly rule: GrayRule
  readonly conditions: readonly WayCondition[]
}

interface WayCondition {
  readonly test: Test
  readonly wanted: WayWanted | undefined
}

type Test = (facts: RequestFacts, identity: string | undefined) => boolean
type WayWanted = Wanted | { readonly kind: 'users'; readonly values: ReadonlySet<string> }

/** A way under the value that leads to it; `rest` are its other conditions. */
interface Entry {
  readonly rule: GrayRule
  readonly rest: Test
}

/** Finds the ways under the values of one attribute. `lowest` is the smallest index among their rules. */
interface Shelf {
  readonly lowest: number
  /** The first hit with an index below `limit`. */
  readonly find: (
    facts: RequestFacts,
    identity: string | undefined,
    limit: number,
    passesOver: PassesOver,
  ) => GrayRule | undefined
}

type PassesOver = ((rule: GrayRule) => boolean) | undefined

/**
 * @param rules in the order of the file
 * @param report gets what is wrong with regexes and addresses
 */
export function compileFirstExplicit(
  rules: readonly ExplicitRule[],
  report: (problem: RouteProblem) => void,
): FirstExplicit {
  const ways = rules.flatMap((rule) => waysOf(rule, report))
  const shelves = buildShelves(ways).toSorted((a, b) => a.lowest - b.lowest)
  return function firstExplicit(facts, identity, passesOver) {
    let best: GrayRule | undefined
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

function waysOf({ rule, condition }: ExplicitRule, report: (problem: RouteProblem) => void): readonly Way[] {
  if (condition.kind === 'match') {
    return condition.items.map((item) => ({ rule, conditions: compileConditions(item, report) }))
  }
  const users = wireTexts(condition.users)
  const test: Test = (_, identity) => identity !== undefined && users.has(identity)
  return [{ rule, conditions: [{ test, wanted: { kind: 'users', values: users } }] }]
}

// --- where each way stands -----------------------------------------------------------------------------------------------------

/** Each way goes under the condition whose values it shares with the fewest others; those without one are walked. */
function buildShelves(ways: readonly Way[]): readonly Shelf[] {
  const crowds = countValues(ways)
  const walked: Entry[] = []
  const cidrs: [cidr: string, entry: Entry][] = []
  const byAttribute = new Map<string, { read: Read; entries: Map<string, Entry[]>; lowest: number }>()
  for (const { rule, conditions } of ways) {
    const anchor = leastCrowded(conditions, crowds)
    const entry = { rule, rest: restOf(conditions, anchor) }
    if (anchor?.wanted === undefined) walked.push(entry)
    else if (anchor.wanted.kind === 'cidrs') for (const cidr of anchor.wanted.cidrs) cidrs.push([cidr, entry])
    else {
      const id = attributeId(anchor.wanted)
      let shelf = byAttribute.get(id)
      if (shelf === undefined) {
        shelf = { read: readerOf(anchor.wanted), entries: new Map(), lowest: rule.index }
        byAttribute.set(id, shelf)
      }
      for (const value of anchor.wanted.values) pushTo(shelf.entries, value, entry)
    }
  }
  const shelves = Array.from(byAttribute.values(), (shelf) => valueShelf(shelf.read, shelf.entries, shelf.lowest))
  const [firstCidr] = cidrs
  if (firstCidr !== undefined) shelves.push(cidrShelf(compileCidrIndex(cidrs), firstCidr[1].rule.index))
  const [firstWalked] = walked
  if (firstWalked !== undefined) shelves.push(walkShelf(walked, firstWalked.rule.index))
  return shelves
}

/** How many ways stand under each value: a thousand rules for tenants that all ask for beta=1 have to be told apart by tenant. */
function countValues(ways: readonly Way[]): ReadonlyMap<string, number> {
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
  if (wanted.values.size > longestIndexedList) return []
  const id = attributeId(wanted)
  return Array.from(wanted.values, (value) => `${id}\0${value}`)
}

function attributeId(wanted: Exclude<WayWanted, { readonly kind: 'cidrs' }>): string {
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

function pushTo(entries: Map<string, Entry[]>, value: string, entry: Entry): void {
  const there = entries.get(value)
  if (there === undefined) entries.set(value, [entry])
  else there.push(entry)
}

// --- how a shelf is searched -----------------------------------------------------------------------------------------------------

type Read = (facts: RequestFacts, identity: string | undefined) => string | readonly string[] | undefined

function readerOf(wanted: Exclude<WayWanted, { readonly kind: 'cidrs' }>): Read {
  return wanted.kind === 'users' ? (_, identity) => identity : wanted.attribute.read
}

function valueShelf(read: Read, entries: ReadonlyMap<string, readonly Entry[]>, lowest: number): Shelf {
  // A look-up of a text that just came off the wire hashes it and enters it among all strings; most fail by their length alone.
  let lengths = 0
  for (const value of entries.keys()) lengths |= 1 << (value.length & 31)
  const under = (value: string): readonly Entry[] | undefined =>
    (lengths & (1 << (value.length & 31))) === 0 ? undefined : entries.get(value)
  return {
    lowest,
    find(facts, identity, limit, passesOver) {
      const found = read(facts, identity)
      if (found === undefined) return undefined
      if (typeof found === 'string') return firstOf(under(found), facts, identity, limit, passesOver)
      let best: GrayRule | undefined
      for (const line of found) best = firstOf(under(line), facts, identity, best?.index ?? limit, passesOver) ?? best
      return best
    },
  }
}

function cidrShelf(index: CidrIndex<Entry>, lowest: number): Shelf {
  return {
    lowest,
    find(facts, identity, limit, passesOver) {
      let best: GrayRule | undefined
      for (let node = index(facts.clientAddress); node !== undefined; node = node.around) {
        best = firstOf(node.values, facts, identity, best?.index ?? limit, passesOver) ?? best
      }
      return best
    },
  }
}

function walkShelf(entries: readonly Entry[], lowest: number): Shelf {
  return { lowest, find: (facts, identity, limit, passesOver) => firstOf(entries, facts, identity, limit, passesOver) }
}

/** The first entry that holds. Entries stand in the order of their rules. */
function firstOf(
  entries: readonly Entry[] | undefined,
  facts: RequestFacts,
  identity: string | undefined,
  limit: number,
  passesOver: PassesOver,
): GrayRule | undefined {
  if (entries === undefined) return undefined
  for (const { rule, rest } of entries) {
    if (rule.index >= limit) return undefined
    if (rest(facts, identity) && passesOver?.(rule) !== true) return rule
  }
  return undefined
}
