// Writes N lines of access log to standard output, closes it, and says on standard error how many were lost.

import { createAccessLog } from '../../src/observe/access-log.ts'
import { requestRecord } from './request-record.ts'

const log = createAccessLog({ path: 'stdout' })
// The reader may close its end at once; give it the time.
await new Promise((resolve) => setTimeout(resolve, 100))
for (let left = Number(process.argv[2]); left > 0; left--) log.observe(requestRecord())
log.flush()
// A reader that is gone shows at the write's end.
await new Promise((resolve) => setTimeout(resolve, 100))
await log.close()
process.stderr.write(`lost ${log.lostLines()}\n`, () => process.exit(0))
