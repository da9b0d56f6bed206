// A release of bare versions: what affinity's tests vary is given, the rest is that of the rules' tests.

import type { PinSpec, ReleaseSpec } from '../../src/rules/release.ts'
import { release, type ShortRelease, version } from '../rules/specs.ts'

export function pinSpec(given: Partial<PinSpec> = {}): PinSpec {
  return releaseSpec({ pin: given }).pin
}

export function releaseSpec({
  versions = ['v1', 'v2', 'v3'],
  ...given
}: Pick<ShortRelease, 'name' | 'stable' | 'pin'> & { readonly versions?: readonly string[] } = {}): ReleaseSpec {
  return release({ ...given, services: [], versions: versions.map((name) => version(name, {})) })
}
