// Two configurations compared as their visitors would notice: what is written otherwise, who moves, which pins die.
// Pure; decides with the function that serves requests, for visitors that it draws itself.

import { createHash } from 'node:crypto'
import { seedFor } from '../affinity/pin-policy.ts'
import { parseAddress } from '../rules/address.ts'
import { bareRequest } from '../rules/bare-request.ts'
import { decide } from '../rules/decide.ts'
import type { Release } from '../rules/release.ts'
import type { PinReading, RequestFacts, Visit } from '../rules/types.ts'
import { wireText } from '../rules/wire-text.ts'
import { writtenDifferences } from './compare-written.ts'
import type { Snapshot } from './snapshot.ts'

export interface Comparison {
  /** Sentences, in the order of the file; empty when both say the same. */
  readonly differences: readonly string[]
  readonly moves: readonly ReleaseMoves[]
  /** Sentences about pins that are no good any more. */
  readonly pins: readonly string[]
}

/** Where the visitors of one release go with their next page, those of the old configuration as it left them, pins and all. */
export interface ReleaseMoves {
  readonly release: string
  /** Visitors that no rule names, drawn for this comparison. Shares of them are true to about 0.3 points. */
  readonly drawn: Moved
  /** Every user and address that a rule of either configuration names, up to 20,000. */
  readonly named: Moved
}

export interface Moved {
  readonly visitors: number
  /** Ordered by count. Versions are those of the old and of the new configuration. */
  readonly moves: readonly { readonly from: string; readonly to: string; readonly visitors: number }[]
}

const drawnVisitors = 100_000
const namedAtMost = 20_000

export function compareConfigurations(before: Snapshot, after: Snapshot): Comparison {
  const pairs = after.table.releases.flatMap((release) => {
    const old = before.table.releases.find(({ name }) => name === release.name)
    return old === undefined ? [] : [{ old, now: release, kept: keepsPins(before, after, old, release) }]
  })
  return {
    differences: writtenDifferences(before.configuration, after.configuration),
    moves: pairs.map(({ old, now, kept }) => ({
      release: now.name,
      drawn: movesOf(drawn(), old, now, kept),
      named: movesOf(named(old, now), old, now, kept),
    })),
    pins: pairs.flatMap(({ old, now, kept }) => deadPins(before, after, old, now, kept)),
  }
}

// --- pins ------------------------------------------------------------------------------------------------------------------------------

/** Can a pin that the old one wrote be read by the new one? */
function keepsPins(before: Snapshot, after: Snapshot, old: Release, now: Release): boolean {
  return old.spec.pin.cookie === now.spec.pin.cookie && lostKeys(before, after, now.name).length === 0
}

function lostKeys(before: Snapshot, after: Snapshot, release: string): readonly string[] {
  const kept = new Set((after.configuration.keys.get(release) ?? []).map(({ id }) => id))
  return (before.configuration.keys.get(release) ?? []).map(({ id }) => id).filter((id) => !kept.has(id))
}

function deadPins(before: Snapshot, after: Snapshot, old: Release, now: Release, kept: boolean): readonly string[] {
  const said: string[] = []
  const [was, is] = [old.spec.pin, now.spec.pin]
  const of = `release ${now.name}:`
  if (was.cookie !== is.cookie) said.push(`${of} pins in cookie ${was.cookie} are not read any more`)
  else if (!kept) {
    const lost = lostKeys(before, after, now.name).join(', ')
    said.push(`${of} pins signed with a key that is gone (${lost}) count as none: open pages may cross`)
  }
  if (is.epoch > was.epoch) {
    said.push(`${of} all pins are stale (epoch ${was.epoch} -> ${is.epoch}): every open page is asked to reload`)
  }
  for (const version of old.spec.versions.keys()) {
    if (now.spec.versions.has(version)) continue
    const drained = old.spec.draining.has(version) ? '' : `, and ${version} did not drain before`
    said.push(`${of} pins to ${version} are stale: its open pages are asked to reload${drained}`)
  }
  for (const version of now.spec.draining) {
    if (old.spec.draining.has(version) || !old.spec.versions.has(version)) continue
    said.push(`${of} pins to ${version} hold for open pages, and end with the next page`)
  }
  if (is.ttlSeconds < was.ttlSeconds) said.push(`${of} pins older than ${is.ttlSeconds} s bind no page load any more`)
  return said
}

// --- visitors --------------------------------------------------------------------------------------------------------------------------

interface Visitor {
  readonly facts: RequestFacts
  readonly identity: string | undefined
  readonly seed: string
}

/** The same ones each time, so that two runs say the same. */
function* drawn(): Generator<Visitor> {
  const facts = bareRequest()
  for (let index = 0; index < drawnVisitors; index += 1) {
    const seed = createHash('sha256').update(String(index)).digest('base64url').slice(0, 16)
    yield { facts, identity: undefined, seed }
  }
}

function* named(old: Release, now: Release): Generator<Visitor> {
  const users = new Set<string>()
  const addresses = new Set<string>()
  for (const { condition } of [...old.spec.gray, ...now.spec.gray]) {
    if (condition.kind === 'users') for (const user of condition.users) users.add(user)
    if (condition.kind === 'match')
      for (const { clientIp } of condition.items) for (const cidr of clientIp ?? []) addresses.add(cidr)
  }
  let left = namedAtMost
  for (const user of users) {
    if (left-- === 0) return
    yield visitorOf(now.name, bareRequest(), wireText(user))
  }
  for (const cidr of addresses) {
    if (left-- === 0) return
    const address = parseAddress(cidr.replace(/\/.*$/, ''))
    if (address !== undefined) yield visitorOf(now.name, bareRequest(address), address.text)
  }
}

function visitorOf(release: string, facts: RequestFacts, identity: string): Visitor {
  return { facts, identity, seed: seedFor(release, { state: 'none' }, identity, () => new Uint8Array()) }
}

function movesOf(visitors: Iterable<Visitor>, old: Release, now: Release, kept: boolean): Moved {
  const counts = new Map<string, { from: string; to: string; visitors: number }>()
  let all = 0
  for (const visitor of visitors) {
    all += 1
    const from = decide(old, visitor.facts, visitOf(visitor, { state: 'none' })).version
    const to = decide(
      now,
      visitor.facts,
      visitOf(visitor, kept ? pinned(visitor, from, old, now) : { state: 'none' }),
    ).version
    if (from === to) continue
    const key = `${from} ${to}`
    const count = counts.get(key) ?? { from, to, visitors: 0 }
    count.visitors += 1
    counts.set(key, count)
  }
  return { visitors: all, moves: [...counts.values()].toSorted((a, b) => b.visitors - a.visitors) }
}

/** The pin that the old configuration left, as the new one reads it. */
function pinned({ seed }: Visitor, version: string, old: Release, now: Release): PinReading {
  const pin = { version, epoch: old.spec.pin.epoch, issuedAt: 0, seed, history: [version] }
  const isHeld = pin.epoch >= now.spec.pin.epoch && now.spec.versions.has(version)
  return { state: isHeld ? 'held' : 'stale', pin }
}

function visitOf({ identity, seed }: Visitor, reading: PinReading): Visit {
  return {
    kind: 'document',
    reading,
    pageVersion: undefined,
    identity,
    seed,
    nowSeconds: 0,
    available: () => true,
    settling: undefined,
  }
}
