// A configuration of either kind: routes.yaml, or Istio's manifests in a file or a directory. Which one it is, the content says.

import type { Surroundings } from './config/draft.ts'
import { anyAddress, loadConfiguration, type Loaded } from './config/load.ts'
import { readBounded } from './config/sources.ts'
import { loadManifestConfiguration } from './istio/load-configuration.ts'
import type { ManifestOptions } from './istio/manifest-options.ts'

export type { InternalPort, ManifestOptions } from './istio/manifest-options.ts'

const mostBytes = 8 * 1024 * 1024

/** Loads once; of manifests that Istio would refuse, those are left out and told. */
export async function loadAnyConfiguration(
  path: string,
  around: Partial<Surroundings> = {},
  options: ManifestOptions = {},
): Promise<Loaded> {
  return createLoader(options)(path, around)
}

/**
 * Loads again and again. At first a manifest that Istio would refuse is left out, as a cluster would leave it out. Later one that was in
 * force until now refuses the whole load: in a cluster too the old one would stay.
 */
export function createLoader(
  options: ManifestOptions = {},
): (path: string, around?: Partial<Surroundings>) => Promise<Loaded> {
  let refusedBefore: ReadonlySet<string> | undefined
  return async (path, around = {}) => {
    const read = around.read ?? readBounded
    if (!(await holdsManifests(path, read))) return loadConfiguration(path, around)
    const { loaded, refused } = await loadManifestConfiguration(path, options, {
      anyAddress: around.anyAddress ?? anyAddress(),
      read,
      mayBeRefused: refusedBefore,
    })
    if ('configuration' in loaded) refusedBefore = refused
    return loaded
  }
}

type Read = NonNullable<Surroundings['read']>

/** A directory, or a file whose documents say their apiVersion, in YAML or JSON. */
async function holdsManifests(path: string, read: Read): Promise<boolean> {
  const content = await read(path, mostBytes)
  if (typeof content === 'string') return typeof (await read(path.replace(/\/*$/, '/'), mostBytes)) !== 'string'
  const text = new TextDecoder().decode(content)
  return /^apiVersion\s*:/m.test(text) || (/^\{/m.test(text) && /"apiVersion"\s*:/.test(text))
}
