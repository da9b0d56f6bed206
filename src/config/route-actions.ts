// What a service does, in its long form: Istio's HTTPRoute fields with the checks that Istio's validation has for them.

import { compileRegex, compileReplacement } from '../rules/regex.ts'
import { parseRetryOn, retryWords } from '../rules/retry-on.ts'
import {
  type CorsPolicySpec,
  defaultBackoffMs,
  type DirectResponseSpec,
  type FaultSpec,
  grpcStatuses,
  type RedirectSpec,
  type RetriesSpec,
  type RewriteSpec,
} from '../rules/route-actions.ts'
import { didYouMean } from '../rules/route-problem.ts'
import type { ServiceMirrorSpec, ServiceSpec } from '../rules/release.ts'
import { checkService, checkVersion, complain, type Draft, warn } from './draft.ts'
import { stringMatch } from './matches.ts'
import { quote } from './problem.ts'
import type {
  CorsPolicyText,
  FaultText,
  MirrorTargetText,
  PercentageText,
  RetriesText,
  ServiceText,
} from './schema-services.ts'
import { durationMs, longestTimerMs } from './written-values.ts'

type Actions = Pick<
  ServiceSpec,
  'retries' | 'rewrite' | 'redirect' | 'directResponse' | 'corsPolicy' | 'fault' | 'mirrors'
>

export async function actionSpecs(draft: Draft, entry: ServiceText): Promise<Actions> {
  const { retries, rewrite, redirect, directResponse, corsPolicy, fault } = entry
  checkTogether(draft, entry)
  const mirrors = mirrorSpecs(draft, entry)
  return {
    ...(retries && { retries: retrySpec(draft, entry, retries) }),
    ...(rewrite && { rewrite: rewriteSpec(draft, entry, rewrite) }),
    ...(redirect && { redirect: redirectSpec(draft, entry, redirect) }),
    ...(directResponse && { directResponse: directResponseSpec(draft, directResponse) }),
    ...(corsPolicy && { corsPolicy: await corsSpec(draft, corsPolicy) }),
    ...(fault && { fault: faultSpec(draft, fault) }),
    ...(mirrors.length > 0 && { mirrors }),
  }
}

/** Of two that exclude each other the one that would do nothing is reported. */
function checkTogether(draft: Draft, entry: ServiceText): void {
  const { redirect, directResponse, rewrite, fault, retries, corsPolicy, mirror, mirrors, trafficPolicy } = entry
  if (redirect && directResponse)
    complain(draft, entry, 'directResponse', 'value', 'a service takes redirect or directResponse, not both')
  const answer = redirect ? 'redirect' : directResponse ? 'directResponse' : undefined
  if (answer !== undefined) {
    const forwarding = { rewrite, fault, retries, corsPolicy, mirror, mirrors, trafficPolicy }
    for (const [key, value] of Object.entries(forwarding))
      if (value) complain(draft, entry, key, 'value', `${key} does nothing beside ${answer}`)
  }
  if (mirror && mirrors) complain(draft, entry, 'mirror', 'value', 'a service takes mirror or mirrors, not both')
  if (entry.mirrorPercentage !== undefined && !mirror)
    complain(draft, entry, 'mirrorPercentage', 'value', 'mirrorPercentage needs mirror')
}

/** Also says what no timer takes. @param wholeMs Istio's smallest time is 1 ms; 0 where the field takes 0s */
export function timeMs(draft: Draft, owner: object, key: string, text: string, wholeMs: 0 | 1 = 1): number {
  const value = durationMs(text)
  if (value > longestTimerMs) complain(draft, owner, key, 'value', `${text} is longer than 24 days`)
  if (value < wholeMs) complain(draft, owner, key, 'value', `${text} is shorter than 1ms`)
  return value
}

// --- retries -------------------------------------------------------------------------------------------------------------------------

function retrySpec(draft: Draft, entry: ServiceText, text: RetriesText): RetriesSpec {
  const { attempts, perTryTimeout, retryOn, backoff, retryIgnorePreviousHosts } = text
  const parsed = parseRetryOn(retryOn ?? 'connect-failure')
  if ('unknown' in parsed) {
    const { unknown } = parsed
    const hint = didYouMean(unknown, retryWords)
    complain(draft, text, 'retryOn', 'value', `${quote(unknown)} is no word of retryOn and no status code${hint}`)
  }
  if (attempts === 0) {
    for (const [key, value] of Object.entries({ perTryTimeout, retryOn, backoff, retryIgnorePreviousHosts }))
      if (value !== undefined) complain(draft, text, key, 'value', `${key} does nothing with attempts: 0`)
  }
  const isHashed = entry.trafficPolicy?.loadBalancer?.consistentHash !== undefined
  return {
    attempts,
    perTryTimeoutMs: perTryTimeout === undefined ? 0 : timeMs(draft, text, 'perTryTimeout', perTryTimeout),
    ...('unknown' in parsed ? { retryOn: new Set(), statusCodes: new Set() } : parsed),
    backoffMs: backoff === undefined ? defaultBackoffMs : timeMs(draft, text, 'backoff', backoff),
    ignorePreviousHosts: retryIgnorePreviousHosts ?? !isHashed,
  }
}

// --- rewrite, redirect, directResponse -----------------------------------------------------------------------------------------------

function rewriteSpec(draft: Draft, entry: ServiceText, rewrite: NonNullable<ServiceText['rewrite']>): RewriteSpec {
  const { uri, authority, uriRegexRewrite } = rewrite
  if (uri === undefined && authority === undefined && uriRegexRewrite === undefined)
    complain(draft, entry, 'rewrite', 'value', 'rewrite needs uri, uriRegexRewrite or authority')
  if (uri !== undefined && uriRegexRewrite !== undefined)
    complain(draft, rewrite, 'uriRegexRewrite', 'value', 'rewrite takes uri or uriRegexRewrite, not both')
  if (uriRegexRewrite !== undefined) {
    const regex = compileRegex(uriRegexRewrite.match)
    const replacement = compileReplacement(uriRegexRewrite.match, uriRegexRewrite.rewrite)
    if (!regex.ok)
      complain(draft, uriRegexRewrite, 'match', 'regex', `regex ${quote(uriRegexRewrite.match)}: ${regex.message}`)
    else if (!replacement.ok) complain(draft, uriRegexRewrite, 'rewrite', 'value', replacement.message)
  }
  return rewrite
}

function redirectSpec(draft: Draft, entry: ServiceText, redirect: NonNullable<ServiceText['redirect']>): RedirectSpec {
  const { uri, prefixRewrite, authority, scheme, port, derivePort } = redirect
  if ([uri, prefixRewrite, authority, scheme, port, derivePort].every((part) => part === undefined)) {
    complain(
      draft,
      entry,
      'redirect',
      'value',
      'redirect needs uri, prefixRewrite, authority, scheme, port or derivePort',
    )
  }
  if (uri !== undefined && prefixRewrite !== undefined)
    complain(draft, redirect, 'prefixRewrite', 'value', 'redirect takes uri or prefixRewrite, not both')
  if (port !== undefined && derivePort !== undefined)
    complain(draft, redirect, 'derivePort', 'value', 'redirect takes port or derivePort, not both')
  return redirect
}

function directResponseSpec(draft: Draft, direct: NonNullable<ServiceText['directResponse']>): DirectResponseSpec {
  const { status, body } = direct
  if (body !== undefined && Object.keys(body).length !== 1)
    complain(draft, direct, 'body', 'value', 'a body is string or bytes')
  if (body?.bytes === undefined) return { status, body: body?.string ?? '' }
  const bytes = Buffer.from(body.bytes, 'base64')
  if (bytes.toString('base64') !== body.bytes) complain(draft, body, 'bytes', 'value', 'bytes are not base64')
  return { status, body: new Uint8Array(bytes) }
}

// --- corsPolicy, fault, mirrors ------------------------------------------------------------------------------------------------------

async function corsSpec(draft: Draft, cors: CorsPolicyText): Promise<CorsPolicySpec> {
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, maxAge, allowCredentials } = cors
  const maxAgeMs = maxAge === undefined ? undefined : timeMs(draft, cors, 'maxAge', maxAge, 0)
  if (maxAgeMs !== undefined && maxAgeMs % 1000 !== 0)
    complain(draft, cors, 'maxAge', 'value', 'maxAge is of whole seconds')
  const origins = await Promise.all(allowOrigins.map((origin) => stringMatch(draft, origin, false)))
  for (const [index, origin] of allowOrigins.entries()) {
    if (origins[index]?.kind === 'exact' && origin.exact === '')
      complain(draft, allowOrigins, index, 'value', 'an origin is not empty')
    if (origins[index]?.kind === 'present')
      complain(draft, allowOrigins, index, 'value', 'one of exact, prefix and regex is wanted; exact: "*" allows all')
    if (origin.regex !== undefined) {
      const regex = compileRegex(origin.regex)
      if (!regex.ok) complain(draft, origin, 'regex', 'regex', `regex ${quote(origin.regex)}: ${regex.message}`)
    }
  }
  return {
    allowOrigins: origins,
    allowMethods,
    allowHeaders,
    exposeHeaders,
    maxAgeSeconds: maxAgeMs === undefined ? undefined : maxAgeMs / 1000,
    allowCredentials,
    unmatchedPreflights: cors.unmatchedPreflights,
  }
}

function faultSpec(draft: Draft, fault: FaultText): FaultSpec {
  const { delay, abort } = fault
  if (!delay && !abort) complain(draft, fault, undefined, 'value', 'fault needs delay or abort')
  for (const [key, part] of Object.entries({ delay, abort })) {
    if (part !== undefined && part.percentage === undefined)
      warn(draft, fault, key, 'no-effect', `${key} never happens: without percentage it is 0% (Istio)`)
  }
  return {
    ...(delay && {
      delay: {
        fixedDelayMs: timeMs(draft, delay, 'fixedDelay', delay.fixedDelay),
        percentage: percentageOf(delay.percentage, 0),
      },
    }),
    ...(abort && { abort: { ...abortStatus(draft, fault, abort), percentage: percentageOf(abort.percentage, 0) } }),
  }
}

function abortStatus(
  draft: Draft,
  fault: FaultText,
  { httpStatus, grpcStatus }: NonNullable<FaultText['abort']>,
): { readonly status: number; readonly grpcStatus?: number } {
  if ((httpStatus === undefined) === (grpcStatus === undefined))
    complain(draft, fault, 'abort', 'value', 'abort needs either httpStatus or grpcStatus')
  if (grpcStatus === undefined) return { status: httpStatus ?? 503 }
  const number = grpcStatuses.indexOf(grpcStatus)
  if (number === -1)
    complain(
      draft,
      fault,
      'abort',
      'value',
      `${quote(grpcStatus)} is no status of gRPC${didYouMean(grpcStatus, grpcStatuses)}`,
    )
  return { status: 200, grpcStatus: number }
}

function mirrorSpecs(draft: Draft, entry: ServiceText): readonly ServiceMirrorSpec[] {
  const { mirror, mirrorPercentage, mirrors = [] } = entry
  const all = mirrors.map((item) => mirrorSpec(draft, item, 'destination', item.destination, item.percentage))
  return mirror === undefined ? all : [mirrorSpec(draft, entry, 'mirror', mirror, mirrorPercentage), ...all]
}

function mirrorSpec(
  draft: Draft,
  owner: object,
  key: string,
  target: MirrorTargetText,
  percentage: PercentageText | undefined,
): ServiceMirrorSpec {
  return {
    place: draft.origins.place(owner, key),
    ...mirrorTarget(draft, owner, key, target),
    percentage: percentageOf(percentage, 100),
  }
}

function mirrorTarget(
  draft: Draft,
  owner: object,
  key: string,
  target: MirrorTargetText,
): { readonly service: string; readonly version: string } {
  const [service = '', version = ''] = typeof target === 'string' ? target.split('@') : [target.host, target.subset]
  checkService(draft, owner, key, service)
  checkVersion(draft, owner, key, version)
  return { service, version }
}

function percentageOf(text: PercentageText | undefined, absent: number): number {
  if (text === undefined) return absent
  return Number(typeof text === 'string' ? text.slice(0, -1) : text.value)
}
