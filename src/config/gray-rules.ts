// `gray` in its long form: each rule with its one condition.

import type { GrayConditionSpec, GrayRuleSpec } from '../rules/release.ts'
import { checkVersion, complain, complainOfKey, type Draft } from './draft.ts'
import { addressList, matchSpecs, textList } from './matches.ts'
import type { GrayRuleText, MatchItemText } from './schema.ts'
import { claimedAddress } from './slips.ts'
import { inOrder } from './sources.ts'
import { hundredthsOfPercent } from './written-values.ts'

export { ruleLabels } from '../rules/rule-labels.ts'

const conditions = ['ip', 'users', 'match', 'share'] as const

export async function grayRuleSpecs(draft: Draft): Promise<readonly GrayRuleSpec[]> {
  checkNamesOnce(draft)
  return inOrder(draft.document.gray, (rule) => grayRuleSpec(draft, rule))
}

async function grayRuleSpec(draft: Draft, rule: GrayRuleText): Promise<GrayRuleSpec> {
  checkVersion(draft, rule, 'version', rule.version)
  const given = conditions.filter((key) => rule[key] !== undefined)
  if (given.length === 0)
    complain(draft, rule, undefined, 'missing-key', 'a gray rule needs one of ip, users, match and share')
  if (given.length > 1) {
    complain(
      draft,
      rule,
      given[1],
      'value',
      `a gray rule holds one of ip, users, match and share, not ${given.join(' and ')}: make it ${given.length} rules`,
    )
  }
  return {
    name: rule.name,
    place: draft.origins.place(rule),
    version: rule.version,
    condition: await conditionSpec(draft, rule),
    onUnavailable: rule.onUnavailable,
  }
}

async function conditionSpec(draft: Draft, rule: GrayRuleText): Promise<GrayConditionSpec> {
  const { ip, users, match, share } = rule
  if (ip !== undefined) {
    const clientIp = [...(await addressList(draft, ip))]
    return { kind: 'match', items: [{ place: draft.origins.place(rule, 'ip'), clientIp }] }
  }
  if (users !== undefined) return { kind: 'users', users: await textList(draft, users) }
  if (match !== undefined) {
    for (const item of match) checkItem(draft, item)
    return { kind: 'match', items: await matchSpecs(draft, match) }
  }
  return { kind: 'share', share: share === undefined ? 0 : hundredthsOfPercent(share) }
}

function checkItem(draft: Draft, item: MatchItemText): void {
  if (Object.keys(item).length === 0) {
    complain(draft, item, undefined, 'value', 'an empty match takes everybody: that is what stable is for')
  }
  const { headers } = item
  for (const name of headers?.keys() ?? []) {
    const message = claimedAddress(name)
    if (message !== undefined) complainOfKey(draft, headers as object, name, 'slip', message)
  }
}

/** Reasons, logs and metrics show rules by name. */
function checkNamesOnce(draft: Draft): void {
  const lines = new Map<string, number>()
  for (const rule of draft.document.gray) {
    if (rule.name === undefined) continue
    const line = lines.get(rule.name)
    if (line !== undefined)
      complain(draft, rule, 'name', 'duplicate-name', `gray rule ${rule.name} is there already (line ${line})`)
    lines.set(rule.name, line ?? draft.origins.place(rule, 'name').line)
  }
}
