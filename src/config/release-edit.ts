// A release verb from the file to the file: read, edited, loaded as a gateway would, compared with what is in force, written by a rename.
// What would cross versions, have no effect or could not be loaded is refused, and a file that changed meanwhile is left alone.

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { access, type FileHandle, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parseAddress } from '../rules/address.ts'
import { bareRequest } from '../rules/bare-request.ts'
import type { Release } from '../rules/release.ts'
import type { RequestFacts } from '../rules/types.ts'
import { wireText } from '../rules/wire-text.ts'
import type { Surroundings } from './draft.ts'
import { editRoutes, type ReleaseVerb } from './edit-routes.ts'
import type { Refusal } from './edited-release.ts'
import { lintConfiguration } from './lint.ts'
import { loadConfiguration, type Problem } from './load.ts'
import { compileConfiguration, type Snapshot } from './snapshot.ts'
import { bytesAtMost, type ReadFile, readBounded, tooLarge } from './sources.ts'
import { textPatch } from './text-patch.ts'

export type { ReleaseVerb } from './edit-routes.ts'
export type { Refusal } from './edited-release.ts'

/** What a verb would do. Nothing is written yet. */
export interface EditPlan {
  /** The path as it was given. */
  readonly file: string
  readonly verb: ReleaseVerb
  /** Sentences; empty when the file says it already. */
  readonly changes: readonly string[]
  /** A unified diff; empty when nothing changes. */
  readonly patch: string
  /** Warnings about the file as it would be that it does not give as it is. */
  readonly problems: readonly Problem[]
  /** The whole file as it would be. */
  readonly text: string
  /** Hex of SHA-256 over the file as it was read. */
  readonly hash: string
}

export interface RefusedEdit extends Refusal {
  /** With `not-good` and `result`: what is wrong, and where. */
  readonly problems?: readonly Problem[]
}

/**
 * written: in place. read-only: this process may not write it, or may not put another in its place. changed: somebody else wrote it, or
 * took it away, after the plan was made.
 */
export type Commit = 'written' | 'unchanged' | 'read-only' | 'changed'

/**
 * What a verb would do to the file, or why it is not carried out. Never throws on what the file holds.
 * Keys that come from environment variables need not be set here.
 */
export async function planEdit(path: string, verb: ReleaseVerb, now: Date): Promise<EditPlan | RefusedEdit> {
  // Read once: what is judged, edited and compared before the rename is the same text.
  const bytes = await readBounded(path, bytesAtMost.configuration)
  const before = await loadSnapshot(path, typeof bytes === 'string' ? undefined : bytes)
  if (!('snapshot' in before) || typeof bytes === 'string') {
    const isRead = !before.problems.some(({ code, message }) => code === 'file' && message.startsWith(`${path}: `))
    const reason = isRead ? `${path} has errors: mend it first` : `${path} cannot be read`
    return { refused: 'not-good', reason, problems: before.problems }
  }
  const { mark, text } = decode(bytes)
  const edited = editRoutes(text, verb, now)
  if ('refused' in edited) return edited
  const after = await loadSnapshot(path, mark + edited.text)
  if (!('snapshot' in after)) {
    return { refused: 'result', reason: 'the file would have errors then', problems: after.problems }
  }
  return (
    crossing(before.snapshot, after.snapshot) ??
    noEffect(after.snapshot, verb) ?? {
      file: path,
      verb,
      changes: edited.changes,
      patch: textPatch(path, text, edited.text),
      problems: newProblems(told(before), told(after)),
      text: mark + edited.text,
      hash: digest(bytes),
    }
  )
}

/**
 * Puts a plan into the file's place by a rename, so that a gateway reads the old text or the new one, never half. Of several that edit the
 * same text at once one writes, and the others are told: the new text is prepared under a name that follows from the old one.
 * Rejects when it cannot be written for want of room or the like; the file is as it was then.
 */
export async function commitEdit(plan: EditPlan): Promise<Commit> {
  if (plan.patch === '') return 'unchanged'
  try {
    return await replaceFile(plan)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return 'changed'
    // A file that is mounted by itself has to be written in place, and in a directory with the sticky bit it may belong to another.
    if (['EBUSY', 'EPERM', 'EACCES', 'EROFS'].includes(code)) return 'read-only'
    throw error
  }
}

async function replaceFile({ file, text, hash }: EditPlan): Promise<Commit> {
  // A link stays a link.
  const target = await realpath(file)
  if (!(await isWritable(file))) return 'read-only'
  const { mode, uid, gid } = await stat(target)
  const beside = join(dirname(target), `.${basename(target)}.${hash.slice(0, 12)}.tmp`)
  const handle = await openAlone(beside, mode & 0o777)
  if (handle === undefined) return 'changed'
  let isRenamed = false
  try {
    try {
      await handle.writeFile(text)
      await handle.chmod(mode & 0o777)
      // Who is not root keeps at least the group, by which a gateway may be reading.
      await handle.chown(uid, gid).catch(() => handle.chown(-1, gid).catch(() => undefined))
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (digest(await readFile(target)) !== hash) return 'changed'
    await rename(beside, target)
    isRenamed = true
    return 'written'
  } finally {
    // After the rename the name may be another editor's.
    if (!isRenamed) await rm(beside, { force: true })
  }
}

/** What an editor leaves that was killed is no editor any more. */
const editMs = 10_000

/** Undefined while somebody else has it open. */
async function openAlone(path: string, mode: number): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  )
  if (age < editMs) return undefined
  await rm(path, { force: true })
  return open(path, 'wx', mode)
}

/** A file without any write permission is meant to stay, also where root could. */
export async function isWritable(file: string): Promise<boolean> {
  try {
    const target = await realpath(file)
    if (((await stat(target)).mode & 0o222) === 0) return false
    await access(target, constants.W_OK)
    await access(dirname(target), constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** As `check` tells them, tests apart. */
function told({ snapshot, problems }: GoodRead): readonly Problem[] {
  return [...problems, ...lintConfiguration(snapshot.configuration)]
}

function newProblems(before: readonly Problem[], after: readonly Problem[]): readonly Problem[] {
  const known = new Set(before.map(({ code, message }) => `${code} ${message}`))
  return after.filter(({ code, message }) => !known.has(`${code} ${message}`))
}

// --- the result, judged -------------------------------------------------------------------------------------------------------------

interface GoodRead {
  readonly snapshot: Snapshot
  readonly problems: readonly Problem[]
}

export type Read = GoodRead | { readonly problems: readonly Problem[] }

/** As a gateway would load it, keys apart; with other text in the file's place. */
export async function loadSnapshot(path: string, text?: string | Uint8Array): Promise<Read> {
  const loaded = await loadConfiguration(path, surroundingsOf({ file: path, text }))
  if (!('configuration' in loaded)) return loaded
  const compiled = compileConfiguration(loaded.configuration)
  return 'snapshot' in compiled ? { ...compiled, problems: loaded.problems } : compiled
}

/** For loading the file as it would be. */
export function surroundingsOf({
  file,
  text,
}: {
  readonly file: string
  readonly text?: string | Uint8Array | undefined
}): Partial<Surroundings> {
  const read: ReadFile = async (path, most) => {
    if (path !== file || text === undefined) return readBounded(path, most)
    const bytes = Buffer.from(text)
    return bytes.length > most ? tooLarge(most) : bytes
  }
  return { env: withAnyKey, read }
}

/** Who edits a file is not who holds its keys: a variable that is not set here stands for some key. */
const withAnyKey: Readonly<Record<string, string | undefined>> = new Proxy(process.env, {
  get: (env, name) => env[String(name)] ?? 'not set here, and not needed to edit a file',
})

/** Every version that stays is answered by the pools it had: its open pages must not notice an edit. */
function crossing(before: Snapshot, after: Snapshot): Refusal | undefined {
  for (const release of after.table.releases) {
    const old = before.table.releases.find(({ name }) => name === release.name)
    for (const { name: service, pools } of release.services) {
      const oldPools = old?.services.find(({ name }) => name === service)?.pools
      for (const version of release.spec.versions.keys()) {
        if (old?.spec.versions.has(version) !== true) continue
        const [was, is] = [oldPools?.get(version), pools.get(version)]
        if (was?.key === is?.key) continue
        const reason = `open pages of ${version} would cross: ${service} answers them from ${ownerOf(was)} now, and would from ${ownerOf(is)}`
        return { refused: 'crossing', reason }
      }
    }
  }
  return undefined
}

function ownerOf(pool: { readonly owner: string } | undefined): string {
  return pool === undefined ? 'no pool' : pool.owner
}

/** Visitors who were added and whom a rule further up takes elsewhere. */
function noEffect({ table }: Snapshot, verb: ReleaseVerb): Refusal | undefined {
  if (verb.verb !== 'add') return undefined
  const release = table.releases.find(({ name }) => verb.release === undefined || name === verb.release)
  if (release === undefined) return undefined
  const { version, ip = [], users = [] } = verb
  return (
    firstRefusal(ip, (network) => {
      const address = parseAddress(network.replace(/\/.*$/, ''))
      return address === undefined ? undefined : taken(release, version, network, bareRequest(address), undefined)
    }) ??
    firstRefusal(users, (user) =>
      firstRefusal(requestsOf(release, wireText(user)), (request) =>
        taken(release, version, user, request, wireText(user)),
      ),
    )
  )
}

/** What a user sends: a rule may ask for the very cookie or field that says who he is. Tokens are not made up. */
function requestsOf({ spec }: Release, user: string): readonly RequestFacts[] {
  const bare = bareRequest()
  const saying = spec.identity.flatMap((source): readonly RequestFacts[] => {
    if (source.kind === 'cookie') return [{ ...bare, cookie: (name) => (name === source.name ? user : undefined) }]
    if (source.kind === 'header') return [{ ...bare, headerLines: (name) => (name === source.name ? [user] : []) }]
    return []
  })
  return [bare, ...saying]
}

function firstRefusal<V>(values: readonly V[], judge: (value: V) => Refusal | undefined): Refusal | undefined {
  for (const value of values) {
    const refusal = judge(value)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

function taken(
  release: Release,
  version: string,
  who: string,
  request: RequestFacts,
  identity: string | undefined,
): Refusal | undefined {
  const hit = release.firstExplicit(request, identity)
  if (hit === undefined || hit.version === version) return undefined
  const rule = hit.label.startsWith('line ') ? `the rule at ${hit.label}` : `rule ${hit.label} (line ${hit.place.line})`
  return {
    refused: 'no-effect',
    reason: `${who} gets ${hit.version} by ${rule}, which stands further up: take it out there first`,
  }
}

// --- texts -------------------------------------------------------------------------------------------------------------------------------

function decode(bytes: Uint8Array): { readonly mark: string; readonly text: string } {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  return text.startsWith('\uFEFF') ? { mark: '\uFEFF', text: text.slice(1) } : { mark: '', text }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
