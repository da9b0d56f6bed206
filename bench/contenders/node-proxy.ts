// What makes a contender of a Node library: it runs in a process of its own, node-process.ts.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

import type { Ports } from '../backend.ts'
import type { Contender } from '../contender.ts'

/** What the module of a rival exports as `serve`: listens on 127.0.0.1 at `port`. */
export type Serve = (port: number, backends: Ports) => Promise<void>

/** `name` is the package's; node-process.ts knows the module of it. */
export function nodeProxy(name: string, about: string): Contender {
  return {
    name,
    about,
    install: `pnpm add -D ${name}`,
    compilesAsItRuns: true,
    version: async () => (createRequire(import.meta.url)(manifestOf(name)) as { version: string }).version,
    command: ({ port, backends }) => ({
      name,
      file: process.execPath,
      args: [fileURLToPath(import.meta.resolve('./node-process.ts')), name, String(port), JSON.stringify(backends)],
    }),
  }
}

/** Not every package lets its package.json be imported by name. */
function manifestOf(name: string): string {
  return `../../node_modules/${name}/package.json`
}
