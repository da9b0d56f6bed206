// The sentences of a decision, for `explain`, logs and answers. Never runs while a request is decided, unless somebody asked for a trace.

import { draw } from './share.ts'
import type { Release, ShareRule } from './release.ts'
import type { Decision, GrayRule, Step, Visit } from './types.ts'

/** Why this version: `rule office (config/routes.yaml:31) matched`. */
export function describeReason({ reason, rule, version }: Decision): string {
  switch (reason) {
    case 'rule':
      return `${describeRule(rule)} matched`
    case 'share':
      return `${describeRule(rule)} drew the visitor`
    case 'pin':
      return 'the pin holds'
    case 'page':
      return 'the page named its version, and its browser was given it'
    case 'stable':
      return 'no rule hit and no pin binds: stable'
    case 'prefetch':
      return 'the page may be of another version than the pin when it is visited'
    case 'preflight':
      return 'a CORS preflight belongs to no page: stable'
    case 'preview':
      return 'a preview link was followed'
    case 'stale':
      return 'the version or the epoch of the page is gone'
    case 'fallback':
      return rule === undefined
        ? 'the pinned version has an unavailable pool: the whole visit goes to stable'
        : `${describeRule(rule)} hit, but ${rule.version} has an unavailable pool: the whole visit goes to stable`
    case 'unavailable':
      return rule === undefined
        ? `${version} has an unavailable pool, and its pages stay on it`
        : `${describeRule(rule)} hit, but ${version} has an unavailable pool and the rule says to fail`
    case 'asset':
      return 'the asset is missing in the decided version, and this one of the browser has it'
    case 'source-labels':
      return 'the labels of the listener name the version'
    case 'asked':
      return 'the caller asked for the version'
    case 'source-address':
      return 'the address of the caller is an endpoint of this version alone'
    case 'default':
      return 'nothing names a version of the caller: stable'
  }
}

/** The last line of a trace. */
export function describeDecision(decision: Decision): string {
  const { action, version } = decision
  return `${outcomes[action](version)}: ${describeReason(decision)}`
}

const outcomes: Record<Decision['action'], (version: string) => string> = {
  serve: (version) => version,
  reload: (version) => `reload, current is ${version}`,
  unavailable: (version) => `${version} cannot answer`,
  refuse: (version) => `not ahead of its visit, which will be of ${version}`,
}

/** `rule office (config/routes.yaml:31)`, or `rule at config/routes.yaml:31` where it has no name. */
function describeRule(rule: GrayRule | undefined): string {
  if (rule === undefined) return 'a rule'
  const { file, line } = rule.place
  // No name holds a space.
  const [, at] = rule.label.split('line ')
  return at === undefined ? `rule ${rule.label} (${file}:${line})` : `rule at ${file}:${at}`
}

/** One step a gray rule, top to bottom, down to the one that hit. */
export function traceRules(
  release: Release,
  visit: Visit,
  boundVersion: string | undefined,
  hit: GrayRule | undefined,
  trace: (step: Step) => void,
): void {
  const shares = new Map(release.shares.map((share) => [share.index, share]))
  for (const rule of release.gray) {
    const share = shares.get(rule.index)
    const word = rule === hit ? `hit: ${rule.version}` : 'no hit'
    let outcome = share === undefined ? word : `${word}, ${describeDraw(release, visit, boundVersion, share)}`
    if (release.spec.draining.has(rule.version)) outcome = `${rule.version} is draining and draws nobody`
    const settlesFor = (visit.settling?.drawsFrom.get(rule.version) ?? 0) - visit.nowSeconds
    if (settlesFor > 0 && rule !== hit) outcome = `${rule.version} is new and draws nobody for another ${settlesFor} s`
    trace({ step: describeRule(rule), outcome })
    if (rule === hit) return
  }
}

function describeDraw(release: Release, visit: Visit, boundVersion: string | undefined, share: ShareRule): string {
  const number = draw(release.name, share.version, visit.seed)
  const moves = boundVersion === undefined || boundVersion === release.stable || boundVersion === share.version
  const tail = moves ? '' : `, and nobody is moved off ${boundVersion}`
  return `draw ${percent(number)} against a share of ${percent(share.share)}${tail}`
}

/** Hundredths of a percent as people write them. */
function percent(hundredths: number): string {
  return `${hundredths / 100} %`
}
