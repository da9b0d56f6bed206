// Blocks of Istio's fields in the words that routes.yaml has for them: old names by their new ones, and without what does nothing here,
// which the validation of the manifests has told of with its place.

import type { Plain } from './plain-values.ts'

type Body = Readonly<Record<string, Plain>>

/** trafficPolicy; undefined when nothing is left of it. */
export function policyWords(policy: Body): Body | undefined {
  return filled({
    ...without(policy, 'tunnel', 'proxyProtocol', 'retryBudget'),
    loadBalancer: block(policy['loadBalancer'], loadBalancerWords),
    connectionPool: block(policy['connectionPool'], ({ tcp, http }) =>
      filled({ tcp: block(tcp, tcpWords), http: block(http, httpWords) }),
    ),
    outlierDetection: block(policy['outlierDetection'], outlierWords),
  })
}

function loadBalancerWords({ simple, consistentHash, warmup, warmupDurationSecs }: Body): Body | undefined {
  const kind = simple === 'LEAST_CONN' ? 'LEAST_REQUEST' : simple
  // Envoy's slow start is for the two that count requests.
  const warms = consistentHash === undefined && kind !== 'RANDOM'
  return filled({
    simple: kind === 'PASSTHROUGH' || kind === 'UNSPECIFIED' ? undefined : kind,
    consistentHash: block(consistentHash, hashWords),
    warmup: warms ? (warmup ?? (warmupDurationSecs && { duration: warmupDurationSecs })) : undefined,
  })
}

function hashWords(hash: Body): Body | undefined {
  const size = hash['minimumRingSize']
  return filled({ ringHash: size && { minimumRingSize: size }, ...without(hash, 'minimumRingSize') })
}

function tcpWords(tcp: Body): Body | undefined {
  const keepalive = block(tcp['tcpKeepalive'], ({ time }) => filled({ time }))
  return filled({ ...tcp, tcpKeepalive: keepalive })
}

function httpWords(http: Body): Body | undefined {
  return filled(without(http, 'h2UpgradePolicy', 'useClientProtocol', 'maxConcurrentStreams', 'http2KeepAlive'))
}

function outlierWords(outlier: Body): Body | undefined {
  return filled({
    // What the old name counted were errors of a gateway.
    consecutiveGatewayErrors: outlier['consecutiveErrors'],
    ...without(outlier, 'consecutiveErrors', 'minHealthPercent', 'outlierDetectionHttpErrorCodes'),
  })
}

/** timeout, retries, fault, corsPolicy and the like of an HTTPRoute. */
export function actionWords(actions: Body): Body {
  const words = filled({
    ...actions,
    retries: block(actions['retries'], (retries) => filled(without(retries, 'retryRemoteLocalities'))),
    fault: block(actions['fault'], (fault) => filled({ ...fault, delay: block(fault['delay'], delayWords) })),
    corsPolicy: block(actions['corsPolicy'], corsWords),
  })
  return words ?? {}
}

function delayWords(delay: Body): Body | undefined {
  const { percent } = delay
  return filled({ percentage: percent === undefined ? undefined : { value: percent }, ...without(delay, 'percent') })
}

function corsWords(policy: Body): Body | undefined {
  const origins = policy['allowOrigin'] as readonly Plain[] | undefined
  return filled({ allowOrigins: origins?.map((exact) => ({ exact })), ...without(policy, 'allowOrigin') })
}

// --- blocks ----------------------------------------------------------------------------------------------------------------------------

function block(value: Plain | undefined, words: (body: Body) => Body | undefined): Body | undefined {
  return value === undefined ? undefined : words(value as Body)
}

function without(body: Body, ...keys: readonly string[]): Body {
  return Object.fromEntries(Object.entries(body).filter(([key]) => !keys.includes(key)))
}

/** Without what is not given; undefined when that is everything. */
function filled(body: Readonly<Record<string, Plain | undefined>>): Body | undefined {
  const entries = Object.entries(body).filter((entry): entry is [string, Plain] => entry[1] !== undefined)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
