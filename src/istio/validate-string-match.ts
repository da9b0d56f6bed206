// StringMatches and regular expressions as Istio's validation takes them.

import { compileRegex, longestPattern } from '../rules/regex.ts'
import type { Findings } from './findings.ts'
import type { StringMatch } from './model-virtual-service.ts'

/** Of everything but uri: a prefix has to say something. `where` is the field's name in messages. */
export function checkStringMatch(match: StringMatch | undefined, where: string, findings: Findings): void {
  if (match?.prefix === '')
    findings.error(match, 'prefix', `${JSON.stringify(where)}: prefix string match should not be empty`)
  checkRegexOf(match, where, findings)
}

/** Of uri, where an empty prefix takes everything. */
export function checkRegexOf(match: StringMatch | undefined, where: string, findings: Findings): void {
  if (match?.regex === undefined) return
  const problem = regexProblem(match.regex)
  if (problem !== undefined) findings.error(match, 'regex', `${JSON.stringify(where)}: ${problem}`)
}

export function regexProblem(pattern: string): string | undefined {
  if (pattern === '') return 'regex string match should not be empty'
  const length = Buffer.byteLength(pattern)
  if (length > longestPattern)
    return `regex is too large, max length allowed is ${longestPattern}, this one has ${length} bytes`
  const regex = compileRegex(pattern)
  return regex.ok ? undefined : `${regex.message}; Istio uses RE2 style regex-based match`
}
