// The memory an upstream connection reads into: 8 KiB of its own, for heads and short bodies, and a large buffer that it borrows while a
// body comes in large pieces. The kernel writes into a buffer whenever it is given out, so none changes hands while somebody still waits
// to write from it.

import { HEADROOM, TAILROOM } from './span.ts'

export const OWN_BYTES = 8_192
const LARGE_BYTES = 524_288
/** Lent at the same time, 64 MiB in all. Whoever gets none reads on into its own. */
export const MOST_LENT = 128
/** Kept while nobody uses them; getting one from the system costs more than reading into it. */
const MOST_SPARE = 16

/** Memory with HEADROOM bytes in front of what is read into it and TAILROOM behind. */
interface Slab {
  readonly memory: Buffer
  /** All there is to read into. */
  readonly whole: Buffer
  /** The same behind as many bytes as a connection's own memory takes. */
  readonly rest: Buffer
}

/**
 * The one that was given back last is lent first: the processor still has it in its cache. A large one for each connection would drive
 * everything else out of there.
 */
const spare: Slab[] = []
let lent = 0

export class ReadBuffer {
  readonly #own = slabOf(OWN_BYTES)
  #slab = this.#own
  /** Bytes in `memory` that were read and not taken yet. */
  start = HEADROOM
  end = HEADROOM
  /** Where the next read goes, in `memory`. */
  #readAt = HEADROOM
  #wantsLarge = false
  /** Given up, but a client has not taken all of its bytes yet. */
  #pinned: Slab | null = null

  get memory(): Buffer {
    return this.#slab.memory
  }

  get isLarge(): boolean {
    return this.#slab !== this.#own
  }

  get isEmpty(): boolean {
    return this.start === this.end
  }

  /** So many bytes were read. */
  noteRead(bytes: number): void {
    if (this.isEmpty) this.start = this.#readAt
    this.end = this.#readAt + bytes
    this.#wantsLarge = this.end - this.start >= OWN_BYTES
  }

  noteTaken(): void {
    this.start = this.end
  }

  /** The message has been read. */
  noteEnd(): void {
    this.#wantsLarge = false
  }

  /**
   * What was read filled our own memory: it now stands at the front of a large buffer, and the next read goes behind it. False when it
   * was less, when it is there already, or when no large one is to be had.
   */
  moveToLarge(): boolean {
    if (!this.#wantsLarge || this.isLarge || !this.#borrow()) return false
    this.#own.memory.copy(this.memory, HEADROOM, this.start, this.end)
    this.#readAt = this.end
    return true
  }

  /** Where the next read goes. `pinned`: bytes of the present buffer still wait to be written. */
  next(pinned: boolean): Buffer {
    if (!this.isEmpty) return this.#slab.rest
    this.#readAt = HEADROOM
    // Pinned or not: nothing is read before they are written, and then as much is there again.
    if (this.isLarge && !this.#wantsLarge) this.#giveUp(pinned)
    else if (this.#wantsLarge && !this.isLarge) this.#borrow()
    return this.#slab.whole
  }

  /** Nothing waits to be written from any buffer of ours. */
  settle(): void {
    if (this.#pinned !== null) giveBack(this.#pinned)
    this.#pinned = null
  }

  /** Nothing is read any more. `pinned` as in next(). */
  drop(pinned: boolean): void {
    this.#wantsLarge = false
    this.start = this.end
    if (this.isLarge) this.#giveUp(pinned)
    // Its bytes are on their way to a client: it is not used again.
    if (this.#pinned !== null) lent--
    this.#pinned = null
  }

  #borrow(): boolean {
    if (lent === MOST_LENT) return false
    lent++
    this.#slab = spare.pop() ?? slabOf(LARGE_BYTES)
    return true
  }

  #giveUp(pinned: boolean): void {
    if (pinned) this.#pinned = this.#slab
    else giveBack(this.#slab)
    this.#slab = this.#own
  }
}

function slabOf(bytes: number): Slab {
  const memory = Buffer.allocUnsafeSlow(HEADROOM + bytes + TAILROOM)
  const end = HEADROOM + bytes
  return { memory, whole: memory.subarray(HEADROOM, end), rest: memory.subarray(HEADROOM + OWN_BYTES, end) }
}

function giveBack(slab: Slab): void {
  lent--
  if (spare.length < MOST_SPARE) spare.push(slab)
}
