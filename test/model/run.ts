// Plays many random sequences against the promise: `node test/model/run.ts` with GRAYLANE_MODEL_SEQUENCES (5000), GRAYLANE_MODEL_LENGTH
// (60), GRAYLANE_MODEL_SEED (1), GRAYLANE_MODEL_MINUTES (as long as that, in place of a number). Prints the shortest way to a broken
// promise that it finds, and ends with 1.

import { shortened } from './shorten.ts'
import { play, sequence } from './world.ts'

const number = (name: string, otherwise: number): number => Number(process.env[`GRAYLANE_MODEL_${name}`] ?? otherwise)
const length = number('LENGTH', 60)
const first = number('SEED', 1)
const minutes = number('MINUTES', 0)
const end = minutes > 0 ? performance.now() + minutes * 60_000 : Infinity
const last = minutes > 0 ? Infinity : first + number('SEQUENCES', 5_000) - 1

let played = 0
for (let seed = first; seed <= last && performance.now() < end; seed += 1, played += 1) {
  const steps = sequence(seed, length)
  const broken = await play(seed, steps)
  if (broken === undefined) continue
  const short = await shortened(seed, steps)
  process.stdout.write(`seed ${seed}: ${short.broken}\n${JSON.stringify(short.steps)}\n`)
  process.exit(1)
}
process.stdout.write(`${played} sequences of ${length} steps from seed ${first} on: no promise was broken\n`)
