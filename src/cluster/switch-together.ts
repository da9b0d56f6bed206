// The two steps of a reload over all workers: each does what can fail, and only when all have, each puts it in force. Whoever ends in
// between is left out: it is started again with what is in force then.

import { formatProblem, type Problem } from '../config/problem.ts'
import type { ListenerInfo } from '../gateway.ts'
import { loadLimitMs } from './load-limit.ts'
import type { Content } from './messages.ts'
import { NoAnswer, type WorkerProcess } from './worker-process.ts'

/** The second step is one assignment: a worker that does not get to it within this serves nobody else either. */
const commitLimitMs = 5000

/** Rejects with what the workers said when not all are ready for this snapshot; all have forgotten it then. */
export async function prepareAll(workers: readonly WorkerProcess[], content: Content, snapshot: string): Promise<void> {
  const refusals = await Promise.all(workers.map((worker) => refusalOf(worker, content, snapshot)))
  const reasons = new Set(refusals.filter((reason) => reason !== undefined))
  if (reasons.size === 0) return
  for (const worker of workers) worker.tell({ kind: 'abandon' })
  throw new Error([...reasons].join('\n'))
}

/** Returns the listeners of one of them; a worker that does not follow is ended, so that no two configurations answer. */
export async function commitAll(workers: readonly WorkerProcess[]): Promise<readonly ListenerInfo[] | undefined> {
  const answers = await Promise.all(
    workers.map(async (worker) => {
      try {
        return await worker.ask('commit', undefined, commitLimitMs)
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        worker.kill()
        return undefined
      }
    }),
  )
  return answers.find((listeners) => listeners !== undefined)
}

async function refusalOf(worker: WorkerProcess, content: Content, snapshot: string): Promise<string | undefined> {
  const limitMs = loadLimitMs(content)
  try {
    const answer = await worker.ask('prepare', content, limitMs)
    if ('problems' in answer) return answer.problems.map(sentence).join('\n')
    return answer.snapshot === snapshot ? undefined : `worker ${worker.pid} makes ${answer.snapshot} of it`
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return error.why === 'ended'
      ? undefined
      : `worker ${worker.pid} was not ready within ${Math.round(limitMs / 1000)} s`
  }
}

/** What was found while it was put to use has no place in a file but the one that the reload's own problem gets. */
function sentence(problem: Problem): string {
  return problem.code === 'apply' ? problem.message : formatProblem(problem)
}
