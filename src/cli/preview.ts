// `graylane preview`: prints a signed link by which somebody looks at a version for a while, without being moved to it.

import { loadConfiguration } from '../config/load.ts'
import { durationMs } from '../config/written-values.ts'
import { createPreviewLink } from '../preview-link.ts'
import { readVersion } from './release-verb.ts'
import { sayNoAnswer, sayReason } from './say-problems.ts'
import { defaultConfigPath, readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane preview [OPTIONS] VERSION

Prints a link. Whoever opens it sees that version on every page of this browser session until the time is over or the
browser is closed, whatever rules and pins say, and comes back to what the pin says afterwards. Best opened in a
private window: tabs that are open already cannot be told from it. Needs the keys of routes.yaml (pin.keys); raising
pin.epoch ends all previews.

  --ttl DURATION     how long it holds, 1s to 30d (default 2h)
  --url URL          the page to open (default / of the release's first host, on https)
  --config FILE      routes.yaml (default ${defaultConfigPath})
  --release NAME     which release, where the file holds several
  --json             the answer as JSON

Exit code: 0 printed, 1 refused, and why, 2 wrong usage.

  graylane preview v2 --config shop.yaml --ttl 2h --url https://shop.example.com/
`

const longestMs = 30 * 86_400_000

export async function run(args: string[]): Promise<ExitCode> {
  const { values, positionals } = readArguments(
    args,
    {
      ttl: { type: 'string', default: '2h' },
      url: { type: 'string' },
      config: { type: 'string', default: defaultConfigPath },
      release: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    true,
  )
  const version = readVersion(positionals)
  const ttlMs = readTtl(values.ttl)
  const loaded = await loadConfiguration(values.config)
  if (!('configuration' in loaded)) {
    sayNoAnswer(loaded.problems, values.json)
    return 1
  }
  const expiresAt = Math.floor((Date.now() + ttlMs) / 1000)
  const made = createPreviewLink(loaded.configuration, { version, release: values.release, url: values.url, expiresAt })
  if ('refused' in made) {
    sayReason('graylane: refused', made.refused, values.json)
    return 1
  }
  const { link } = made
  const until = new Date(expiresAt * 1000).toISOString()
  process.stdout.write(values.json ? `${JSON.stringify({ link, version, until })}\n` : `${link}\n`)
  return 0
}

function readTtl(text: string): number {
  const ms = /^\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)$/.test(text) ? durationMs(text) : 0
  if (ms < 1000 || ms > longestMs)
    throw new UsageError(`--ttl wants a duration from 1s to 30d, such as 2h, not ${JSON.stringify(text)}`)
  return ms
}
