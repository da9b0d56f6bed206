// Loads a configuration and keeps what was read of the disk, so that others can load exactly the same.

import { createLoader, type ManifestOptions } from '../any-configuration.ts'
import type { Loaded } from '../config/load.ts'
import { readBounded } from '../config/sources.ts'

export class RecordedLoad {
  #files: ReadonlyMap<string, Uint8Array> = new Map()
  readonly #load: ReturnType<typeof createLoader>

  constructor(manifests: ManifestOptions | undefined) {
    this.#load = createLoader(manifests)
  }

  /** Content of each file of the last load, by its path as it was asked for. */
  get files(): ReadonlyMap<string, Uint8Array> {
    return this.#files
  }

  readonly load = async (path: string): Promise<Loaded> => {
    const files = new Map<string, Uint8Array>()
    const loaded = await this.#load(path, {
      async read(file, most) {
        const content = await readBounded(file, most)
        if (typeof content !== 'string') files.set(file, content)
        return content
      },
    })
    this.#files = files
    return loaded
  }
}
