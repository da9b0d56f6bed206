// What a gray rule asks of a request, in parts that the dashboard puts into its reader's language. Of long lists the first few are told, of
// credentials only that they are asked for.

import type { Configuration } from '../config/configuration.ts'
import { isSecretName } from '../config/secret-names.ts'

type Condition = Configuration['releases'][number]['gray'][number]['condition']
type RequestMatch = Extract<Condition, { readonly kind: 'match' }>['items'][number]
type StringMatch = NonNullable<RequestMatch['uri']>

export type RuleCondition =
  | {
      readonly kind: 'match'
      /** One of these holds, with all of its parts; one without parts holds for everybody. */
      readonly anyOf: readonly (readonly ConditionPart[])[]
    }
  | ({ readonly kind: 'users' } & Values)
  | {
      readonly kind: 'share'
      /** Hundredths of a percent. */
      readonly share: number
    }

export interface ConditionPart extends Values {
  /** The word of routes.yaml for what is looked at. */
  readonly of: keyof RequestMatch
  /** Of the header, parameter or cookie. */
  readonly name?: string
  /** hidden: it is about a credential. */
  readonly is: StringMatch['kind'] | 'hidden'
}

interface Values {
  /** None with `present` and `hidden`. */
  readonly values: readonly string[]
  /** So many values are not told. */
  readonly more: number
}

/** Longer lists are cut. */
const shownValues = 4

export function ruleCondition(condition: Condition): RuleCondition {
  if (condition.kind === 'share') return condition
  if (condition.kind === 'users') return { kind: 'users', ...valuesOf([...condition.users]) }
  return { kind: 'match', anyOf: condition.items.map(partsOf) }
}

function partsOf(match: RequestMatch): readonly ConditionPart[] {
  const { clientIp, uri, scheme, method, authority, port, sourceLabels } = match
  const labels = Array.from(sourceLabels ?? [], (pair) => pair.join('='))
  return [
    ...(clientIp === undefined ? [] : [{ of: 'clientIp' as const, is: 'in' as const, ...valuesOf(clientIp) }]),
    ...stringPart('uri', uri),
    ...stringPart('scheme', scheme),
    ...stringPart('method', method),
    ...stringPart('authority', authority),
    ...mapParts('headers', match.headers),
    ...mapParts('withoutHeaders', match.withoutHeaders),
    ...mapParts('queryParams', match.queryParams),
    ...mapParts('cookies', match.cookies),
    ...(port === undefined ? [] : [{ of: 'port' as const, is: 'exact' as const, ...valuesOf([String(port)]) }]),
    ...(labels.length === 0 ? [] : [{ of: 'sourceLabels' as const, is: 'exact' as const, ...valuesOf(labels) }]),
  ]
}

function mapParts(
  of: ConditionPart['of'],
  matches: ReadonlyMap<string, StringMatch> | undefined,
): readonly ConditionPart[] {
  return Array.from(matches ?? []).flatMap(([name, match]): readonly ConditionPart[] => {
    if (isSecretName(name)) return [{ of, name, is: 'hidden', ...valuesOf([]) }]
    return stringPart(of, match).map((part) => ({ ...part, name }))
  })
}

function stringPart(of: ConditionPart['of'], match: StringMatch | undefined): readonly ConditionPart[] {
  if (match === undefined) return []
  if (match.kind === 'present') return [{ of, is: match.kind, ...valuesOf([]) }]
  return [{ of, is: match.kind, ...valuesOf(match.kind === 'in' ? [...match.values] : [match.value]) }]
}

function valuesOf(values: readonly string[]): Values {
  return { values: values.slice(0, shownValues), more: Math.max(0, values.length - shownValues) }
}
