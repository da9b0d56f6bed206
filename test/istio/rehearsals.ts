// A routes.yaml that a test has as text, rehearsed from disk as the command line does it.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

import { rehearse, type Rehearsal } from '../../src/rehearse.ts'

/** Writes it there. Throws what is wrong with it. */
export async function rehearseText(path: string, text: string): Promise<Rehearsal> {
  await writeFile(path, text)
  const rehearsal = await rehearse(path)
  if ('explain' in rehearsal) return rehearsal
  const errors = rehearsal.problems.filter(({ severity }) => severity === 'error')
  throw new Error(`${path}: ${JSON.stringify(errors)}\n${text}`)
}

/** The same by name, in a folder that lasts as long as the tests of the file that asks. */
export function rehearsals(): (name: string, text: string) => Promise<Rehearsal> {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'graylane-rehearsals-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  return (name, text) => rehearseText(join(folder, name), text)
}
