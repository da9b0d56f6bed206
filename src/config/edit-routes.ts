// The release verbs as edits of routes.yaml: text in, text out, or the reason why not. Comments, order and all other bytes stay.
// Pure: reads no file and no clock. What only a compiled configuration can tell is judged in release-edit.ts.

import { parseCidr } from '../rules/address.ts'
import { type Refusal, type Release, releaseIn } from './edited-release.ts'
import { durationMs } from './written-values.ts'
import { YamlEdit } from './yaml-edit.ts'

/** One release verb. `release` may be left out where the file has only one. */
export type ReleaseVerb = { readonly version: string; readonly release?: string | undefined } & (
  | {
      readonly verb: 'add'
      readonly ip?: readonly string[]
      readonly users?: readonly string[]
      readonly rule?: string | undefined
    }
  | { readonly verb: 'share'; readonly share: string; readonly rule?: string | undefined }
  | { readonly verb: 'promote' }
  | {
      readonly verb: 'rollback'
      /** Raises the epoch too, which ends open pages. */
      readonly now?: boolean
      /** Which version a stable one goes back to. */
      readonly to?: string | undefined
    }
  | { readonly verb: 'retire' }
)

export interface Edited {
  readonly text: string
  /** Sentences, in the order of what was done; empty when the file says it already. */
  readonly changes: readonly string[]
}

/**
 * Carries a verb out on the text of a routes.yaml that `check` finds good.
 * @param now written behind versions that begin to drain, and compared with it when one is retired
 */
export function editRoutes(text: string, verb: ReleaseVerb, now: Date): Edited | Refusal {
  const release = releaseIn(text, verb.release)
  if ('refused' in release) return release
  const { version } = verb
  if (!release.versions.includes(version)) {
    return unknownVersion(version, release.versions)
  }
  const changes: string[] = []
  const refusal = carryOut(release, verb, now, changes)
  return refusal ?? { text: release.edit.text, changes }
}

function carryOut(release: Release, verb: ReleaseVerb, now: Date, changes: string[]): Refusal | undefined {
  switch (verb.verb) {
    case 'add':
      return add(release, verb, changes)
    case 'share':
      return share(release, verb, changes)
    case 'promote':
      return promote(release, verb.version, now, changes)
    case 'rollback':
      return rollback(release, verb, now, changes)
    case 'retire':
      return retire(release, verb.version, now, changes)
  }
}

function unknownVersion(version: string, versions: readonly string[]): Refusal {
  return refuse('unknown-version', `${version} is not listed under versions, which has ${versions.join(', ')}`)
}

type VerbOf<V extends ReleaseVerb['verb']> = Extract<ReleaseVerb, { readonly verb: V }>

// --- add -----------------------------------------------------------------------------------------------------------------------------

function add(
  release: Release,
  { version, ip = [], users = [], rule }: VerbOf<'add'>,
  changes: string[],
): Refusal | undefined {
  if (ip.length + users.length === 0) return refuse('nothing-given', 'which visitors? give addresses or users')
  if (rule !== undefined && ip.length > 0 && users.length > 0) {
    return refuse('two-kinds', 'a rule holds either addresses or users: add them one after the other')
  }
  for (const address of ip) {
    if (parseCidr(address) === undefined)
      return refuse('address', `${JSON.stringify(address)} is not an address or CIDR`)
  }
  for (const user of users) {
    if (user === '' || /\p{Cc}/u.test(user)) return refuse('user', `${JSON.stringify(user)} is no user`)
  }
  if (users.length > 0 && release.identity.every((source) => source === 'clientIp')) {
    return refuse(
      'identity',
      'identity says nothing but clientIp, so no visitor has a user name: add cookies.NAME or headers.NAME to it first',
    )
  }
  const named = rule === undefined ? undefined : release.gray.find(({ name }) => name === rule)
  if (named !== undefined && named.version !== version) {
    return refuse('rule-taken', `rule ${rule} gives ${named.version}`)
  }
  const refusal = named && cannotTake(release, named, ip.length > 0 ? 'ip' : 'users')
  if (refusal !== undefined) return refusal
  wake(release, version, changes)
  if (ip.length > 0) addTo(release, version, 'ip', ip, rule, changes)
  if (users.length > 0) addTo(release, version, 'users', users, rule, changes)
  return undefined
}

/** Why nobody can be added to a rule that is there; a second one of its name is no way out. */
function cannotTake({ gray }: Release, rule: Release['gray'][number], kind: 'ip' | 'users'): Refusal | undefined {
  if (!Array.isArray(rule[kind])) {
    return refuse('rule-taken', `rule ${rule.name} holds no list of ${kind}: give another name`)
  }
  const firstShare = gray.findIndex((other) => other.share !== undefined)
  if (firstShare === -1 || gray.findIndex(({ name }) => name === rule.name) < firstShare) return undefined
  return refuse(
    'rule-taken',
    `rule ${rule.name} stands below a share, which draws first: move it up, or give another name`,
  )
}

/** Into a rule of that kind that stands above all shares, else into a new rule there: a share would draw before it hits. */
function addTo(
  release: Release,
  version: string,
  kind: 'ip' | 'users',
  values: readonly string[],
  name: string | undefined,
  changes: string[],
): void {
  const { gray, edit } = release
  const firstShare = gray.findIndex((rule) => rule.share !== undefined)
  const place = firstShare === -1 ? gray.length : firstShare
  const index = gray.findIndex(
    (rule, at) =>
      rule.version === version && Array.isArray(rule[kind]) && at < place && (name === undefined || rule.name === name),
  )
  const known = (gray[index]?.[kind] ?? []) as readonly string[]
  const fresh = [...new Set(values)].filter((value) => !known.includes(value))
  if (fresh.length === 0) return
  if (index === -1) {
    edit.insert(['gray'], { ...(name === undefined ? {} : { name }), version, [kind]: fresh }, place, 'stable')
  } else for (const value of fresh) edit.insert(['gray', index, kind], value)
  const list = fresh.join(', ')
  if (kind === 'ip') changes.push(`visitors from ${list} get ${version}`)
  else changes.push(fresh.length === 1 ? `user ${list} gets ${version}` : `users ${list} get ${version}`)
}

// --- share ---------------------------------------------------------------------------------------------------------------------------

function share(
  release: Release,
  { version, share: percentage, rule }: VerbOf<'share'>,
  changes: string[],
): Refusal | undefined {
  if (!/^(100(\.0{1,2})?|\d{1,2}(\.\d{1,2})?)%$/.test(percentage)) {
    return refuse('share', `${JSON.stringify(percentage)} is not a percentage such as 5%, 0.5% or 0.01%`)
  }
  if (version === release.stable) {
    return refuse('stable', `${version} is stable: everyone whom no rule takes gets it`)
  }
  const { gray, edit } = release
  const shares = [...gray.entries()].filter(
    ([, entry]) =>
      entry.version === version && entry.share !== undefined && (rule === undefined || entry.name === rule),
  )
  if (shares.length > 1)
    return refuse('which-rule', `${version} has ${shares.length} shares: say which with its name (--rule)`)
  const [found] = shares
  if (found === undefined && rule !== undefined && gray.some(({ name }) => name === rule)) {
    return refuse('rule-taken', `rule ${rule} is there already, and it is no share of ${version}`)
  }
  wake(release, version, changes)
  const before = found?.[1].share
  if (before === percentage) return undefined
  if (found === undefined) {
    edit.insert(
      ['gray'],
      { ...(rule === undefined ? {} : { name: rule }), version, share: percentage },
      undefined,
      'stable',
    )
  } else edit.set(['gray', found[0], 'share'], percentage)
  changes.push(
    `${version} draws ${percentage} of the visitors that reach the share${before === undefined ? '' : `, before ${before}`}`,
  )
  if (before !== undefined && Number.parseFloat(percentage) < Number.parseFloat(before)) {
    changes.push(`whoever ${version} was given keeps it until the pin ends; rollback takes it back`)
  }
  return undefined
}

/** Whoever adds visitors to a draining version wants it to draw again. */
function wake(release: Release, version: string, changes: string[]): void {
  if (!stopDraining(release, version)) return
  changes.push(`${version} does not drain any more`)
  const sleeping = release.gray.filter((rule) => rule.version === version)
  if (sleeping.length > 0) changes.push(`${counted(sleeping.length, 'gray rule')} for ${version} hit again`)
}

// --- promote, rollback -----------------------------------------------------------------------------------------------------------------

function promote(release: Release, version: string, now: Date, changes: string[]): Refusal | undefined {
  if (version !== release.stable) changeStable(release, version, now, changes)
  return undefined
}

function rollback(
  release: Release,
  { version, now: atOnce, to }: VerbOf<'rollback'>,
  now: Date,
  changes: string[],
): Refusal | undefined {
  if (version === release.stable) {
    const target = backTo(release, to)
    if (typeof target !== 'string') return target
    changeStable(release, target, now, changes)
  } else {
    if (to !== undefined) return refuse('to', `${version} is not stable: its visitors go back to ${release.stable}`)
    dropRules(release, version, changes)
    if (drain(release, version, now))
      changes.push(`${version} drains: its visitors get ${release.stable} with their next page`)
  }
  if (atOnce === true) {
    const epoch = release.epoch + 1
    release.edit.set(['pin', 'epoch'], String(epoch))
    changes.push(
      `the epoch is ${epoch}: every open page, of ${release.stable} too, is asked to reload with its next request`,
    )
  }
  return undefined
}

/** The version that was stable before: the last one that began to drain. */
function backTo(release: Release, to: string | undefined): string | Refusal {
  const { draining, versions, stable } = release
  if (to !== undefined) {
    if (to === stable) return refuse('to', `${to} is the version to roll back`)
    return versions.includes(to) ? to : unknownVersion(to, versions)
  }
  const [latest, next] = draining.toSorted((a, b) => (b.since ?? 0) - (a.since ?? 0))
  if (latest === undefined)
    return refuse('to', `${stable} is stable and no version drains: say which one everybody goes back to (--to)`)
  if (next !== undefined && (latest.since === undefined || latest.since === next.since || next.since === undefined)) {
    const names = draining.map(({ version }) => version).join(', ')
    return refuse(
      'to',
      `${stable} is stable and several versions drain (${names}): say which one everybody goes back to (--to)`,
    )
  }
  return latest.version
}

/**
 * Everybody whom no rule takes goes to another version. The one they had drains; where versions had relied on it as the default base,
 * it becomes theirs by name. A version that relied on nobody lending to it says so: `base` with its own name.
 */
function changeStable(release: Release, version: string, now: Date, changes: string[]): void {
  const { edit, stable } = release
  const reliant = release.versions.filter((name) => release.base(name) === undefined && release.lacksPools(name))
  stopDraining(release, version)
  dropRules(release, version, changes, `${version} is for everybody`)
  edit.set(['stable'], version)
  changes.push(`${version} is stable, before ${stable}`)
  drain(release, stable, now)
  changes.push(`${stable} drains: it serves its open pages and draws nobody`)
  dropRules(release, stable, changes, `${stable} drains`)
  for (const name of reliant) {
    edit.set(['versions', name, 'base'], stable)
    changes.push(
      name === stable
        ? `no other version lends ${name} a pool, as before`
        : `${stable} goes on lending ${name} the pools that it lacks`,
    )
  }
}

function dropRules(release: Release, version: string, changes: string[], why?: string): void {
  const { edit } = release
  const gone = [...release.gray.entries()].filter(([, rule]) => rule.version === version)
  for (const [index] of gone.toReversed()) edit.remove(['gray', index])
  if (gone.length === 0) return
  changes.push(`${counted(gone.length, 'gray rule')} for ${version} removed${why === undefined ? '' : `: ${why}`}`)
}

// --- draining, retire ------------------------------------------------------------------------------------------------------------------

/** False when it drains already. */
function drain(release: Release, version: string, now: Date): boolean {
  if (release.draining.some((entry) => entry.version === version)) return false
  release.edit.insert(['draining'], { version, since: iso(now.getTime()) }, undefined, 'stable')
  return true
}

function stopDraining(release: Release, version: string): boolean {
  const index = release.draining.findIndex((entry) => entry.version === version)
  if (index === -1) return false
  release.edit.remove(release.draining.length === 1 ? ['draining'] : ['draining', index])
  return true
}

function retire(release: Release, version: string, now: Date, changes: string[]): Refusal | undefined {
  const { edit } = release
  if (version === release.stable) return refuse('stable', `${version} is stable: promote another version first`)
  const heirs = release.versions.filter((name) => name !== version && release.base(name) === version)
  if (heirs.length > 0) {
    return refuse('base', `${version} is the base of ${heirs.join(', ')}: its pools still serve their pages`)
  }
  const refusal = drainedFor(release, version, now) ?? calledBy(edit, version)
  if (refusal !== undefined) return refusal
  dropRules(release, version, changes)
  stopDraining(release, version)
  edit.remove(['versions', version])
  changes.push(
    `${version} is not listed any more: its pins are stale, and a page of it that is still open is asked to reload`,
  )
  const tests = [...release.tests.entries()].filter(([, test]) => test === version)
  for (const [index] of tests.toReversed()) edit.remove(['tests', index])
  if (tests.length > 0) changes.push(`${counted(tests.length, 'test')} that expected ${version} removed`)
  return undefined
}

function drainedFor(release: Release, version: string, now: Date): Refusal | undefined {
  const entry = release.draining.find((one) => one.version === version)
  if (entry === undefined) {
    return refuse(
      'not-draining',
      `${version} does not drain, so visitors may still be given it: graylane rollback ${version} first`,
    )
  }
  if (entry.since === undefined) {
    return refuse(
      'since',
      `since when ${version} drains is not written: make it draining: [{ version: ${version}, since: 2026-01-31T08:00:00Z }] with the time of that change`,
    )
  }
  const readyAt = entry.since + durationMs(release.ttl)
  if (entry.since > now.getTime())
    return refuse('since', `${version} drains from ${iso(entry.since)} on, which is still to come`)
  if (now.getTime() >= readyAt) return undefined
  return refuse(
    'not-drained',
    `${version} drains since ${iso(entry.since)}; after pin.ttl (${release.ttl}) its last pages have gone, at ${iso(readyAt)}`,
  )
}

/** A listener whose callers are said to be of that version would give them stable. */
function calledBy(edit: YamlEdit, version: string): Refusal | undefined {
  const listeners = new YamlEdit(edit.text).at(['listen'])
  for (const listener of Array.isArray(listeners)
    ? (listeners as { port?: string; sourceLabels?: { version?: string } }[])
    : []) {
    if (listener.sourceLabels?.version === version) {
      return refuse(
        'source-labels',
        `the callers of port ${listener.port} are ${version} by its sourceLabels: they would be answered by ${edit.at(['stable'])}`,
      )
    }
  }
  return undefined
}

function refuse(refused: string, reason: string): Refusal {
  return { refused, reason }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function iso(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
