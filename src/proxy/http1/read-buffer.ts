// The memory an upstream connection reads into: 64 KiB, 256 KiB while large bodies come. The kernel writes into it whenever it is given
// out, so a buffer changes owner only when nobody waits to write from it any more.

import { HEADROOM, TAILROOM } from './span.ts'

const SMALL_READ = 65_536
const LARGE_READ = 262_144

/** Large buffers that nobody uses; a few are kept, since getting 256 KiB from the system costs more than reading into it. */
const spare: Buffer[] = []
const MAX_SPARE = 16

export class ReadBuffer {
  /** The memory, with HEADROOM bytes in front of what is read and TAILROOM bytes behind it. */
  slab: Buffer = Buffer.allocUnsafeSlow(SMALL_READ + HEADROOM + TAILROOM)
  #view: Buffer = this.slab.subarray(HEADROOM, HEADROOM + SMALL_READ)
  readonly #small = this.slab
  #wantLarge = false
  #messageBytes = 0
  /** Given up, but a client has not taken all of its bytes yet. */
  #lent: Buffer | null = null

  get isLarge(): boolean {
    return this.slab !== this.#small
  }

  /** So many bytes were read of a body or head. */
  noteRead(bytes: number): void {
    this.#messageBytes += bytes
    if (bytes >= SMALL_READ) this.#wantLarge = true
  }

  /** The message has been read; one that would have fitted into the small buffer takes the large one away. */
  noteEnd(): void {
    if (this.#messageBytes <= SMALL_READ) this.#wantLarge = false
    this.#messageBytes = 0
  }

  /** Where the next read goes. `lent`: bytes of the present buffer still wait to be written. */
  next(lent: boolean): Buffer {
    if (this.#wantLarge === this.isLarge) return this.#view
    if (this.isLarge) {
      if (lent) this.#lent = this.slab
      else giveBack(this.slab)
      this.slab = this.#small
    } else {
      // The small one stays ours, lent or not: it is not read into before the large one is given up again.
      this.slab = spare.pop() ?? Buffer.allocUnsafeSlow(LARGE_READ + HEADROOM + TAILROOM)
    }
    this.#view = this.slab.subarray(HEADROOM, this.slab.length - TAILROOM)
    return this.#view
  }

  /** Nothing waits to be written from any buffer of ours. */
  settle(): void {
    if (this.#lent === null) return
    giveBack(this.#lent)
    this.#lent = null
  }
}

function giveBack(slab: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(slab)
}
