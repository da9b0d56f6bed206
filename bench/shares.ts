// The gateway under test for coupling: versions drawn by shares, and a reload that moves the shares while visitors are there.

import { rename, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

import { type GraylaneVariant, graylane, routesOf, routesPath } from './contenders/graylane.ts'
import type { Running } from './stage.ts'

export const sharingVariant = {
  name: 'graylane, shares',
  about: 'v2 for 30 % and v3 for 20 % of the visitors',
  log: true,
  shares: { v2: 30, v3: 20 },
} satisfies GraylaneVariant

export const sharing = graylane(sharingVariant)

/** Shares grow and shrink in turns: nobody who has a page open may notice. */
export function reloadShares({ setting, child }: Running): () => Promise<boolean> {
  let turn = 0
  return async () => {
    const v2 = 10 + ((turn * 7) % 40)
    const v3 = 45 - ((turn * 11) % 40)
    turn++
    const before = await reloadsOf(setting.adminPort)
    const next = `${routesPath(setting)}.next`
    await writeFile(next, routesOf(setting, { ...sharingVariant, shares: { v2, v3 } }))
    await rename(next, routesPath(setting))
    child?.kill('SIGHUP')
    for (let i = 0; i < 40; i++) {
      if ((await reloadsOf(setting.adminPort)) > before) return true
      await sleep(50)
    }
    return false
  }
}

/** By the gateway's own count of configurations put in force. */
async function reloadsOf(adminPort: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
  const found = /^graylane_config_reloads_total(?:\{[^}]*\})? (\d+)/m.exec(await answer.text())
  return Number(found?.[1] ?? 0)
}
