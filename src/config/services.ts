// `services` in their long form: Istio's HTTPRoute fields, each under the name and with the checks it has there.

import { isEngineField } from '../rules/engine-fields.ts'
import { parseHeaderFormat } from '../rules/header-format.ts'
import type { ServiceSpec } from '../rules/release.ts'
import type { HeaderOperationsSpec } from '../rules/types.ts'
import { complain, complainOfKey, type Draft } from './draft.ts'
import { healthCheckSpec } from './health-checks.ts'
import { lowerCaseKeys, matchSpecs } from './matches.ts'
import { actionSpecs, timeMs } from './route-actions.ts'
import type { HeaderOperationsText, RoutesDocument, ServiceText } from './schema.ts'
import { inOrder } from './sources.ts'
import { trafficPolicySpec } from './traffic-policy.ts'

type ServiceEntry = RoutesDocument['services'] extends ReadonlyMap<string, infer V> ? V : never

export function serviceSpecs(draft: Draft): Promise<readonly ServiceSpec[]> {
  const { services } = draft.document
  if (services.size === 0) complain(draft, services, undefined, 'value', 'services lists nothing')
  return inOrder(services, ([name, entry]) => serviceSpec(draft, name, entry))
}

/** A service's own settings; none for the short form. */
export function serviceText(entry: ServiceEntry): ServiceText | undefined {
  return typeof entry === 'string' || entry === null ? undefined : entry
}

async function serviceSpec(draft: Draft, name: string, entry: ServiceEntry): Promise<ServiceSpec> {
  const { origins, document } = draft
  if (name === 'base') {
    complainOfKey(draft, document.services, name, 'value', 'a service cannot be called base: versions use that key')
  }
  const place = origins.keyPlace(document.services, name)
  const valuePlace = origins.place(document.services, name)
  const plain = { name, place, timeoutMs: 0, onStale: 'reload' } as const
  if (entry === null) return { ...plain, match: [] }
  if (typeof entry === 'string')
    return { ...plain, match: [{ place: valuePlace, uri: { kind: 'prefix', value: entry } }] }
  const { headers, timeout, onStale, onSwitch, cache, healthCheck, trafficPolicy } = entry
  return {
    name,
    place,
    match: await matchSpecs(draft, entry.match),
    timeoutMs: timeMs(draft, entry, 'timeout', timeout, 0),
    onStale,
    ...(cache && { cache }),
    ...(typeof onSwitch === 'object' && {
      onSwitch: { closeWithinMs: timeMs(draft, onSwitch, 'closeWithin', onSwitch.closeWithin) },
    }),
    ...(healthCheck && { healthCheck: healthCheckSpec(draft, healthCheck) }),
    ...(await actionSpecs(draft, entry)),
    ...(headers?.request && { requestHeaders: headerOperations(draft, headers.request) }),
    ...(headers?.response && { responseHeaders: headerOperations(draft, headers.response) }),
    ...(trafficPolicy && { trafficPolicy: await trafficPolicySpec(draft, trafficPolicy) }),
  }
}

function headerOperations(draft: Draft, { set, add, remove = [] }: HeaderOperationsText): HeaderOperationsSpec {
  for (const [index, name] of remove.entries()) checkFieldName(draft, remove, index, name)
  return {
    remove: remove.map((name) => name.toLowerCase()),
    set: headerFields(draft, set),
    add: headerFields(draft, add),
  }
}

function headerFields(draft: Draft, fields: ReadonlyMap<string, string> | undefined): ReadonlyMap<string, string> {
  if (fields === undefined) return new Map()
  for (const [name, value] of fields) {
    checkFieldName(draft, fields, name, name)
    const format = parseHeaderFormat(value)
    if ('problem' in format) complain(draft, fields, name, 'value', format.problem)
  }
  return lowerCaseKeys(draft, fields)
}

function checkFieldName(draft: Draft, owner: object, key: string | number, name: string): void {
  if (name.toLowerCase() === draft.document.pin.header.toLowerCase()) {
    complain(draft, owner, key, 'value', `${name} is written by the edge itself: it says which version was decided`)
  }
  const isHost = name.toLowerCase() === 'host'
  if (!isHost && !isEngineField(name)) return
  const hint = isHost ? ': use rewrite.authority' : ''
  complain(draft, owner, key, 'value', `${name} is not to be changed here${hint}`)
}
