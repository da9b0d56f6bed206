// One YAML document to one release in its long form, and its tests.

import type { PinKey } from '../affinity/types.ts'
import { hostProblem } from '../rules/hosts.ts'
import type { ReleaseSpec } from '../rules/release.ts'
import type { RouteTest } from './configuration.ts'
import { checkService, checkVersion, complain, type Draft } from './draft.ts'
import { grayRuleSpecs } from './gray-rules.ts'
import { isIp } from './listeners.ts'
import { identitySpec } from './identities.ts'
import { pageSpec } from './pages.ts'
import { checkPinDomain } from './pin-domain.ts'
import { pinKeys, pinSpec } from './pins.ts'
import { quote } from './problem.ts'
import type { RoutesDocument } from './schema.ts'
import { serviceSpecs } from './services.ts'
import { versionSpecs } from './versions.ts'
import { durationMs } from './written-values.ts'

const nameOfTheOnlyRelease = 'default'
const longestSettleMs = 86_400_000

export interface ReleaseRead {
  readonly release: ReleaseSpec
  readonly keys: readonly PinKey[]
  readonly tests: readonly RouteTest[]
}

/** Whole only when nothing was reported. */
export async function readRelease(draft: Draft): Promise<ReleaseRead> {
  const { document, origins } = draft
  const { name = nameOfTheOnlyRelease, hosts, stable, draining, rollout } = document
  checkHosts(draft)
  checkPinDomain(draft)
  checkLife(draft)
  return {
    release: {
      name,
      place: origins.place(document, 'name'),
      hosts,
      services: await serviceSpecs(draft),
      versions: versionSpecs(draft),
      stable,
      draining: new Set(draining.map(drainingName)),
      gray: await grayRuleSpecs(draft),
      ...(await identitySpec(draft)),
      pin: pinSpec(draft),
      settleSeconds: Math.ceil(durationMs(rollout?.settle ?? '0s') / 1000),
      page: pageSpec(draft),
      assets: document.assets,
    },
    keys: await pinKeys(draft),
    tests: document.tests.map((test) => routeTest(draft, test)),
  }
}

function checkHosts(draft: Draft): void {
  const { hosts } = draft.document
  if (hosts.length === 0)
    complain(draft, draft.document, 'hosts', 'value', 'hosts lists nothing, so no request comes here')
  for (const [index, host] of hosts.entries()) {
    const problem = hostProblem(host)
    if (problem !== undefined) complain(draft, hosts, index, 'value', problem)
  }
}

function checkLife(draft: Draft): void {
  const { document } = draft
  const { stable, draining, rollout } = document
  checkVersion(draft, document, 'stable', stable)
  for (const [index, entry] of draining.entries()) {
    const name = drainingName(entry)
    const [owner, key] = typeof entry === 'string' ? ([draining, index] as const) : ([entry, 'version'] as const)
    checkVersion(draft, owner, key, name)
    if (name === stable)
      complain(draft, owner, key, 'value', `${name} is stable: everyone whom no rule takes goes there`)
    if (typeof entry !== 'string' && entry.since !== undefined && Number.isNaN(Date.parse(entry.since))) {
      complain(draft, entry, 'since', 'value', `${entry.since} is no time that there was`)
    }
  }
  if (rollout !== undefined && durationMs(rollout.settle) > longestSettleMs) {
    complain(draft, rollout, 'settle', 'value', `${rollout.settle} is longer than a day`)
  }
}

function drainingName(entry: RoutesDocument['draining'][number]): string {
  return typeof entry === 'string' ? entry : entry.version
}

function routeTest(draft: Draft, test: RoutesDocument['tests'][number]): RouteTest {
  const { request, expect } = test
  if (!isIp(request.ip)) complain(draft, request, 'ip', 'value', `${quote(request.ip)} is not an IP address`)
  checkVersion(draft, expect, 'version', expect.version)
  if (expect.service !== undefined) checkService(draft, expect, 'service', expect.service)
  const { version, service, reason } = expect
  return { request, expect: { version, service, reason }, place: draft.origins.place(test) }
}
