// Two access logs on one file, as two workers have them, in a process that may write files of little size only. Says `full` when neither
// could write, and goes on when something comes on standard input: by then the limit has been raised.

import { createAccessLog } from '../../src/observe/access-log.ts'
import { requestRecord } from './request-record.ts'

const path = process.argv[2] as string
const [first, second] = [createAccessLog({ path }), createAccessLog({ path })]
for (let i = 0; i < 10; i++) first.observe(requestRecord({ path: '/lost' }))
first.flush()
while (first.lostLines() === 0) await new Promise(setImmediate)
second.observe(requestRecord({ path: '/lost' }))
second.flush()
while (second.lostLines() === 0) await new Promise(setImmediate)
process.stdout.write('full\n')
process.stdin.once('data', () => void goOn())

async function goOn(): Promise<void> {
  second.observe(requestRecord({ path: '/second' }))
  await second.close()
  first.observe(requestRecord({ path: '/first' }))
  await first.close()
  process.exit(0)
}
