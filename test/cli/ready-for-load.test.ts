// What V8 keeps for the load to come, in a process that serves.

import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

import { graylane } from './graylane-process.ts'

const source = import.meta.resolve('../../src/cli/ready-for-load.ts')

/** Collections until lasting objects have made the young generation as large as it gets, from the smallest. */
const growing = `
  import v8 from 'node:v8'
  const young = () => v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  const kept = []
  let collections = 0
  let used = 0
  while (young().space_size < 15 * 1024 * 1024) {
    kept.push(Array.from({ length: 1000 }, (_, i) => ({ i })))
    const now = young().space_used_size
    if (now < used) collections++
    used = now
  }
  process.stdout.write(String(collections))
`

/** Says each flag that is set, then does it. */
const telling = `data:text/javascript,${encodeURIComponent(`
  import v8 from 'node:v8'
  import { syncBuiltinESMExports } from 'node:module'
  const { setFlagsFromString } = v8
  v8.setFlagsFromString = (flags) => {
    process.stdout.write(flags + ' ')
    setFlagsFromString(flags)
  }
  syncBuiltinESMExports()
`)}`

function run(code: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
}

describe('a process that stays ready for load', () => {
  it('has its young generation at full size after a fraction of the collections that V8 would take for it', () => {
    const grown = Number(run(`import { stayReadyForLoad } from '${source}'\nstayReadyForLoad()\n${growing}`))
    expect(grown).toBeLessThan(Number(run(growing)) / 2)
  })

  it('is the one that serves, and it keeps its code', async () => {
    const { out } = await graylane(['serve', '--config', '/dev/null/none.yaml'], {
      NODE_OPTIONS: `--import=${telling}`,
    })
    expect(out).toBe(
      '--semi-space-growth-factor=16 --no-flush-bytecode --gc-memory-reducer-start-delay-ms=600000 --memory-reducer-delay-ms=600000 ',
    )
  })
})
