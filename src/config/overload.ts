// `overload` in its long form.

import { complain, type Draft } from './draft.ts'
import type { RoutesDocument } from './schema.ts'
import { durationMs, hundredthsOfPercent } from './written-values.ts'

/** Fits overload-ladder.ts. */
export interface OverloadText {
  readonly memoryBytes: number | undefined
  readonly rungs: readonly [RungSpec, RungSpec, RungSpec]
}

interface RungSpec {
  /** 1 is all of it. */
  readonly memory: number
  readonly lagMs: number
}

const inOrder = ['shortenKeepAlive', 'shedRequests', 'stopAccepting'] as const

export const defaultOverload: OverloadText = {
  memoryBytes: undefined,
  rungs: [
    { memory: 0.8, lagMs: 250 },
    { memory: 0.9, lagMs: 1000 },
    { memory: 0.95, lagMs: 3000 },
  ],
}

/** Whole only when nothing was reported. */
export function overloadSpec(draft: Draft<Pick<RoutesDocument, 'overload'>>): OverloadText {
  const { overload } = draft.document
  if (overload === undefined) return defaultOverload
  const [first, second, third] = inOrder.map((name) => {
    const { memory, lag } = overload[name]
    return { memory: hundredthsOfPercent(memory) / 10_000, lagMs: durationMs(lag) }
  }) as [RungSpec, RungSpec, RungSpec]
  for (const [index, [below, above]] of [[first, second] as const, [second, third] as const].entries()) {
    const name = inOrder[index + 1] as (typeof inOrder)[number]
    const message = `${name} comes after ${inOrder[index]}: it cannot begin earlier`
    if (above.memory < below.memory) complain(draft, overload[name], 'memory', 'value', message)
    if (above.lagMs < below.lagMs) complain(draft, overload[name], 'lag', 'value', message)
  }
  return { memoryBytes: overload.memoryBytes === 0 ? undefined : overload.memoryBytes, rungs: [first, second, third] }
}
