// What a process and all its descendants cost: CPU time and resident memory from /proc. Undefined where there is no /proc; never a guess.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export interface Cost {
  readonly cpuSeconds: number
  readonly residentKib: number
}

const ticksPerSecond =
  process.platform === 'linux' ? Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) : 0

/** False: this system has no /proc/PID/stat, and costs are not available. */
export const costsAvailable = ticksPerSecond > 0

/** The process and its descendants; the process alone where there is no /proc. */
export function idsOfTree(id: number): readonly number[] {
  if (!costsAvailable) return [id]
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = Number(statOf(Number(entry))?.[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const tree = [id]
  for (const one of tree) tree.push(...(children.get(one) ?? []))
  return tree
}

/** User and system time of all threads, and resident memory, summed over the tree. */
export function costOfTree(id: number): Cost | undefined {
  if (!costsAvailable) return undefined
  let ticks = 0
  let residentKib = 0
  for (const one of idsOfTree(id)) {
    const stat = statOf(one)
    if (stat === undefined) continue
    ticks += Number(stat[11]) + Number(stat[12])
    residentKib += residentOf(one)
  }
  return { cpuSeconds: ticks / ticksPerSecond, residentKib }
}

/** The fields of /proc/PID/stat after the name, which may hold spaces and brackets: [0] state, [1] parent, [11] utime, [12] stime. */
function statOf(id: number): readonly string[] | undefined {
  const text = read(`/proc/${id}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

function residentOf(id: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${id}/status`) ?? '')?.[1] ?? 0)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
