// 5,000 random sequences against the promise; then each sentence of docs/affinity.md switched off, which the model has to notice. Longer:
// `GRAYLANE_MODEL_MINUTES=20 node test/model/run.ts`.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { sabotages } from './sabotages.ts'

const run = promisify(execFile)

/** What a script of this directory says, and how it ends. */
async function outcomeOf(
  script: string,
  args: readonly string[],
  sequences: number,
): Promise<{ code: number; said: string }> {
  const env = { ...process.env, GRAYLANE_MODEL_SEQUENCES: String(sequences), GRAYLANE_MODEL_MINUTES: '0' }
  try {
    const { stdout } = await run(process.execPath, [join(import.meta.dirname, script), ...args], { env })
    return { code: 0, said: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, said: stdout + stderr }
  }
}

test('5,000 random sequences break no promise', { timeout: 600_000 }, async () => {
  expect(await outcomeOf('run.ts', [], 5_000)).toEqual({
    code: 0,
    said: '5000 sequences of 60 steps from seed 1 on: no promise was broken\n',
  })
})

describe('the model notices when a sentence is switched off', () => {
  test.each(sabotages.map(({ sentence }, index) => [sentence, index] as const))(
    '%s',
    { timeout: 120_000 },
    async (_sentence, index) => {
      const { code, said } = await outcomeOf('sabotaged.ts', [String(index)], 1_500)
      expect(code, said).toBe(1)
      expect(said).toMatch(/^seed \d+: step \d+, /)
    },
  )
})
