// Reloads as a gateway keeps account of them: the last result, lines for people, counts. Loading and its order are config/reload.ts;
// what a snapshot in force means is the caller's.

import { formatProblem, type Loaded } from './config/load.ts'
import type { Problem } from './config/problem.ts'
import { createReloader, type Reloader, type Reloaded } from './config/reload.ts'
import type { Snapshot } from './config/snapshot.ts'
import { ShownText } from './config/shown-text.ts'
import { shownPatch } from './config/text-patch.ts'
import type { Log } from './gateway-event.ts'

export interface ReloadResult {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly ok: boolean
  /** False when the content was the one in force already. */
  readonly changed: boolean
  /** The id of the one in force now. */
  readonly snapshot: string
  readonly problems: readonly Problem[]
}

/** One line of the history: a reload that took effect, was refused, or found a refused file as it was before (not `changed`). */
export interface ReloadEntry extends ReloadResult {
  /**
   * What changed of the configuration's own file, as a unified diff without the values of fields that carry credentials; '' when other
   * files did, and for what was refused.
   */
  readonly patch: string
}

/** A configuration that cannot be put to use; `problems` says where and why. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}

export interface ReloadsOptions {
  /** Path of routes.yaml. */
  readonly path: string
  readonly load?: ((path: string) => Promise<Loaded>) | undefined
  /** Puts a snapshot to use, whole or not at all. */
  readonly apply: (snapshot: Snapshot) => Promise<void>
  readonly log: Log
  /** Called for each reload that took effect, was refused, or found that a refused file was mended to what is in force (not `changed`). */
  readonly count: (ok: boolean, changed: boolean) => void
}

export class Reloads {
  readonly #options: ReloadsOptions
  readonly #reloader: Reloader
  #last!: ReloadResult
  #noted: Reloaded | undefined
  #history: readonly ReloadEntry[] = []
  /** Of the configuration in force. */
  #text: ShownText | undefined

  constructor(options: ReloadsOptions) {
    this.#options = options
    const { path, load, apply } = options
    const onReload = (result: Reloaded): void => void this.#note(result)
    this.#reloader = createReloader({ path, apply, onReload, ...(load === undefined ? {} : { load }) })
  }

  /** The first load. Rejects with ConfigurationError, or with what `apply` rejected with. */
  async start(): Promise<void> {
    const { ok, problems, error, snapshot } = await this.#reloader.reload()
    if (!ok) throw error ?? new ConfigurationError(problems)
    this.#last = { at: Date.now(), ok, changed: true, snapshot: snapshot!.id, problems }
    this.#remember(snapshot!)
  }

  /** Follows changes of the files. Resolves when those between the first load and now are in force, or refused. */
  async watch(): Promise<void> {
    this.#reloader.watch()
    await this.reload()
  }

  get last(): ReloadResult {
    return this.#last
  }

  /** The last fifty, newest first; the start is one of them. */
  get history(): readonly ReloadEntry[] {
    return this.#history
  }

  /** One at a time; a bad configuration changes nothing. */
  async reload(): Promise<ReloadResult> {
    return this.#note(await this.#reloader.reload())
  }

  close(): void {
    this.#reloader.close()
  }

  #note(result: Reloaded): ReloadResult {
    // Several may have asked for one reload.
    if (result === this.#noted) return this.#last
    this.#noted = result
    const { ok, changed, problems, snapshot } = result
    const { log, count } = this.#options
    const { id } = snapshot!
    const isMended = ok && !changed && !this.#last.ok
    this.#last = { at: Date.now(), ok, changed, snapshot: id, problems }
    if (changed || !ok || isMended) count(ok, changed)
    // What is in force again belongs to the history as well: its newest line says how the files are now.
    if (changed || !ok || isMended) this.#remember(snapshot!)
    if (changed) log(`configuration ${id} is in force`, { event: 'reload-applied', snapshot: id, problems })
    if (isMended) log(`configuration ${id} is what the files say again`, { event: 'reload-mended', snapshot: id })
    if (!ok) {
      log(`configuration refused, ${id} stays in force`, { event: 'reload-refused', snapshot: id, problems })
      for (const problem of problems) log(formatProblem(problem))
    }
    return this.#last
  }

  #remember({ configuration: { file, text } }: Snapshot): void {
    const now = text === this.#text?.text ? this.#text : new ShownText(text)
    const before = this.#text ?? now
    this.#text = now
    const entry = withPatch(this.#last, () => shownPatch(file, before, now))
    this.#history = [entry, ...this.#history].slice(0, keptEntries)
  }
}

/** Made when somebody looks: requests would wait for it. */
function withPatch(result: ReloadResult, make: () => string): ReloadEntry {
  let patch: string | undefined
  return Object.defineProperty({ ...result, patch: '' }, 'patch', { get: () => (patch ??= make()), enumerable: true })
}

const keptEntries = 50
