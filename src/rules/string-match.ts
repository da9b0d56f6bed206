// Istio's StringMatch and our `in`, compiled. Knows one value at a time, and nothing of where it came from.

import { compileRegex } from './regex.ts'
import type { RouteProblem } from './route-problem.ts'
import type { StringMatchSpec } from './types.ts'
import { asciiLowerCase, wireText, wireTexts } from './wire-text.ts'

/** A compiled match, and what lets an index find it. */
export interface StringMatch {
  readonly fits: (value: string) => boolean
  /** It fits these and no others. */
  readonly values: ReadonlySet<string> | undefined
  /** It fits what begins like this, all of it and nothing else. */
  readonly prefix: string | undefined
}

/** `report` gets what is wrong with a regex; the match then fits nothing. */
export function compileStringMatch(spec: StringMatchSpec, report: (problem: RouteProblem) => void): StringMatch {
  switch (spec.kind) {
    case 'exact':
      return exactly(wireText(spec.value))
    case 'prefix': {
      const prefix = wireText(spec.value)
      return { fits: (value) => value.startsWith(prefix), values: undefined, prefix }
    }
    case 'in': {
      const values = wireTexts(spec.values)
      return { fits: (value) => values.has(value), values, prefix: undefined }
    }
    case 'present':
      return byTest(() => true)
    case 'regex': {
      const regex = compileRegex(spec.value)
      if (regex.ok) {
        return regex.literal?.kind === 'exact' ? exactly(regex.literal.text) : byTest(regex.fits)
      }
      report({ place: spec.place, message: `regex ${JSON.stringify(spec.value)}: ${regex.message}` })
      return byTest(() => false)
    }
  }
}

/** The same with `ignoreUriCase`, which concerns exact and prefix alone: Envoy has no such flag for a regex. */
export function compileIgnoringCase(spec: StringMatchSpec, report: (problem: RouteProblem) => void): StringMatch {
  if (spec.kind !== 'exact' && spec.kind !== 'prefix') return compileStringMatch(spec, report)
  const text = asciiLowerCase(wireText(spec.value))
  if (spec.kind === 'exact') {
    return byTest((value) => value.length === text.length && asciiLowerCase(value) === text)
  }
  return byTest((value) => asciiLowerCase(value.slice(0, text.length)) === text)
}

function exactly(text: string): StringMatch {
  return { fits: (value) => value === text, values: new Set([text]), prefix: undefined }
}

function byTest(fits: (value: string) => boolean): StringMatch {
  return { fits, values: undefined, prefix: undefined }
}
