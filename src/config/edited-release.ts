// What a release verb has to know of the release it edits, read from the text as it stands at that moment.
// Knows the short forms of routes.yaml; judges nothing.

import { didYouMean } from '../rules/route-problem.ts'
import { YamlEdit } from './yaml-edit.ts'

/** Why a verb is not carried out: a stable word for machines, a sentence for people. */
export interface Refusal {
  readonly refused: string
  readonly reason: string
}

/** Reads through `edit`, so that it is always of the text after the last change. */
export interface Release {
  readonly edit: YamlEdit
  readonly stable: string
  readonly versions: readonly string[]
  readonly gray: readonly GrayRuleLines[]
  /** `since` in milliseconds since 1970. */
  readonly draining: readonly { readonly version: string; readonly since: number | undefined }[]
  readonly identity: readonly string[]
  readonly ttl: string
  readonly epoch: number
  /** The version that each test expects. */
  readonly tests: readonly (string | undefined)[]
  base(version: string): string | undefined
  /** Is there a service for which it has no pool of its own? */
  lacksPools(version: string): boolean
}

interface GrayRuleLines {
  readonly name?: string
  readonly version: string
  readonly ip?: unknown
  readonly users?: unknown
  readonly share?: string
}

interface Lines {
  readonly name?: string
  readonly stable: string
  readonly services: Readonly<Record<string, string | { readonly url?: string }>>
  readonly versions: Readonly<Record<string, string | (Readonly<Record<string, unknown>> & { readonly base?: string })>>
  readonly gray?: readonly GrayRuleLines[]
  readonly draining?: readonly (string | { readonly version: string; readonly since?: string })[]
  readonly identity?: readonly string[]
  readonly pin?: { readonly ttl?: string; readonly epoch?: string }
  readonly tests?: readonly { readonly expect?: { readonly version?: string } }[]
}

/** The only release of the text, or the one of that name. */
export function releaseIn(text: string, name: string | undefined): Release | Refusal {
  const documents = allOf(text)
  if (typeof documents === 'string') return { refused: 'yaml', reason: documents }
  const names = documents.map(({ lines }) => lines.name ?? 'default')
  if (name === undefined && documents.length > 1) {
    return {
      refused: 'which-release',
      reason: `the file holds several releases (${names.join(', ')}): say which (--release)`,
    }
  }
  const index = name === undefined ? 0 : names.indexOf(name)
  const found = documents[index]
  if (found === undefined) {
    const reason =
      name === undefined ? 'the file is empty' : `release ${name} is not in the file${didYouMean(name, names)}`
    return { refused: 'unknown-release', reason }
  }
  return releaseOf(new YamlEdit(text, found.index))
}

function allOf(text: string): readonly { readonly index: number; readonly lines: Lines }[] | string {
  const documents: { index: number; lines: Lines }[] = []
  try {
    const count = YamlEdit.count(text)
    for (let index = 0; index < count; index += 1) {
      const lines = new YamlEdit(text, index).at([])
      if (typeof lines === 'object' && lines !== null) documents.push({ index, lines: lines as Lines })
    }
    return documents
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function releaseOf(edit: YamlEdit): Release {
  const lines = (): Lines => edit.at([]) as Lines
  const version = (name: string): Readonly<Record<string, unknown>> & { readonly base?: string } => {
    const written = lines().versions[name]
    return typeof written === 'object' && written !== null ? written : {}
  }
  return {
    edit,
    get stable() {
      return lines().stable
    },
    get versions() {
      return Object.keys(lines().versions)
    },
    get gray() {
      return lines().gray || []
    },
    get draining() {
      return (lines().draining || []).map((entry) =>
        typeof entry === 'string'
          ? { version: entry, since: undefined }
          : { version: entry.version, since: entry.since === undefined ? undefined : Date.parse(entry.since) },
      )
    },
    get identity() {
      return lines().identity ?? ['clientIp']
    },
    get ttl() {
      return lines().pin?.ttl ?? '8h'
    },
    get epoch() {
      return Number(lines().pin?.epoch ?? 1)
    },
    get tests() {
      return (lines().tests || []).map(({ expect }) => expect?.version)
    },
    base: (name) => version(name).base,
    lacksPools(name) {
      const own = version(name)
      return Object.entries(lines().services).some(
        ([service, entry]) => !Object.hasOwn(own, service) && (typeof entry !== 'object' || entry?.url === undefined),
      )
    },
  }
}
