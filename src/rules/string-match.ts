// Istio's StringMatch and our `in`, compiled. Knows one value at a time, and nothing of where it came from.

import { compileRegex } from './regex.ts'
import type { RouteProblem } from './route-problem.ts'
import type { StringMatchSpec } from './types.ts'
import { asciiLowerCase, wireText, wireTexts } from './wire-text.ts'

/** A compiled match. `values`: it fits these and no others, so an index can find it. */
export interface StringMatch {
  readonly fits: (value: string) => boolean
  readonly values: ReadonlySet<string> | undefined
}

/** `report` gets what is wrong with a regex; the match then fits nothing. */
export function compileStringMatch(spec: StringMatchSpec, report: (problem: RouteProblem) => void): StringMatch {
  switch (spec.kind) {
    case 'exact':
      return exactly(wireText(spec.value))
    case 'prefix': {
      const prefix = wireText(spec.value)
      return { fits: (value) => value.startsWith(prefix), values: undefined }
    }
    case 'in': {
      const values = wireTexts(spec.values)
      return { fits: (value) => values.has(value), values }
    }
    case 'present':
      return { fits: () => true, values: undefined }
    case 'regex': {
      const regex = compileRegex(spec.value)
      if (regex.ok) {
        return regex.literal?.kind === 'exact' ? exactly(regex.literal.text) : { fits: regex.fits, values: undefined }
      }
      report({ place: spec.place, message: `regex ${JSON.stringify(spec.value)}: ${regex.message}` })
      return { fits: () => false, values: undefined }
    }
  }
}

/** The same with `ignoreUriCase`, which concerns exact and prefix alone: Envoy has no such flag for a regex. */
export function compileIgnoringCase(spec: StringMatchSpec, report: (problem: RouteProblem) => void): StringMatch {
  if (spec.kind !== 'exact' && spec.kind !== 'prefix') return compileStringMatch(spec, report)
  const text = asciiLowerCase(wireText(spec.value))
  if (spec.kind === 'exact') {
    return { fits: (value) => value.length === text.length && asciiLowerCase(value) === text, values: undefined }
  }
  return { fits: (value) => asciiLowerCase(value.slice(0, text.length)) === text, values: undefined }
}

function exactly(text: string): StringMatch {
  return { fits: (value) => value === text, values: new Set([text]) }
}
