// Nanoseconds of one call: as many calls as fill a stretch of time, many stretches, the middle one counts. Never one long average,
// which a collection of garbage or a neighbour would move.

export interface Timing {
  readonly name: string
  /** Nanoseconds a call. */
  readonly median: number
  readonly min: number
  readonly max: number
}

const stretches = 15
const stretchMs = 40

/** `call` returns something that depends on its work, so that none of it can be left out by the compiler. */
export function time(name: string, call: () => unknown): Timing {
  // The first stretches compile; the last of them says how many calls fill one.
  let calls = 1000
  for (let i = 0; i < 5; i++)
    calls = Math.max(1000, Math.round((calls * stretchMs) / Math.max(0.1, stretch(call, calls))))
  const each = Array.from({ length: stretches }, () => (stretch(call, calls) / calls) * 1e6).toSorted((a, b) => a - b)
  return { name, median: each[stretches >> 1]!, min: each[0]!, max: each.at(-1)! }
}

let kept: unknown

/** Milliseconds. */
function stretch(call: () => unknown, calls: number): number {
  const started = performance.now()
  for (let i = 0; i < calls; i++) kept = call()
  const elapsed = performance.now() - started
  if (kept === stretch) throw new Error('never: this only keeps the results alive')
  return elapsed
}
