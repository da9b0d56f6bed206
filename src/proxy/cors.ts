// Istio's CorsPolicy as Envoy's cors filter carries it out. It allows; it never blocks: whoever asks from elsewhere gets the answer without
// the fields that would let a browser show it.

import type { CorsPolicySpec } from '../rules/route-actions.ts'
import { compileStringMatch } from '../rules/string-match.ts'
import type { EdgeAnswer, RequestHead } from './exchange.ts'
import type { AnswerHead } from './field-list.ts'

export interface CorsPolicy {
  readonly allows: (origin: string) => boolean
  /** Field values; undefined where the policy names none. `*` echoes what was asked for. */
  readonly methods: string | undefined
  readonly headers: string | undefined
  readonly expose: string | undefined
  readonly maxAge: string | undefined
  readonly credentials: boolean
  readonly answersUnmatched: boolean
}

/** A regex that cannot be compiled fits nothing: whoever reads configurations has refused it before. */
export function compileCors(spec: CorsPolicySpec): CorsPolicy {
  const tests = spec.allowOrigins.map((origin) =>
    origin.kind === 'exact' && origin.value === '*' ? () => true : compileStringMatch(origin, () => {}).fits,
  )
  return {
    allows: (origin) => tests.some((fits) => fits(origin)),
    methods: joined(spec.allowMethods),
    headers: joined(spec.allowHeaders),
    expose: joined(spec.exposeHeaders),
    maxAge: spec.maxAgeSeconds === undefined ? undefined : String(spec.maxAgeSeconds),
    credentials: spec.allowCredentials === true,
    answersUnmatched: spec.unmatchedPreflights === 'IGNORE',
  }
}

function joined(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(',')
}

/**
 * The answer to a preflight, whatever method and fields it asks for; undefined when the request is none, or is of an origin that is not
 * allowed and has to go on (unmatchedPreflights: FORWARD).
 */
export function preflightAnswer(policy: CorsPolicy, request: RequestHead): EdgeAnswer | undefined {
  if (request.method !== 'OPTIONS') return undefined
  const origin = request.get('origin')
  const asked = request.get('access-control-request-method')
  if (!origin || !asked) return undefined
  const allowed = policy.allows(origin)
  if (!allowed && !policy.answersUnmatched) return undefined
  const fields: (readonly [string, string])[] = []
  if (allowed) {
    fields.push(['access-control-allow-origin', origin])
    if (policy.credentials) fields.push(['access-control-allow-credentials', 'true'])
  }
  push(fields, 'access-control-allow-methods', echoed(policy.methods, asked))
  push(fields, 'access-control-allow-headers', echoed(policy.headers, request.get('access-control-request-headers')))
  push(fields, 'access-control-max-age', policy.maxAge)
  if (allowed) push(fields, 'access-control-expose-headers', policy.expose)
  return { status: 200, fields, body: '' }
}

/** Of a preflight that asks for no fields the echo is empty, as Envoy's is. */
function echoed(value: string | undefined, asked: string | undefined): string | undefined {
  return value === '*' ? (asked ?? '') : value
}

function push(fields: (readonly [string, string])[], name: string, value: string | undefined): void {
  if (value !== undefined) fields.push([name, value])
}

/** Any other answer, whoever made it: the fields of an allowed origin take the place of the upstream's own. */
export function allowOrigin(policy: CorsPolicy, origin: string | undefined, head: AnswerHead): void {
  if (!origin || !policy.allows(origin)) return
  head.set('access-control-allow-origin', origin)
  if (policy.credentials) head.set('access-control-allow-credentials', 'true')
  if (policy.expose !== undefined) head.set('access-control-expose-headers', policy.expose)
}
