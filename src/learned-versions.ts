// Since when this gateway knows each version: what `rollout.settle` counts from. Plain data, which several processes of one gateway
// share; a file's own time tells it after a restart.

import { statSync } from 'node:fs'
import type { ReleaseSpec } from './rules/release.ts'
import type { Settling } from './rules/types.ts'

/** By release. Structured-clonable. */
export type LearnedVersions = ReadonlyMap<string, LearnedRelease>

interface LearnedRelease {
  /** Version to the second since 1970 in which it was first listed, and listed ever since. */
  readonly since: ReadonlyMap<string, number>
  readonly stable: string
  /** What was stable when `stable` became it while it was new. */
  readonly stableBefore: string | undefined
}

/**
 * When the content of this file came to be on this machine, in seconds since 1970. Its change time (ctime), which cannot be set back:
 * a file that was copied, unpacked or mounted is as new here as it is to us, whatever its modification time says. So a gateway that
 * ends and starts again does not settle anew, and one that starts on a new machine does.
 */
export function writtenAt(path: string, nowSeconds: number): number {
  try {
    return Math.min(nowSeconds, Math.ceil(statSync(path).ctimeMs / 1000))
  } catch {
    return nowSeconds
  }
}

/**
 * What is known once these releases are in force.
 * @param before what was known until then; undefined at the start
 * @param learnedAt seconds since 1970: what is new is new since then
 */
export function learnVersions(
  before: LearnedVersions | undefined,
  releases: readonly ReleaseSpec[],
  learnedAt: number,
): LearnedVersions {
  return new Map(releases.map((spec) => [spec.name, learnRelease(before?.get(spec.name), spec, learnedAt)]))
}

/** What still settles under this configuration; undefined where nothing has to. */
export function settlingOf(known: LearnedVersions, spec: ReleaseSpec): Settling | undefined {
  const settle = spec.settleSeconds ?? 0
  const learned = known.get(spec.name)
  if (settle === 0 || learned === undefined) return undefined
  return {
    drawsFrom: new Map(Array.from(learned.since, ([version, since]) => [version, since + settle])),
    stableBefore: learned.stableBefore,
  }
}

function learnRelease(before: LearnedRelease | undefined, spec: ReleaseSpec, learnedAt: number): LearnedRelease {
  const since = new Map<string, number>()
  for (const version of spec.versions.keys()) since.set(version, before?.since.get(version) ?? learnedAt)
  const settles = (version: string): boolean => learnedAt < (since.get(version) ?? 0) + (spec.settleSeconds ?? 0)
  return {
    since,
    stable: spec.stable,
    stableBefore: before && settles(spec.stable) ? stableUntilNow(before, spec, settles) : undefined,
  }
}

/** The version that everyone else is on, when it is still listed. */
function stableUntilNow(
  before: LearnedRelease,
  spec: ReleaseSpec,
  settles: (version: string) => boolean,
): string | undefined {
  const until = before.stableBefore !== undefined && settles(before.stable) ? before.stableBefore : before.stable
  return until !== spec.stable && spec.versions.has(until) ? until : undefined
}
