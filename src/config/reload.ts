// From a change of files to a snapshot in force: load, compile, apply, one at a time. A configuration that fails anywhere changes nothing,
// and its result says why; the same content again is no reload.

import { resolve } from 'node:path'
import { type Loaded, loadConfiguration } from './load.ts'
import type { Problem } from './problem.ts'
import type { Place } from '../rules/types.ts'
import { compileConfiguration, type Snapshot } from './snapshot.ts'
import { type ConfigurationWatch, watchConfiguration } from './watch.ts'

export interface ReloaderOptions {
  /** Path of routes.yaml. */
  readonly path: string
  /** Reads it; from disk by default. */
  readonly load?: (path: string) => Promise<Loaded>
  /** Puts a snapshot to use, whole or not at all: what it rejects with becomes a problem, at its `place` if it has one. */
  readonly apply: (snapshot: Snapshot) => Promise<void> | void
  /** Called after each reload that a change of files led to and that did something, failed, or ended a failure. */
  readonly onReload?: (result: Reloaded) => void
}

export interface Reloaded {
  readonly ok: boolean
  /** False when the content was the one in force already, and when it was refused. */
  readonly changed: boolean
  /** The one in force now; undefined before the first success. */
  readonly snapshot: Snapshot | undefined
  /** What is wrong, or warnings. */
  readonly problems: readonly Problem[]
  /** What `apply` rejected with. */
  readonly error?: unknown
}

export interface Reloader {
  /** Loads now, after any load under way; those who ask meanwhile get one load, and one result. Never rejects. */
  reload(): Promise<Reloaded>
  /** From now on reloads when a file changes, also one of a configuration that was refused. Before the first reload, no change is lost. */
  watch(): void
  /** No reload begins after this. */
  close(): void
}

/** So long after a failure that says nothing of the files. */
const retryMs = 2000

export function createReloader(options: ReloaderOptions): Reloader {
  return new SerialReloader(options)
}

class SerialReloader implements Reloader {
  readonly #options: ReloaderOptions
  #snapshot: Snapshot | undefined
  #files: readonly string[]
  #last: Promise<unknown> = Promise.resolve()
  /** Not begun yet. */
  #waiting: Promise<Reloaded> | undefined
  #isClosed = false
  #watch: ConfigurationWatch | undefined
  #retry: NodeJS.Timeout | undefined
  /** The files hold something else than what is in force. */
  #isRefused = false

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#files = [resolve(options.path)]
  }

  reload(): Promise<Reloaded> {
    if (this.#waiting !== undefined) return this.#waiting
    const next = this.#last.then(() => {
      this.#waiting = undefined
      return this.#reload()
    })
    this.#waiting = next
    this.#last = next.then((result) => this.#note(result))
    return next
  }

  #note({ ok, problems }: Reloaded): void {
    this.#isRefused = !ok
    if (!ok && problems.some(isPassing)) this.#retryLater()
  }

  watch(): void {
    this.#watch ??= watchConfiguration({ files: this.#files, onChange: () => void this.#follow() })
  }

  close(): void {
    this.#isClosed = true
    this.#watch?.close()
    this.#watch = undefined
    clearTimeout(this.#retry)
  }

  /** The files will not change by themselves when there is room again. */
  #retryLater(): void {
    if (this.#watch === undefined) return
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => void this.#follow(), retryMs).unref()
  }

  async #follow(): Promise<void> {
    const wasRefused = this.#isRefused
    const result = await this.reload()
    if (result.changed || !result.ok || wasRefused) this.#options.onReload?.(result)
  }

  /** Whatever goes wrong on the way, out of descriptors or a fault of ours, leaves what is in force in force. */
  async #reload(): Promise<Reloaded> {
    const unchanged = { ok: true, changed: false, snapshot: this.#snapshot, problems: [] }
    if (this.#isClosed) return unchanged
    try {
      return await this.#loadAndApply()
    } catch (error) {
      // Nothing can be put to use any more.
      if (this.#isClosed) return unchanged
      const message = error instanceof Error ? error.message : String(error)
      const { place = { file: this.#options.path, line: 1, column: 1 } } = Object(error) as { readonly place?: Place }
      return { ...this.#refused([{ ...place, severity: 'error', code: 'apply', message }]), error }
    }
  }

  async #loadAndApply(): Promise<Reloaded> {
    const loaded = await this.#load()
    if (!('configuration' in loaded)) return this.#refused(loaded.problems)
    const compiled = compileConfiguration(loaded.configuration)
    if (!('snapshot' in compiled)) return this.#refused(compiled.problems)
    const { snapshot } = compiled
    const changed = snapshot.id !== this.#snapshot?.id
    if (changed) {
      await this.#options.apply(snapshot)
      this.#snapshot = snapshot
    }
    return { ok: true, changed, snapshot: this.#snapshot, problems: loaded.problems }
  }

  /** Again when a file came to be watched only after it was read: it may have changed in between. */
  async #load(): Promise<Loaded> {
    for (;;) {
      const { path, load = loadConfiguration } = this.#options
      const loaded = await load(path)
      const files = 'configuration' in loaded ? loaded.configuration.files : loaded.files
      const isAllWatched = this.#watch === undefined || files.every((file) => this.#files.includes(file))
      this.#files = files
      this.#watch?.update(files)
      if (isAllWatched) return loaded
    }
  }

  #refused(problems: readonly Problem[]): Reloaded {
    return { ok: false, changed: false, snapshot: this.#snapshot, problems }
  }
}

/** Out of descriptors or memory, or a disk or network file system that failed: the next try may do better. */
function isPassing({ message }: Problem): boolean {
  return /\b(?:EMFILE|ENFILE|ENOMEM|EIO|ESTALE|ETIMEDOUT)\b/.test(message)
}
