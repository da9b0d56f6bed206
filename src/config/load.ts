// routes.yaml from disk to its long form, or to what is wrong with it. Reads list files and keys; touches nothing else, and never throws
// on what a file holds.

import { networkInterfaces } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { PinKey } from '../affinity/types.ts'
import type { Configuration, LimitsSpec, RouteTest } from './configuration.ts'
import { complain, type Draft, type Surroundings } from './draft.ts'
import { listenSpecs, trustSpec } from './listeners.ts'
import { overloadSpec } from './overload.ts'
import { warnOfOwnListeners } from './own-listeners.ts'
import { checkPinsApart } from './pin-domain.ts'
import type { Problem, Report } from './problem.ts'
import { readBySchema } from './read-by-schema.ts'
import { readRelease, type ReleaseRead } from './release.ts'
import type { Shape } from './schema-parts.ts'
import { limits as limitsSchema, type RoutesDocument, routesDocument } from './schema.ts'
import { Sources } from './sources.ts'
import { durationMs, longestTimerMs } from './written-values.ts'
import { entryAt, isEmpty, readYaml, type YamlNode } from './yaml-tree.ts'

export { formatProblem, type Problem } from './problem.ts'

export type Loaded =
  | { readonly configuration: Configuration; /** warnings */ readonly problems: readonly Problem[] }
  | {
      readonly problems: readonly Problem[]
      /** as far as they were asked for: one of them may come to be */ readonly files: readonly string[]
    }

/** Of errors, and of what is less: no error is left out for warnings before it. */
const problemsAtMost = 100
const messageAtMost = 500
/** Only the first document of a file says these. */
const onceInAFile = ['listen', 'trust', 'path', 'limits', 'overload', 'accessLog'] as const

/** Reads the file and all that it names. Problems come in the order of the file. */
export async function loadConfiguration(path: string, around: Partial<Surroundings> = {}): Promise<Loaded> {
  const problems: Problem[] = []
  let errors = 0
  const report: Report = (problem) => {
    const { message, severity } = problem
    const isError = severity === 'error'
    if (isError) errors += 1
    if (isError ? errors > problemsAtMost : problems.length >= problemsAtMost) return
    problems.push(
      message.length > messageAtMost ? { ...problem, message: `${message.slice(0, messageAtMost)}...` } : problem,
    )
  }
  const sources = new Sources(path, report, around.read)
  const surroundings = { env: process.env, anyAddress: anyAddress(), ...around }
  const drafts = await readDrafts(sources, surroundings, report)
  const failed = (): boolean => errors > 0
  if (drafts !== undefined && !failed()) {
    const configuration = await compose(path, drafts, sources)
    if (!failed()) return { configuration, problems: problems.toSorted(byPlace(path)) }
  }
  return { problems: problems.toSorted(byPlace(path)), files: sources.files }
}

async function readDrafts(
  sources: Sources,
  surroundings: Surroundings,
  report: Report,
): Promise<readonly Draft[] | undefined> {
  const source = await sources.configuration()
  if (source === undefined) return undefined
  const trees = readYaml(source, report)
  if (trees === undefined) return undefined
  const written = trees.filter((tree) => !isEmpty(tree))
  if (written.length === 0) {
    report({
      ...source.placeOf(0),
      severity: 'error',
      code: 'file',
      message: 'the file is empty: listen, services, versions and stable are wanted',
    })
    return undefined
  }
  const manifests = written.find((tree) => has(tree, 'apiVersion') || (has(tree, 'istio') && !has(tree, 'versions')))
  if (manifests !== undefined) {
    report({ ...manifests.place, severity: 'error', code: 'manifests', message: manifestsInstead(manifests) })
    return undefined
  }
  return written.map((tree) => {
    const { value, origins } = readBySchema(routesDocument, tree, report)
    return { document: value, origins, sources, surroundings, report }
  })
}

/** Said once: by the schema each of their keys would be unknown. */
function manifestsInstead(tree: YamlNode): string {
  return has(tree, 'apiVersion')
    ? "these are Istio's manifests, and a routes.yaml is wanted: graylane import makes one of them"
    : "Istio's manifests stand here in place of releases, which are wanted (or istio: does not begin a line): graylane import makes a release of them"
}

function has(tree: YamlNode, key: string): boolean {
  return entryAt(tree, key) !== undefined
}

// --- the whole file --------------------------------------------------------------------------------------------------------------------------

/** Whole only when nothing was reported. */
async function compose(path: string, drafts: readonly Draft[], sources: Sources): Promise<Configuration> {
  const [first] = drafts as readonly [Draft, ...Draft[]]
  if (drafts.length > 1) checkTogether(drafts)
  const read: ReleaseRead[] = []
  for (const draft of drafts) read.push(await readRelease(draft))
  const { document } = first
  const listen = await listenSpecs(first)
  for (const [index, { release }] of read.entries())
    warnOfOwnListeners(drafts[index] as Draft, release.versions, listen)
  return {
    file: path,
    text: (await sources.configuration())?.text ?? '',
    listen,
    trust: trustSpec(first),
    path: document.path ?? 'strict',
    limits: limitsSpec(first),
    overload: overloadSpec(first),
    accessLog: accessLogSpec(path, first),
    releases: read.map(({ release }) => release),
    keys: new Map<string, readonly PinKey[]>(read.map(({ release, keys }) => [release.name, keys])),
    tests: new Map<string, readonly RouteTest[]>(read.map(({ release, tests }) => [release.name, tests])),
    files: sources.files,
    hash: sources.digest(),
  }
}

function checkTogether(drafts: readonly Draft[]): void {
  checkPinsApart(drafts)
  const names = new Map<string, number>()
  for (const [index, draft] of drafts.entries()) {
    const { document, origins } = draft
    if (document.name === undefined) {
      complain(
        draft,
        document,
        undefined,
        'missing-key',
        'name is missing: with several releases in one file each has its own',
      )
    } else {
      const line = names.get(document.name)
      if (line !== undefined)
        complain(draft, document, 'name', 'duplicate-name', `release ${document.name} is there already (line ${line})`)
      names.set(document.name, line ?? origins.place(document, 'name').line)
    }
    for (const key of index === 0 ? [] : onceInAFile) {
      if (!origins.isWritten(document, key)) continue
      draft.report({
        ...origins.keyPlace(document, key),
        severity: 'error',
        code: 'value',
        message: `${key} holds for the whole file and stands in its first document`,
        keyPath: key,
      })
    }
  }
}

export function limitsSpec(draft: Draft<Pick<RoutesDocument, 'limits'>>): LimitsSpec {
  const written: Record<string, number | string> = draft.document.limits ?? {}
  return limitsOf(written, (key, message) => complain(draft, written, key, 'value', message))
}

/** For configurations that say nothing of limits. */
export function defaultLimits(): LimitsSpec {
  return limitsOf({}, () => undefined)
}

function limitsOf(
  written: Readonly<Record<string, number | string>>,
  say: (key: string, message: string) => void,
): LimitsSpec {
  const spec: Record<string, number> = {}
  for (const [key, shape] of Object.entries(limitsSchema.properties)) {
    const value = written[key] ?? (shape as Shape).default
    if (typeof value === 'number') spec[key] = value
    else {
      const ms = durationMs(String(value))
      if (ms < 1 || ms > longestTimerMs) say(key, `${key}: ${value} is not between 1ms and 24 days`)
      spec[`${key}Ms`] = ms
    }
  }
  return spec as LimitsSpec
}

export function accessLogSpec(
  file: string,
  { document, origins }: Draft<Pick<RoutesDocument, 'accessLog'>>,
): Configuration['accessLog'] {
  const { accessLog: written } = document
  if (written === undefined) return { path: 'stdout', format: 'json' }
  const { path = 'stdout', format = 'json' } = typeof written === 'string' ? { path: written } : written
  const place = origins.place(document, 'accessLog')
  // By its name of a file it would be another one in each worker.
  if (path === '/dev/stdout') return { path: 'stdout', format, place }
  return { path: path === 'stdout' || path === 'off' ? path : resolve(dirname(file), path), format, place }
}

let anyAddressFound: string | undefined

/**
 * `::` takes IPv4 as well; a system without IPv6 cannot bind it. Looked up once: listeners must not move when an interface goes down, nor
 * when there is no descriptor left to look.
 */
export function anyAddress(): string {
  return (anyAddressFound ??= hasIpv6() ? '::' : '0.0.0.0')
}

/** False, too, where the system may not be asked: a sandbox without AF_NETLINK. IPv4 is there in any case. */
function hasIpv6(): boolean {
  try {
    return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'))
  } catch {
    return false
  }
}

/** The configuration's own problems first, then those of list files. */
function byPlace(root: string): (a: Problem, b: Problem) => number {
  return (a, b) => {
    if (a.file === b.file) return a.line - b.line || a.column - b.column
    if (a.file === root || b.file === root) return a.file === root ? -1 : 1
    return a.file < b.file ? -1 : 1
  }
}
