// The demo from start to end: sets the stage, plays the story, tells how to go on, and ends everything.
// Whatever it started is closed again, however it ends.

import { setTimeout as sleep } from 'node:timers/promises'
import { invitation, isClean, resultOf, tableOf, verdictOf } from './report.ts'
import { requestPrinter } from './request-lines.ts'
import { startStage, type Stage, type StageOptions } from './stage.ts'
import { playStory } from './story.ts'

export interface DemoOptions extends StageOptions {
  /** True: ends after the table. */
  readonly once: boolean
  /** Takes the result as JSON, in place of the table. */
  readonly printResult: ((result: string) => void) | undefined
}

/** Runs it; 0 when nothing crossed and nothing failed, else 1. Throws an Error for the user when a part cannot start or stops. */
export async function playDemo(options: DemoOptions): Promise<0 | 1> {
  const stage = await startStage(options)
  try {
    const story = await playStory(stage.edgeUrl, stage.whose)
    if (options.printResult !== undefined) options.printResult(JSON.stringify(resultOf(story), undefined, 2))
    else for (const line of ['', ...tableOf(story), '', ...verdictOf(story)]) options.print(line)
    if (!options.once) await stayUp(stage, options)
    return isClean(story) ? 0 : 1
  } finally {
    await stage.close()
  }
}

/** Until the signal fires. Throws when graylane ends before. */
async function stayUp(stage: Stage, { print, signal }: DemoOptions): Promise<void> {
  const lines = ['', ...invitation(stage), '', 'Ctrl-C ends it. What graylane logs meanwhile:']
  for (const line of lines) print(line)
  stage.gateway.follow(requestPrinter(print))
  await Promise.race([fired(signal), stage.gateway.ended])
  // Ctrl-C reaches graylane too, and it may be gone before our own signal is seen.
  await Promise.race([fired(signal), sleep(200)])
  if (!signal.aborted) throw new Error('graylane ended by itself. Its last lines stand above.')
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
