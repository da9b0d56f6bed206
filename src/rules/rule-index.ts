// The first explicit gray rule that hits: each way in which a rule can hit, an item of its `match` or its list of users, goes into the
// index of first-match.ts.

import { compileFirstMatch, type FirstMatch, type Test, type Way } from './first-match.ts'
import { compileConditions } from './request-match.ts'
import type { RouteProblem } from './route-problem.ts'
import type { GrayConditionSpec } from './release.ts'
import type { GrayRule } from './types.ts'
import { wireTexts } from './wire-text.ts'

export interface ExplicitRule {
  readonly rule: GrayRule
  readonly condition: Exclude<GrayConditionSpec, { readonly kind: 'share' }>
}

/**
 * @param rules in the order of the file
 * @param report gets what is wrong with regexes and addresses
 */
export function compileFirstExplicit(
  rules: readonly ExplicitRule[],
  report: (problem: RouteProblem) => void,
): FirstMatch<GrayRule> {
  return compileFirstMatch(rules.flatMap((rule) => waysOf(rule, report)))
}

function waysOf({ rule, condition }: ExplicitRule, report: (problem: RouteProblem) => void): readonly Way<GrayRule>[] {
  if (condition.kind === 'match') {
    return condition.items.map((item) => ({ rule, conditions: compileConditions(item, report) }))
  }
  const users = wireTexts(condition.users)
  const test: Test = (_, identity) => identity !== undefined && users.has(identity)
  return [{ rule, conditions: [{ test, wanted: { kind: 'users', values: users } }] }]
}
