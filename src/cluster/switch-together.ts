// The two steps of a reload over all workers: each does what can fail, and only when all have, each puts it in force. Whoever ends in
// between is left out: it is started again with what is in force then.

import { formatProblem, type Place, type Problem } from '../config/problem.ts'
import type { ListenerInfo } from '../gateway.ts'
import { loadLimitMs } from './load-limit.ts'
import type { Content } from './messages.ts'
import { NoAnswer, type WorkerProcess } from './worker-process.ts'

/** The second step is one assignment: a worker that does not get to it within this serves nobody else either. */
const commitLimitMs = 5000

/**
 * Rejects with what the workers said when not all are ready for this snapshot; all have forgotten it then. One that says nothing while
 * others are ready hangs: it is ended, so that it holds up no reload for ever.
 */
export async function prepareAll(workers: readonly WorkerProcess[], content: Content, snapshot: string): Promise<void> {
  const answers = await Promise.all(workers.map((worker) => prepare(worker, content, snapshot)))
  const reasons = new Set(answers.flatMap((answer) => (typeof answer === 'string' ? [] : answer.refusal)))
  const late = workers.filter((_, index) => answers[index] === 'late')
  if (late.length > 0 && !answers.includes('ready')) {
    reasons.add(`no worker was ready within ${Math.round(loadLimitMs(content) / 1000)} s`)
  } else for (const worker of late) worker.kill()
  if (reasons.size === 0) return
  for (const worker of workers) worker.tell({ kind: 'abandon' })
  const place = answers.map((answer) => (typeof answer === 'string' ? undefined : answer.place)).find(Boolean)
  throw Object.assign(new Error([...reasons].join('\n')), place && { place })
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

type Prepared = 'ready' | 'ended' | 'late' | { readonly refusal: string; readonly place?: Place | undefined }

async function prepare(worker: WorkerProcess, content: Content, snapshot: string): Promise<Prepared> {
  try {
    const answer = await worker.ask('prepare', content, loadLimitMs(content))
    if ('problems' in answer) {
      const { problems } = answer
      return { refusal: problems.map(sentence).join('\n'), place: problems.find(isOfApplying) }
    }
    return answer.snapshot === snapshot ? 'ready' : { refusal: `worker ${worker.pid} makes ${answer.snapshot} of it` }
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return error.why === 'ended' ? 'ended' : 'late'
  }
}

/** What was found while it was put to use has its place from the reload's own problem. */
function sentence(problem: Problem): string {
  return isOfApplying(problem) ? problem.message : formatProblem(problem)
}

function isOfApplying({ code }: Problem): boolean {
  return code === 'apply'
}
