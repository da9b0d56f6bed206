// Where log lines go: a file, or standard output. Writing never blocks the event loop, never throws and never grows without bound:
// what cannot be written is counted and dropped.

import { constants, fstatSync, openSync, open, close, statSync, write } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'

/** Bytes that may wait for a slow disk or reader before lines are dropped. */
export const maxPendingBytes = 8 * 1024 * 1024
/** Each write to a file costs a thread's waking and a place in the file system's journal. */
export const filePieceBytes = 256 * 1024
/** What a pipe of Linux holds: more would have to wait for its reader. */
export const pipePieceBytes = 64 * 1024
/** How long close() waits for a reader that does not read. */
const closeWaitMs = 1000

export interface LogSink {
  /** Bytes that are best written at a time. */
  readonly pieceBytes: number
  /** Takes whole lines; `lines` is their number. The memory is the sink's until it calls `done`, once, whatever became of them. */
  write(bytes: Buffer, lines: number, done?: () => void): void
  /** Lines that were dropped so far: disk full, reader gone or too slow. */
  readonly lostLines: number
  /** Opens the path anew, after a rotation. A failure keeps the old file and is returned. */
  reopen(): Promise<Error | undefined>
  /** Ends when everything is written, or cannot be within a second. */
  close(): Promise<void>
}

/** Appends to a file or a named pipe. Throws when it cannot be opened: a gateway without its log should not start. */
export function openLogFile(path: string): LogSink {
  return isPipe(path) ? pipeSink(path) : new FileSink(openSync(path, 'a', 0o640), path)
}

function isPipe(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFIFO() === true
}

/** Standard output: a pipe or terminal as a stream; redirected to a file, it is written like one, off the event loop. */
export function openStandardOutput(): LogSink {
  return fstatSync(1).isFile() ? new FileSink(1, undefined) : streamSink(process.stdout)
}

interface Chunk {
  readonly bytes: Buffer
  readonly lines: number
  readonly done: (() => void) | undefined
}

class FileSink implements LogSink {
  readonly pieceBytes = filePieceBytes
  #descriptor: number
  readonly #path: string | undefined
  readonly #queue: Chunk[] = []
  #pendingBytes = 0
  #writing = false
  /**
   * The last write failed: the file may end inside a line, ours or that of another worker, who met the same full disk. The next one starts
   * on a new line, so that no two run into each other; at worst one is empty.
   */
  #torn = false
  #closed = false
  /** Called once, between two writes. */
  #betweenWrites: (() => void)[] = []
  /** Called once, when nothing waits any more. */
  #whenDrained: (() => void)[] = []
  lostLines = 0

  constructor(descriptor: number, path: string | undefined) {
    this.#descriptor = descriptor
    this.#path = path
  }

  write(bytes: Buffer, lines: number, done?: () => void): void {
    if (this.#closed || this.#pendingBytes + bytes.length > maxPendingBytes) {
      this.lostLines += lines
      done?.()
      return
    }
    this.#queue.push({ bytes, lines, done })
    this.#pendingBytes += bytes.length
    this.#writeNext()
  }

  async reopen(): Promise<Error | undefined> {
    const path = this.#path
    if (path === undefined) return undefined
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    open(path, 'a', 0o640, (error, descriptor) => {
      if (error !== null) return resolve(error)
      const swap = (): void => {
        close(this.#descriptor, ignoreError)
        this.#descriptor = descriptor
        this.#torn = false
        resolve(undefined)
      }
      if (this.#writing) this.#betweenWrites.push(swap)
      else swap()
    })
    return promise
  }

  async close(): Promise<void> {
    this.#closed = true
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#writing) this.#whenDrained.push(resolve)
    else resolve()
    await withinCloseWait(promise)
    if (this.#path !== undefined) close(this.#descriptor, ignoreError)
  }

  #writeNext(): void {
    const chunk = this.#queue[0]
    if (this.#writing || chunk === undefined) return
    this.#writing = true
    const bytes = this.#torn ? Buffer.concat([Buffer.from('\n'), chunk.bytes]) : chunk.bytes
    this.#writeFrom(bytes, 0, (error) => {
      if (error !== null) this.lostLines += chunk.lines
      this.#torn = error !== null
      this.#queue.shift()
      this.#pendingBytes -= chunk.bytes.length
      this.#writing = false
      chunk.done?.()
      for (const callback of this.#betweenWrites.splice(0)) callback()
      if (this.#queue.length === 0) for (const callback of this.#whenDrained.splice(0)) callback()
      this.#writeNext()
    })
  }

  #writeFrom(bytes: Buffer, from: number, done: (error: Error | null) => void): void {
    write(this.#descriptor, bytes, from, bytes.length - from, null, (error, count) => {
      if (error === null && from + count < bytes.length) this.#writeFrom(bytes, from + count, done)
      else done(error)
    })
  }
}

/** A pipe or terminal. Node queues what the reader does not take yet; the bound on it is ours. */
function streamSink(stream: Writable): LogSink {
  let lostLines = 0
  // Without a listener, a reader that goes away (EPIPE) would end the process.
  stream.on('error', ignoreError)
  return {
    pieceBytes: pipePieceBytes,
    write(bytes, lines, done) {
      if (!stream.writable || stream.writableLength + bytes.length > maxPendingBytes) {
        lostLines += lines
        done?.()
        return
      }
      stream.write(bytes, (error) => {
        if (error !== null && error !== undefined) lostLines += lines
        done?.()
      })
    },
    get lostLines() {
      return lostLines
    },
    reopen: () => Promise.resolve(undefined),
    async close() {
      if (!stream.writable || stream.writableLength === 0) return
      await withinCloseWait(
        new Promise((resolve) => {
          stream.write('', () => resolve())
          stream.once('close', () => resolve())
        }),
      )
    },
  }
}

/** A named pipe. Opened for writing alone it would hold up the whole process until somebody reads it. */
function pipeSink(path: string): LogSink {
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const stream = new Socket({ fd, readable: false, writable: true })
  const sink = streamSink(stream)
  return {
    pieceBytes: sink.pieceBytes,
    write: (bytes, lines, done) => sink.write(bytes, lines, done),
    get lostLines() {
      return sink.lostLines
    },
    // It is ours to read as well, so no reader's end ends it.
    reopen: () => Promise.resolve(undefined),
    async close() {
      await sink.close()
      stream.destroy()
    },
  }
}

/** For calls whose failure is seen elsewhere, or cannot be helped. */
function ignoreError(): void {}

async function withinCloseWait(done: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, closeWaitMs)
  await Promise.race([done, promise])
  clearTimeout(timer)
}
