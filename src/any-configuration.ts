// A configuration of any kind: routes.yaml with releases or with the names of Istio's manifests, or those alone, in a file or a
// directory. Which one it is, the content says.

import type { Surroundings } from './config/draft.ts'
import { anyAddress, loadConfiguration, type Loaded } from './config/load.ts'
import { readBounded } from './config/sources.ts'
import { loadManifestConfiguration } from './istio/load-configuration.ts'
import { listedManifests, loadListedManifests, type NamedManifest } from './istio/load-listed-manifests.ts'
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
    const kind = await kindOf(path, read)
    if (kind === 'releases') return loadConfiguration(path, around)
    const load = kind === 'manifests' ? loadManifestConfiguration : loadListedManifests
    const { loaded, refused } = await load(path, options, {
      anyAddress: around.anyAddress ?? anyAddress(),
      read,
      mayBeRefused: refusedBefore,
    })
    if ('configuration' in loaded) refusedBefore = refused
    return loaded
  }
}

/** The manifests that a routes.yaml names under `istio`; none for a configuration of another kind. */
export async function manifestsNamedIn(path: string): Promise<readonly NamedManifest[]> {
  if ((await kindOf(path, readBounded)) !== 'listed') return []
  return listedManifests(path, { anyAddress: anyAddress(), mayBeRefused: undefined })
}

type Read = NonNullable<Surroundings['read']>

/** Manifests: a directory, or a file whose documents say their apiVersion, in YAML or JSON. Listed: routes.yaml that names them. */
async function kindOf(path: string, read: Read): Promise<'manifests' | 'listed' | 'releases'> {
  const content = await read(path, mostBytes)
  if (typeof content === 'string') {
    return typeof (await read(path.replace(/\/*$/, '/'), mostBytes)) === 'string' ? 'releases' : 'manifests'
  }
  const text = new TextDecoder().decode(content)
  if (/^apiVersion\s*:/m.test(text) || (/^\{/m.test(text) && /"apiVersion"\s*:/.test(text))) return 'manifests'
  return /^["']?istio["']?\s*:/m.test(text) ? 'listed' : 'releases'
}
