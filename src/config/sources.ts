// The files that one load reads: each once, with a bound, remembered for the watcher and for the hash.
// Never throws: a file that cannot be read is a problem at the place that names it.

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { parseCidr } from '../rules/address.ts'
import type { Place } from '../rules/types.ts'
import { quote, type Report } from './problem.ts'
import { decodeSource, type SourceText } from './source-text.ts'

const mebibyte = 1024 * 1024
export const bytesAtMost = {
  configuration: mebibyte,
  list: 64 * mebibyte,
  key: mebibyte / 16,
  pem: mebibyte,
  manifest: 8 * mebibyte,
  directory: mebibyte,
}
/** A list is read in slices, so that requests under way wait no longer than for one of them. */
const linesAtOnce = 20_000
const badLinesShown = 10

/**
 * The content of a file of at most that many bytes, or what is wrong. A path that ends with a slash is a directory: its content is the
 * list of its entries, one a line, with a slash behind those that are directories themselves.
 */
export type ReadFile = (path: string, most: number) => Promise<Uint8Array | string>

type TextKind = 'configuration' | 'list' | 'manifest'

export class Sources {
  readonly #root: string
  readonly #directory: string
  readonly #report: Report
  readonly #read: ReadFile
  readonly #hash = createHash('sha256')
  readonly #paths = new Set<string>()
  readonly #texts = new Map<string, Promise<SourceText | undefined>>()
  readonly #lists = new Map<string, Promise<ReadonlySet<string>>>()

  /** @param path of routes.yaml; the other files are relative to it */
  constructor(path: string, report: Report, read: ReadFile = readBounded) {
    this.#root = path
    this.#directory = dirname(path)
    this.#report = report
    this.#read = read
  }

  /** Absolute paths of all files that were asked for, also of those that could not be read. */
  get files(): readonly string[] {
    return [...this.#paths]
  }

  /**
   * Hex of SHA-256 over all content, in the order in which it was asked for. A key counts by its id: the hash is shown, and must tell
   * nothing of a key.
   */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  mixIntoDigest(part: Uint8Array | string): void {
    this.#hash.update(`${part.length}:`).update(part)
  }

  /** routes.yaml itself; undefined after a report. */
  configuration(): Promise<SourceText | undefined> {
    return this.#text(this.#root, { file: this.#root, line: 1, column: 1 }, 'configuration')
  }

  /** A file of Istio's manifests, by its whole path; undefined after a report. */
  manifest(path: string, asker: Place): Promise<SourceText | undefined> {
    return this.#text(path, asker, 'manifest')
  }

  /** The names of the entries of a directory, sorted; directories with a slash behind. Undefined when it is none. */
  async directory(path: string): Promise<readonly string[] | undefined> {
    if (path === '') return undefined
    const shown = path.replace(/\/*$/, '/')
    const listing = await this.#read(shown, bytesAtMost.directory)
    if (typeof listing === 'string') return undefined
    this.#paths.add(resolve(shown))
    this.mixIntoDigest(listing)
    return new TextDecoder()
      .decode(listing)
      .split('\n')
      .filter((name) => name !== '')
  }

  /** The lines of a list; empty after a report. */
  list(file: string, asker: Place): Promise<ReadonlySet<string>> {
    return this.#once(file, 'texts', async () => {
      const source = await this.#text(this.#shown(file), asker, 'list')
      return source === undefined ? new Set() : readLines(source, (value) => value)
    })
  }

  /** The same, each line an address or CIDR; lines that are none are reported. */
  addresses(file: string, asker: Place): Promise<ReadonlySet<string>> {
    return this.#once(file, 'addresses', async () => {
      const source = await this.#text(this.#shown(file), asker, 'list')
      if (source === undefined) return new Set()
      let bad = 0
      return readLines(source, (value, offset) => {
        if (parseCidr(value) !== undefined) return value
        bad += 1
        const message = `${quote(value)} is not an address or CIDR`
        if (bad <= badLinesShown) this.#report({ ...source.placeOf(offset), severity: 'error', code: 'list', message })
        return undefined
      })
    })
  }

  /** A key's bytes, without the line end that editors put behind them; undefined after a report. */
  async key(file: string, asker: Place): Promise<Uint8Array | undefined> {
    const bytes = await this.#bytes(this.#shown(file), asker, 'key')
    if (bytes?.at(-1) !== 0x0a) return bytes
    return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1)
  }

  /** A certificate or its key; undefined after a report. The caller mixes into the digest what counts. */
  pem(file: string, asker: Place): Promise<Uint8Array | undefined> {
    return this.#bytes(this.#shown(file), asker, 'pem')
  }

  /** A path as messages show it. */
  #shown(file: string): string {
    return isAbsolute(file) ? file : join(this.#directory, file)
  }

  #once(file: string, kind: string, read: () => Promise<ReadonlySet<string>>): Promise<ReadonlySet<string>> {
    const id = `${kind} ${file}`
    const known = this.#lists.get(id) ?? read()
    this.#lists.set(id, known)
    return known
  }

  #text(path: string, asker: Place, kind: TextKind): Promise<SourceText | undefined> {
    const known = this.#texts.get(path) ?? this.#readText(path, asker, kind)
    this.#texts.set(path, known)
    return known
  }

  async #readText(path: string, asker: Place, kind: TextKind): Promise<SourceText | undefined> {
    const bytes = await this.#bytes(path, asker, kind)
    if (bytes === undefined) return undefined
    this.mixIntoDigest(bytes)
    return decodeSource(path, bytes, this.#report)
  }

  async #bytes(path: string, asker: Place, kind: keyof typeof bytesAtMost): Promise<Uint8Array | undefined> {
    this.#paths.add(resolve(path))
    const result = await this.#read(path, bytesAtMost[kind])
    if (typeof result !== 'string') return result
    const hint =
      kind === 'configuration' && result === aDirectory
        ? ': a routes.yaml is wanted, which graylane import makes of manifests'
        : ''
    this.#report({ ...asker, severity: 'error', code: 'file', message: `${path}: ${result}${hint}` })
    return undefined
  }
}

const aDirectory = 'a directory, not a file'

/**
 * Reads what items name, one after the other: content counts for the hash in the order in which it is read, and one configuration has one
 * hash, whichever file is there first.
 */
export async function inOrder<T, R>(items: Iterable<T>, read: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await read(item))
  return results
}

/** Reads from disk. */
export async function readBounded(path: string, most: number): Promise<Uint8Array | string> {
  if (path.endsWith('/')) return readNames(path)
  let handle: FileHandle | undefined
  try {
    // A pipe in the file's place must not hold us up until somebody writes into it.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (!stats.isFile()) return stats.isDirectory() ? aDirectory : 'not a file'
    const { size } = stats
    if (size > most) return tooLarge(most)
    const bytes = await handle.readFile()
    // It may have grown meanwhile.
    return bytes.length > most ? tooLarge(most) : bytes
  } catch (error) {
    return whyNotRead(error)
  } finally {
    await handle?.close()
  }
}

export function tooLarge(most: number): string {
  return `larger than ${most / mebibyte} MiB`
}

async function readNames(path: string): Promise<Uint8Array | string> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    return new TextEncoder().encode(names.toSorted().join('\n'))
  } catch (error) {
    return whyNotRead(error)
  }
}

/** What the system has against reading a file, for people. */
export function whyNotRead(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it'
    case 'EISDIR':
      return aDirectory
    case 'ENOTDIR':
      return 'a file stands in the place of one of its directories'
    case 'ELOOP':
      return 'its symbolic links go round'
    case 'ENAMETOOLONG':
      return 'no name of a file is as long'
    default:
      return message
  }
}

/**
 * One value a line. A `#` at the beginning or behind white space begins a comment, as in YAML.
 * @param take gets a value and its offset, and gives what is kept
 */
async function readLines(
  { text }: SourceText,
  take: (value: string, offset: number) => string | undefined,
): Promise<ReadonlySet<string>> {
  const values = new Set<string>()
  let lines = 0
  for (let start = 0; start < text.length; lines += 1) {
    const feed = text.indexOf('\n', start)
    const end = feed === -1 ? text.length : feed
    const line = text.slice(start, end)
    const comment = line.includes('#') ? line.search(/(^|\s)#/) : -1
    const value = (comment === -1 ? line : line.slice(0, comment)).trim()
    const kept = value === '' ? undefined : take(value, start + line.indexOf(value))
    if (kept !== undefined) values.add(kept)
    start = end + 1
    if (lines % linesAtOnce === linesAtOnce - 1) await new Promise((next) => setImmediate(next))
  }
  return values
}
