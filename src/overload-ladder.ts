// How much is too much, and what is given up for it: three rungs, each worse for clients than the one below, each harder to leave than to
// enter. Knows nothing of how pressure is measured or what a rung does.

/** A share of what there is, and how late the event loop runs. */
export interface Pressure {
  /** 1: all of the memory that this process may use. */
  readonly memory: number
  /** Milliseconds, the median of the last look. */
  readonly lagMs: number
}

export interface OverloadSpec {
  /** Bytes that this process may use; undefined for what its container or machine has. */
  readonly memoryBytes: number | undefined
  /** From which pressure on each rung is taken, in the order of `rungNames`. */
  readonly rungs: readonly [Pressure, Pressure, Pressure]
}

/** Idle connections end sooner · requests at the edge are answered 503 · new connections are reset. */
export const rungNames = ['shorten-keep-alive', 'shed-requests', 'stop-accepting'] as const

export type Rung = 0 | 1 | 2 | 3

/** One bad look may be a pause of the collector, two in a row are load. */
const looksToClimb = 2
const looksToStepDown = 8
/** A rung is left when pressure is below this part of what it is entered at. */
const partToStepDown = 0.85

export class Ladder {
  rung: Rung = 0
  #above = 0
  #below = 0

  /** To be called at even intervals. Climbs as far as pressure says, steps down one rung at a time. */
  look(pressure: Pressure, rungs: OverloadSpec['rungs']): Rung {
    const wanted = highest(pressure, rungs, 1)
    this.#above = wanted > this.rung ? this.#above + 1 : 0
    this.#below = highest(pressure, rungs, partToStepDown) < this.rung ? this.#below + 1 : 0
    if (this.#above >= looksToClimb) this.#move(wanted)
    else if (this.#below >= looksToStepDown) this.#move((this.rung - 1) as Rung)
    return this.rung
  }

  #move(rung: Rung): void {
    this.rung = rung
    this.#above = 0
    this.#below = 0
  }
}

function highest({ memory, lagMs }: Pressure, rungs: OverloadSpec['rungs'], part: number): Rung {
  const index = rungs.findLastIndex((rung) => memory >= rung.memory * part || lagMs >= rung.lagMs * part)
  return (index + 1) as Rung
}
