// A broken promise with as few steps as break it: what is left out one after the other as long as it stays broken.

import { play, type Step } from './world.ts'

export async function shortened(
  seed: number,
  steps: readonly Step[],
): Promise<{ steps: readonly Step[]; broken: string }> {
  let kept = steps
  let broken = (await play(seed, steps)) ?? 'nothing'
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)]
      const still = await play(seed, without)
      if (still === undefined) at += size
      else [kept, broken] = [without, still]
    }
  }
  return { steps: kept, broken }
}
