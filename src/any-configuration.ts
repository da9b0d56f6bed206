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
    if (kind === 'releases') return withoutManifestOptions(await loadConfiguration(path, around), path, options)
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

/** What was asked for and would be ignored is refused. */
function withoutManifestOptions(loaded: Loaded, path: string, options: ManifestOptions): Loaded {
  const { ports, resolve, internal } = options
  if (!('configuration' in loaded) || (ports?.size ?? 0) + (resolve?.size ?? 0) + (internal?.length ?? 0) === 0)
    return loaded
  const message =
    "this is routes.yaml, which says its ports and addresses itself: --port, --resolve and --internal are for Istio's manifests"
  const { files } = loaded.configuration
  return {
    problems: [...loaded.problems, { file: path, line: 1, column: 1, severity: 'error', code: 'listen', message }],
    files,
  }
}

/** The manifests that a routes.yaml names under `istio`; none for a configuration of another kind. */
export async function manifestsNamedIn(path: string): Promise<readonly NamedManifest[]> {
  if ((await kindOf(path, readBounded)) !== 'listed') return []
  return listedManifests(path, { anyAddress: anyAddress(), mayBeRefused: undefined })
}

/** A directory, or a file with a document that Kubernetes would take. */
export async function holdsManifests(path: string): Promise<boolean> {
  return (await kindOf(path, readBounded)) === 'manifests'
}

type Read = NonNullable<Surroundings['read']>

/** Manifests: a directory, or a file whose documents say their apiVersion, in YAML or JSON. Listed: routes.yaml that names them. */
async function kindOf(path: string, read: Read): Promise<'manifests' | 'listed' | 'releases'> {
  // With a slash behind it this would be the root of all files.
  if (path === '') return 'releases'
  const content = await read(path, mostBytes)
  if (typeof content === 'string') {
    return typeof (await read(path.replace(/\/*$/, '/'), mostBytes)) === 'string' ? 'releases' : 'manifests'
  }
  const text = new TextDecoder().decode(content)
  if (/^apiVersion\s*:/m.test(text) || (/^\{/m.test(text) && /"apiVersion"\s*:/.test(text))) return 'manifests'
  return /^["']?istio["']?\s*:/m.test(text) ? 'listed' : 'releases'
}
