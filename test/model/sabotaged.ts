// Runs the model with one sentence switched off: `node test/model/sabotaged.ts 7`. The source is changed on its way into this process,
// nothing on disk is.

import { registerHooks } from 'node:module'
import { sabotages } from './sabotages.ts'

const { file, code, instead } = sabotages[Number(process.argv[2])]!
let isDone = false

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(`/src/${file}`)) return loaded
    const source = String(loaded.source)
    if (!source.includes(code)) throw new Error(`${file} does not say any more: ${code}`)
    isDone = true
    return { ...loaded, source: source.replace(code, () => instead) }
  },
})

await import('./world.ts')
if (!isDone) throw new Error(`${file} is no part of what the model runs`)
await import('./run.ts')
