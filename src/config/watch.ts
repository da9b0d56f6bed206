// Notices when the content of the configuration's files changes, whichever way they are written: in place, by rename, through
// symlinks as Kubernetes mounts a ConfigMap, in directories that come and go. Never reads what the content means, and never throws.

import { createHash } from 'node:crypto'
import { type BigIntStats, createReadStream, type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { lstat, readdir, readlink, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'

/** The safety net under fs.watch: network file systems tell nothing, and inotify runs out of instances and watches. */
const pollMs = 1000
/** Of quiet, which end a burst of writes. */
const debounceMs = 100
/** Writing that goes on and on is looked at all the same after so many debounce times. */
const longestDebounce = 5
/** Coarsest time stamps of a file system in use (FAT). Until a file is older, an equal time proves no equal content. */
const coarsestStampMs = 2000
/** Up to here a file's first content is read at once: routes.yaml always, a list of a million lines not. */
const firstReadBytes = 1024 * 1024
/** As the kernel's limit on symlinks in one path (path_resolution(7)). */
const mostSymlinks = 40

export interface WatchOptions {
  /** Absolute, or relative to the working directory. They need not exist yet, nor their directories. */
  readonly files: readonly string[]
  /** Some content differs from what it was at the last call, or a file came or went. Must not throw. */
  readonly onChange: () => void
}

export interface ConfigurationWatch {
  /** Follows these files from now on; what is known of those that stay is kept, so no change between is lost. */
  update(files: readonly string[]): void
  /** No call of onChange after this; leaves no watcher and no timer. */
  close(): void
}

/**
 * Calls `onChange` once for each burst of changes, within two seconds of them. Every change after this returns is seen. Keeps no
 * process alive. What files of up to 1 MiB hold at the start is read before this returns.
 */
export function watchConfiguration(options: WatchOptions): ConfigurationWatch {
  return new FileWatch(options)
}

/** What tells without reading that a file is the same. */
interface Stamp {
  readonly text: string
  /** False while the file is too young for its time stamps to prove anything. */
  readonly proves: boolean
}

/** What a file was when it was looked at last. */
interface Known {
  stamp: Stamp
  /** Undefined until it is read: large files at the first look. */
  content: string | undefined
}

interface WatchedDirectory {
  readonly watcher: FSWatcher
  readonly identity: string
  /** Entries that matter: other files in the directory, a log perhaps, are nothing to us. */
  names: ReadonlySet<string>
}

class FileWatch implements ConfigurationWatch {
  readonly #onChange: () => void
  readonly #directories = new Map<string, WatchedDirectory>()
  readonly #poll: NodeJS.Timeout
  #known = new Map<string, Known>()
  #debounce: NodeJS.Timeout | undefined
  /** Monotonic milliseconds of the first sign of the burst that is going on. */
  #burstSince: number | undefined
  #looking = false
  #lookAgain = false
  /** The last look left its findings to the next one. */
  #waited = false
  #polling = false
  #closed = false

  constructor({ files, onChange }: WatchOptions) {
    this.#onChange = onChange
    this.#poll = setInterval(() => void this.#pollStamps(), pollMs).unref()
    this.update(files)
  }

  update(files: readonly string[]): void {
    if (this.#closed) return
    this.#known = new Map(files.map((file) => [file, unread(this.#known.get(file)) ?? firstLook(file)]))
    void this.#watchDirectories()
    this.#lookSoon()
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#poll)
    clearTimeout(this.#debounce)
    for (const directory of this.#directories.keys()) this.#unwatch(directory)
  }

  // --- signs of a change -------------------------------------------------------------------------------------------------------

  #hear(directory: string, name: string | null): void {
    const itself = name === basename(directory)
    if (name === null || itself || this.#directories.get(directory)?.names.has(name) === true) this.#lookSoon()
  }

  async #pollStamps(): Promise<void> {
    if (this.#polling) return
    this.#polling = true
    for (const [file, known] of this.#known) {
      if (isSame(known, await stampOf(file))) continue
      this.#lookSoon()
      break
    }
    this.#polling = false
  }

  #lookSoon(): void {
    if (this.#closed) return
    const now = performance.now()
    this.#burstSince ??= now
    const latest = this.#burstSince + longestDebounce * debounceMs
    clearTimeout(this.#debounce)
    this.#debounce = setTimeout(
      () => {
        this.#burstSince = undefined
        void this.#look()
      },
      Math.max(0, Math.min(debounceMs, latest - now)),
    ).unref()
  }

  // --- looking -----------------------------------------------------------------------------------------------------------------

  /** Watches first and reads after it: what changes in between makes a sign. */
  async #look(): Promise<void> {
    this.#lookAgain = true
    if (this.#looking) return
    this.#looking = true
    while (this.#lookAgain && !this.#closed) {
      this.#lookAgain = false
      await this.#watchDirectories()
      const fresh = await this.#readChanged()
      // A sign meanwhile: this may be the middle of a change, a file deleted and not yet recreated. Waits for its end, but not for ever.
      this.#waited = this.#burstSince !== undefined && !this.#waited
      if (!this.#waited) this.#take(fresh)
    }
    this.#looking = false
  }

  /** The files that are not as they were known. */
  async #readChanged(): Promise<ReadonlyMap<string, Known>> {
    const fresh = new Map<string, Known>()
    for (const [file, known] of this.#known) {
      // Before the content, so that a change after it shows.
      const stamp = await stampOf(file)
      if (!isSame(known, stamp)) fresh.set(file, { stamp, content: await contentOf(file) })
    }
    return fresh
  }

  #take(fresh: ReadonlyMap<string, Known>): void {
    let changed = false
    for (const [file, { stamp, content }] of fresh) {
      const known = this.#known.get(file)
      if (known === undefined) continue
      changed ||= known.content === undefined ? stamp.text !== known.stamp.text : content !== known.content
      known.stamp = stamp
      known.content = content
    }
    if (changed && !this.#closed) this.#onChange()
  }

  async #watchDirectories(): Promise<void> {
    const wanted = new Map<string, Set<string>>()
    for (const file of this.#known.keys()) {
      for (const { directory, name } of await entriesOn(file)) {
        wanted.set(directory, (wanted.get(directory) ?? new Set()).add(name))
      }
    }
    for (const directory of this.#directories.keys()) if (!wanted.has(directory)) this.#unwatch(directory)
    for (const [directory, names] of wanted) await this.#watch(directory, names)
  }

  async #watch(directory: string, names: ReadonlySet<string>): Promise<void> {
    const identity = await identityOf(directory)
    const watched = this.#directories.get(directory)
    if (watched !== undefined && watched.identity === identity) {
      watched.names = names
      return
    }
    // Removed or renamed, a directory takes its inotify watch along.
    this.#unwatch(directory)
    if (identity === undefined || this.#closed) return
    try {
      const watcher = watch(directory, { persistent: false }, (_, name) => this.#hear(directory, name))
      watcher.on('error', () => this.#unwatch(directory))
      this.#directories.set(directory, { watcher, identity, names })
    } catch {
      // EMFILE, ENOSPC (inotify(7): max_user_instances, max_user_watches), EACCES, or gone by now: the poll sees what happens here.
    }
  }

  #unwatch(directory: string): void {
    this.#directories.get(directory)?.watcher.close()
    this.#directories.delete(directory)
  }
}

/**
 * What was known of a file's content when somebody has read it since: nothing. A change and its undoing around that reading would show in
 * the stamp alone.
 */
function unread(known: Known | undefined): Known | undefined {
  return known && { stamp: known.stamp, content: undefined }
}

interface DirectoryEntry {
  readonly directory: string
  readonly name: string
}

/**
 * The directory entries that say which file a path leads to: each symlink on the way, and the file itself, or else the first part
 * that is missing. For a ConfigMap these are `routes.yaml` and `..data` in the mount, and `routes.yaml` in the directory of the data.
 */
async function entriesOn(file: string): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = []
  let directory = '/'
  let symlinks = 0
  // Not path.resolve, which takes `link/..` for nothing where the kernel follows the link first.
  const rest = partsOf(isAbsolute(file) ? file : `${process.cwd()}/${file}`)
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '..') {
      directory = dirname(directory)
      continue
    }
    const path = join(directory, name)
    const kind = await kindOf(path)
    if (kind === 'directory' && rest.length > 0) {
      directory = path
      continue
    }
    entries.push({ directory, name })
    if (typeof kind === 'string' || ++symlinks > mostSymlinks) break
    rest.unshift(...partsOf(kind.target))
    if (isAbsolute(kind.target)) directory = '/'
  }
  return entries
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

async function kindOf(path: string): Promise<'directory' | 'end' | { readonly target: string }> {
  try {
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) return { target: await readlink(path) }
    return stats.isDirectory() ? 'directory' : 'end'
  } catch {
    return 'end'
  }
}

/** Tells a directory from another that took its name, and mostly its inode number too. Undefined when there is none. */
async function identityOf(directory: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeNs } = await stat(directory, { bigint: true })
    return `${dev} ${ino} ${birthtimeNs}`
  } catch {
    return undefined
  }
}

function firstLook(file: string): Known {
  try {
    const stats = statSync(file, { bigint: true })
    const readNow = stats.isFile() && stats.size <= firstReadBytes
    const content = readNow ? createHash('sha256').update(readFileSync(file)).digest('base64') : undefined
    return { stamp: stampFrom(stats), content }
  } catch (error) {
    return { stamp: { text: reasonOf(error), proves: true }, content: reasonOf(error) }
  }
}

function isSame(known: Known, stamp: Stamp): boolean {
  return known.content !== undefined && known.stamp.proves && known.stamp.text === stamp.text
}

/** Of the file that the path leads to. */
async function stampOf(file: string): Promise<Stamp> {
  try {
    return stampFrom(await stat(file, { bigint: true }))
  } catch (error) {
    return { text: reasonOf(error), proves: true }
  }
}

function stampFrom(stats: BigIntStats): Stamp {
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = stats
  // ctime, which nobody can set: a write that comes later cannot be dated back to it.
  const proves = Date.now() - Number(ctimeMs) >= coarsestStampMs
  return { text: `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`, proves }
}

/** A digest, or why there is none. Read in pieces, between which requests go on. */
async function contentOf(file: string): Promise<string> {
  try {
    // A pipe or device is not opened: reading it might never end.
    const stats = await stat(file)
    // Of a directory it is the names that count: its files are followed one by one.
    if (stats.isDirectory()) return (await readdir(file)).toSorted().join('/')
    if (!stats.isFile()) return 'no file'
    const hash = createHash('sha256')
    for await (const piece of createReadStream(file)) hash.update(piece as Uint8Array)
    return hash.digest('base64')
  } catch (error) {
    return reasonOf(error)
  }
}

function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}
