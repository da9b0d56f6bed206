// How many connections the descriptors of this process allow. Above it the kernel would have every new connection closed unheard, and
// whatever else wants to open a file would fail: better to make room before.

import { readdirSync, readFileSync } from 'node:fs'

/** For what comes and goes beside connections: configuration files, logs, probes, the admin server. */
const keptFree = 16
const keptFreePart = 1 / 64

/** Infinity where the system does not say (elsewhere than on Linux). What is open already is left out. */
export function descriptorsForConnections(): number {
  try {
    const limit = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity)
    const open = readdirSync('/proc/self/fd').length
    return Math.max(1, Math.floor(limit * (1 - keptFreePart)) - open - keptFree)
  } catch {
    return Infinity
  }
}
