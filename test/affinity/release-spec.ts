// A release in its long form, as small as can be: what affinity's tests vary is given, the rest stands still.

import type { PinSpec, Place, ReleaseSpec, VersionSpec } from '../../src/rules/types.ts'

const place: Place = { file: 'routes.yaml', line: 1, column: 1 }

const defaultPin: PinSpec = {
  cookie: 'graylane',
  header: 'x-version',
  ttlSeconds: 8 * 3600,
  epoch: 1,
  repin: 'widen',
  sameSite: 'lax',
  domain: undefined,
  pageHeader: 'x-page-version',
}

export function pinSpec(given: Partial<PinSpec> = {}): PinSpec {
  return { ...defaultPin, ...given }
}

export function releaseSpec(
  given: { name?: string; versions?: readonly string[]; stable?: string; pin?: Partial<PinSpec> } = {},
): ReleaseSpec {
  const versions = given.versions ?? ['v1', 'v2', 'v3']
  return {
    name: given.name ?? 'shop',
    place,
    hosts: ['*'],
    services: [],
    versions: new Map(
      versions.map((name): [string, VersionSpec] => [name, { name, place, base: undefined, pools: new Map() }]),
    ),
    stable: given.stable ?? 'v1',
    draining: new Set(),
    gray: [],
    identity: [{ kind: 'clientIp' }],
    pin: pinSpec(given.pin),
  }
}
