// Two tests of one value as one, for where a match holds a single test: Istio's map of query parameters. Shared by export, which writes
// the one, and import, which finds the two again.

import { compileRegex } from '../rules/regex.ts'
import { wireText } from '../rules/wire-text.ts'
import { quoteRegex, readLiterals } from './regex-text.ts'

/** Istio's StringMatch; without a kind it asks only that a value is there. */
export type StringMatchText = { exact: string } | { prefix: string } | { regex: string } | Record<string, never>

/** `never`: no value fits both. Undefined: no single test says it (two patterns, RE2 has no "and"). */
export function bothTests(a: StringMatchText, b: StringMatchText): StringMatchText | 'never' | undefined {
  if (JSON.stringify(a) === JSON.stringify(b) || isPresent(b)) return a
  if (isPresent(a)) return b
  const [x, y] = [valuesOf(a), valuesOf(b)]
  if (x !== undefined) return oneOf(x.filter((value) => fits(b, value)))
  if (y !== undefined) return oneOf(y.filter((value) => fits(a, value)))
  if (!('prefix' in a && 'prefix' in b)) return undefined
  if (a.prefix.startsWith(b.prefix)) return a
  return b.prefix.startsWith(a.prefix) ? b : 'never'
}

function isPresent(test: StringMatchText): boolean {
  return Object.keys(test).length === 0
}

/** The values that a test lists. */
function valuesOf(test: StringMatchText): readonly string[] | undefined {
  if ('exact' in test) return [test.exact as string]
  return 'regex' in test ? readLiterals(test.regex as string) : undefined
}

function fits(test: StringMatchText, value: string): boolean {
  if ('exact' in test) return test.exact === value
  if ('prefix' in test) return value.startsWith(test.prefix as string)
  const regex = compileRegex((test as { regex: string }).regex)
  return regex.ok && regex.fits(wireText(value))
}

function oneOf(values: readonly string[]): StringMatchText | 'never' {
  const [only] = values
  if (only === undefined) return 'never'
  return values.length === 1 ? { exact: only } : { regex: values.map(quoteRegex).join('|') }
}
