// What package.json says of graylane: its version, and the Node it needs.

import { createRequire } from 'node:module'

interface Manifest {
  readonly version: string
  readonly engines: { readonly node: string }
}

export function packageVersion(): string {
  return manifest().version
}

/** The major version in `>=24`. */
export function oldestNode(): number {
  return Number(/\d+/.exec(manifest().engines.node)?.[0])
}

function manifest(): Manifest {
  return createRequire(import.meta.url)('../package.json') as Manifest
}
