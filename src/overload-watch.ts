// Looks four times a second how this process bears its load, and puts the rungs of the ladder to work on the engine.
// Where the ladder's rungs begin is configured; what they do is here.

import { totalmem } from 'node:os'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { collectGarbage } from './collect-garbage.ts'
import { residentMemory } from './observe/process-figures.ts'
import type { Admission } from './proxy/admission.ts'
import type { Limits } from './proxy/http1/limits.ts'
import { Ladder, type OverloadSpec, type Pressure, type Rung, rungNames } from './overload-ladder.ts'

export type { OverloadSpec, Pressure } from './overload-ladder.ts'

/** What of the engine is turned. */
interface Engine {
  limits: Limits
  /** New connections are reset at once. */
  refusing: boolean
  /** Gives connections that are idle now so many milliseconds more. */
  shortenIdle(ms: number): void
}

interface Configured {
  readonly limits: Limits & { readonly requestsPerAddress: number }
  readonly overload: OverloadSpec
}

/** @param memoryBytes what is configured as all there is */
type Measure = (memoryBytes: number | undefined) => Pressure

const everyMs = 250
const resolutionMs = 20
/** How many looks a container's limit is taken for: it hardly ever changes, and Node reads up to five files to tell it. */
const looksPerLimit = 40
/** Of idleTimeout, on the first rung. */
const keepAlivePart = 0.1
/** Between two collections of garbage, and twice as long after each that freed too little: it is not worth another one soon. */
const betweenCollectionsMs = 15_000

export class OverloadWatch {
  rung: Rung = 0
  readonly #engine: Engine
  readonly #admission: Admission
  readonly #onEnter: (rung: string) => void
  readonly #measure: Measure
  readonly #ladder = new Ladder()
  readonly #timer: NodeJS.Timeout
  /** Has a timer of its own. */
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs })
  #limits: Limits
  #spec!: OverloadSpec
  /** On the clock of `performance.now`. */
  #collectedAt = -Infinity
  /** Since the ladder was left. */
  #collections = 0

  /** @param measure of the tests; by default this process */
  constructor(engine: Engine, admission: Admission, onEnter: (rung: string) => void, measure?: Measure) {
    this.#engine = engine
    this.#admission = admission
    this.#onEnter = onEnter
    this.#measure = measure ?? pressureOfProcess(this.#delay)
    this.#limits = engine.limits
    this.#timer = setInterval(() => this.#look(), everyMs).unref()
  }

  configure({ limits, overload }: Configured): void {
    this.#limits = limits
    this.#admission.requestsPerAddress = limits.requestsPerAddress
    this.#spec = overload
    this.#apply()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#delay.disable()
  }

  #look(): void {
    if (this.#spec === undefined) return
    const { memoryBytes, rungs } = this.#spec
    const before = this.rung
    const pressure = this.#measure(memoryBytes)
    this.rung = this.#ladder.look(pressure, rungs)
    if (this.rung === 0) this.#collections = 0
    else if (pressure.memory >= rungs[0].memory) this.#collect()
    if (this.rung === before) return
    for (const name of rungNames.slice(before, this.rung)) this.#onEnter(name)
    this.#apply()
    if (before === 0) this.#engine.shortenIdle(this.#engine.limits.idleTimeoutMs)
  }

  /** Where little is let in, little is allocated, and V8 would take its time to find out what is garbage. */
  #collect(): void {
    const now = performance.now()
    if (now - this.#collectedAt < betweenCollectionsMs * 2 ** this.#collections) return
    this.#collectedAt = now
    this.#collections++
    collectGarbage()
  }

  #apply(): void {
    const { idleTimeoutMs } = this.#limits
    const shortened = Math.min(idleTimeoutMs, Math.max(1000, idleTimeoutMs * keepAlivePart))
    this.#engine.limits = this.rung >= 1 ? { ...this.#limits, idleTimeoutMs: shortened } : this.#limits
    this.#admission.shedding = this.rung >= 2
    this.#engine.refusing = this.rung >= 3
  }
}

/** Resident memory against what there is, the heap against its own limit, whichever is worse; and the median delay of the event loop. */
function pressureOfProcess(delay: ReturnType<typeof monitorEventLoopDelay>): Measure {
  delay.enable()
  const heapLimit = getHeapStatistics().heap_size_limit
  let available = 0
  let looks = 0
  return (memoryBytes) => {
    if (looks++ % looksPerLimit === 0) available = availableBytes()
    const lagMs = delay.count === 0 ? 0 : Math.max(0, delay.percentile(50) / 1e6 - resolutionMs)
    delay.reset()
    const heapUsed = getHeapStatistics().used_heap_size
    return { memory: Math.max(residentMemory() / (memoryBytes ?? available), heapUsed / heapLimit), lagMs }
  }
}

/** What the control group allows, else what the machine has. */
function availableBytes(): number {
  const constrained = process.constrainedMemory()
  const machine = totalmem()
  return constrained > 0 && constrained < machine ? constrained : machine
}
