// What every contender is: how to install it, which version is here, how to start it. All do the same work: the rules below, a pin in
// a cookie, x-version on the answer, X-Forwarded-For appended, connections to the backends kept.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import type { Ports } from './backend.ts'
import type { CertificateFiles } from './certificate.ts'
import type { Command } from './children.ts'

export interface Setting {
  /** 127.0.0.1 at this port. */
  readonly port: number
  /** A second free port, for an admin server that cannot be left out. */
  readonly adminPort: number
  /** A third port, for TLS, and what to present there. Undefined where no certificate can be made. */
  readonly secure: ({ readonly port: number } & CertificateFiles) | undefined
  readonly backends: Ports
  /** A folder of its own: configuration, logs, temporary files. */
  readonly folder: string
}

export interface Contender {
  readonly name: string
  /** What it is, in one line of the report. */
  readonly about: string
  /** The line that installs it. */
  readonly install: string
  /** Undefined: it is not installed. */
  version(): Promise<string | undefined>
  /** Its code is compiled while it runs, so it needs a longer warm-up. */
  readonly compilesAsItRuns: boolean
  /** Writes what it needs into the folder; what is then to be run. Undefined: the load goes straight to the backend. */
  command(setting: Setting): Promise<Command> | Command | undefined
  /** Beyond accepting connections. */
  ready?(setting: Setting): Promise<boolean>
  /** Called between rounds: what grows on disk is cut. */
  tidy?(setting: Setting): Promise<void>
}

/** How many rules there are beside the three, none of which the load ever hits: a third each by address, user and cookie. */
export interface FurtherRule {
  readonly by: 'address' | 'user' | 'cookie'
  readonly value: string
  readonly version: 'v2' | 'v3'
}

export function furtherRules(count: number): readonly FurtherRule[] {
  const kinds = ['address', 'user', 'cookie'] as const
  return Array.from({ length: count }, (_, i) => {
    const by = kinds[i % 3]!
    const n = Math.floor(i / 3)
    const value = by === 'address' ? `172.16.${n >> 8}.${n & 255}` : by === 'user' ? `vip${n}` : `u${n}`
    return { by, value, version: by === 'user' ? 'v3' : 'v2' }
  })
}

/** The cookie that the cookie rules of `furtherRules` ask for. */
export const furtherCookie = 'uid'

const run = promisify(execFile)

/** What a program says its version is, by the first group of `pattern`; undefined when it cannot be run. */
export async function versionOf(file: string, args: readonly string[], pattern: RegExp): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(file, [...args], { timeout: 10_000 })
    return pattern.exec(stdout + stderr)?.[1] ?? 'unknown version'
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string }
    return code === 'ENOENT' ? undefined : pattern.exec(stdout + stderr)?.[1]
  }
}
