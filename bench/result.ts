// What a run leaves behind: raw samples, never averages, as JSON in bench/results. Tables and charts are made from it later.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Machine } from './machine.ts'

export interface Participant {
  readonly name: string
  readonly about: string
  readonly version: string | undefined
  readonly state: 'measured' | 'missing' | 'not started' | 'excluded'
  /** Why it is not measured, or what was odd in its answers. */
  readonly remarks: readonly string[]
}

/** One contender under one scenario's load, once. */
export interface Sample {
  readonly scenario: string
  readonly contender: string
  readonly round: number
  readonly requests: number
  readonly failed: number
  readonly requestsPerSecond: number
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
  /** CPU time of the process tree by answered request, in microseconds; undefined where the system does not tell, or nobody proxied. */
  readonly cpuMicroseconds: number | undefined
  /** Cores the process tree kept busy, 1 = one whole core. */
  readonly cores: number | undefined
  /** Of the process tree, right after the load. */
  readonly residentKib: number | undefined
}

export interface IdleSample {
  readonly contender: string
  readonly connections: number
  readonly failed: number
  readonly residentKibBefore: number
  readonly residentKibAfter: number
}

export interface CouplingSample {
  readonly title: string
  readonly seconds: number
  readonly visitors: number
  readonly pages: number
  readonly requests: number
  /** Answers of another version than the page's. */
  readonly crossings: number
  /** No answer, or not 200. */
  readonly failed: number
  readonly reloads: number
  /** Pages by the version they were given. */
  readonly pagesByVersion: Readonly<Record<string, number>>
}

export interface BenchResult {
  /** `alone`: one scenario; `partial`: not for the report. */
  readonly kind: 'full' | 'quick' | 'alone' | 'partial'
  /** ISO 8601. */
  readonly startedAt: string
  readonly seconds: number
  readonly machine: Machine
  readonly load: {
    readonly generator: string
    readonly connections: number
    readonly seconds: number
    readonly rounds: number
  }
  readonly participants: readonly Participant[]
  readonly samples: readonly Sample[]
  readonly idle: readonly IdleSample[]
  readonly coupling: readonly CouplingSample[]
}

export const resultsFolder = join(import.meta.dirname, 'results')

/** `2026-11-24-quick.json`; a second run on one day takes the place of the first. Returns the path. */
export async function writeResult(kind: string, startedAt: string, result: object): Promise<string> {
  await mkdir(resultsFolder, { recursive: true })
  const path = join(resultsFolder, `${startedAt.slice(0, 10)}-${kind}.json`)
  await writeFile(path, `${JSON.stringify(result, undefined, 1)}\n`)
  return path
}
