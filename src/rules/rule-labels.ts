// What people call a gray rule, in logs, metrics of the dashboard and reasons. Hits are counted by it, so no two of a release share one.

import type { GrayRuleSpec } from './release.ts'

type Named = Pick<GrayRuleSpec, 'name' | 'place'>

/** The rule's name, else `line N`; `line N:COLUMN` where several without a name stand on one line. */
export function ruleLabels(rules: readonly Named[]): readonly string[] {
  return rules.map(({ name, place }) => {
    if (name !== undefined) return name
    const beside = rules.filter((other) => other.name === undefined && other.place.line === place.line)
    return `line ${place.line}${beside.length > 1 ? `:${place.column}` : ''}`
  })
}
