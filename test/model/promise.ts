// The promise, as simple as it can be said: what a browser was given, and what it has to get. Written a second time, from docs/affinity.md and
// not from the code: rules are walked one by one, nothing is compiled, nothing is remembered but what a person would.

import { longestHistory, type Plan, ttlSeconds } from './plan.ts'

/** What a browser holds, by the model's own account. */
export interface Held {
  readonly version: string
  readonly epoch: number
  /** Seconds since 1970. */
  readonly since: number
  readonly seed: string
  /** Newest first. Of an older epoch: void. */
  readonly given: readonly { readonly version: string; readonly isVoid: boolean }[]
}

export interface Visitor {
  readonly ip: string
  readonly user: string | undefined
  readonly held: Held | undefined
}

/** What one gateway knows at this moment. */
export interface View {
  readonly plan: Plan
  /** Seconds since 1970. */
  readonly now: number
  /** Since when it lists a version. */
  readonly since: ReadonlyMap<string, number>
  /** Stable until a new one has settled. */
  readonly stable: string
  readonly isAvailable: (version: string) => boolean
  readonly draw: (version: string, seed: string) => number
}

/** A status in place of a version: 409 is told to reload, 503 to come back. */
export type Due =
  | { readonly status: 200; readonly version: string; readonly isStillGiven: boolean }
  | { readonly status: 409 | 503 }

// --- page loads --------------------------------------------------------------------------------------------------------------------

/** @param seed by which the visitor is drawn: what it holds, else what it was just given */
export function dueToPage(view: View, visitor: Visitor, seed: string): Due {
  const { plan, stable } = view
  const bound = boundTo(view, visitor.held)
  if (bound !== undefined && plan.repin === 'keep') return serve(view, bound, false, bound === plan.stable)
  for (const rule of plan.rules) {
    if (plan.draining.has(rule.version)) continue
    if (isNew(view, rule.version) && bound !== rule.version) continue
    if (hits(view, rule, visitor, bound, seed)) return serve(view, rule.version, rule.fails, true)
  }
  if (bound !== undefined) return serve(view, bound, false, bound === plan.stable)
  return { status: 200, version: stable, isStillGiven: stable === plan.stable }
}

function hits(
  view: View,
  { version, on }: Plan['rules'][number],
  visitor: Visitor,
  bound: string | undefined,
  seed: string,
): boolean {
  if ('ip' in on) return visitor.ip === on.ip
  if ('user' in on) return visitor.user === on.user
  const mayMove = bound === undefined || bound === view.stable || bound === version
  return mayMove && view.draw(version, seed) < on.share
}

function serve({ stable, plan, isAvailable }: View, version: string, fails: boolean, isStillGiven: boolean): Due {
  if (version === stable || isAvailable(version)) return { status: 200, version, isStillGiven }
  return fails ? { status: 503 } : { status: 200, version: stable, isStillGiven: stable === plan.stable }
}

/** The version whose promise binds the next page. */
function boundTo({ plan, now }: View, held: Held | undefined): string | undefined {
  if (held === undefined || !isGood(plan, held)) return undefined
  return now - held.since < ttlSeconds && !plan.draining.has(held.version) ? held.version : undefined
}

function isNew({ plan, now, since }: View, version: string): boolean {
  return now < (since.get(version) ?? 0) + plan.settle
}

/** Neither its version nor its epoch has gone. */
export function isGood(plan: Plan, held: Held): boolean {
  return plan.versions.includes(held.version) && held.epoch >= plan.epoch
}

// --- what belongs to a page -----------------------------------------------------------------------------------------------------------

/**
 * @param stamp what the page says of itself
 * @returns undefined where nothing is promised: no pin
 */
export function dueToPart(view: View, { held }: Visitor, stamp: string | undefined): Due | undefined {
  if (held === undefined) return undefined
  if (stamp !== undefined && held.epoch >= view.plan.epoch) {
    const given = held.given.slice(0, longestHistory)
    if (given.some(({ version, isVoid }) => version === stamp && !isVoid)) return follow(view, stamp)
    return { status: 409 }
  }
  return isGood(view.plan, held) ? follow(view, held.version) : { status: 409 }
}

function follow({ plan, stable, isAvailable }: View, version: string): Due {
  if (!plan.versions.includes(version)) return { status: 409 }
  return version === stable || isAvailable(version) ? { status: 200, version, isStillGiven: false } : { status: 503 }
}

// --- what a page load leaves behind ------------------------------------------------------------------------------------------------------

/** Whether the browser has to be given a new pin, with a page of that version. */
export function isPinDue(view: View, held: Held | undefined, version: string, isStillGiven: boolean): boolean {
  if (held === undefined || !isGood(view.plan, held) || held.version !== version) return true
  return view.now - held.since > ttlSeconds / 8 && isStillGiven
}

export function heldAfter(view: View, before: Held | undefined, version: string, seed: string): Held {
  const { epoch } = view.plan
  const isOlder = before !== undefined && before.epoch < epoch
  const given = (before?.given ?? []).filter((each) => each.version !== version)
  return {
    version,
    epoch: before?.version === version ? Math.max(epoch, before.epoch) : epoch,
    since: view.now,
    seed,
    given: [{ version, isVoid: false }, ...given.map((each) => (isOlder ? { ...each, isVoid: true } : each))].slice(
      0,
      longestHistory,
    ),
  }
}
