// The access log: one line of JSON for each request, ASCII only, so that nothing a client sends can start a line, end a string or
// steer a terminal. Never holds a query string, a cookie, a field of the request beside Host, or any key.
// `pin` has two letters, as HAProxy's cookie state: what came (N none, H held, S stale, F forged, T two) and what we did (K kept, S set, N none).

import { openLogFile, openStandardOutput, type LogSink } from './log-sink.ts'
import type { Observer, PinIn, PinOut, RequestRecord } from './record.ts'

const flushBytes = 64 * 1024
const flushMs = 1000

export interface AccessLogOptions {
  /** `stdout`, `off`, or the path of a file that is appended to. */
  readonly path: string
  /** Milliseconds since 1970; the system's clock by default. */
  readonly now?: () => number
  /** Takes what goes to `stdout`; standard output itself by default. */
  readonly standardOutput?: LogSink | undefined
}

export interface AccessLog {
  /** Adds one line. It is written with others: after 64 KiB, after one second, or at flush and close. */
  readonly observe: Observer
  flush(): void
  /** Writes what is there, then opens the file anew. A failure keeps the old file and is returned. */
  reopen(): Promise<Error | undefined>
  close(): Promise<void>
  /** Lines that could not be written: disk full, reader gone or too slow. */
  lostLines(): number
}

/** Throws when a file cannot be opened. */
export function createAccessLog(options: AccessLogOptions): AccessLog {
  if (options.path === 'off') return silent
  return accessLogTo(
    options.path === 'stdout' ? (options.standardOutput ?? openStandardOutput()) : openLogFile(options.path),
    options.now ?? Date.now,
  )
}

function accessLogTo(sink: LogSink, now: () => number): AccessLog {
  const format = createLineFormatter()
  let buffer = ''
  let lines = 0
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    if (timer !== undefined) clearTimeout(timer)
    timer = undefined
    if (lines === 0) return
    const whole = buffer
    const count = lines
    buffer = ''
    lines = 0
    sink.write(whole, count)
  }

  return {
    observe(record) {
      buffer += format(record, now())
      lines++
      if (buffer.length >= flushBytes) flush()
      else timer ??= setTimeout(flush, flushMs).unref()
    },
    flush,
    reopen() {
      flush()
      return sink.reopen()
    },
    close() {
      flush()
      return sink.close()
    },
    lostLines: () => sink.lostLines,
  }
}

const silent: AccessLog = {
  observe: () => undefined,
  flush: () => undefined,
  reopen: () => Promise.resolve(undefined),
  close: () => Promise.resolve(),
  lostLines: () => 0,
}

const pinInLetter: Record<PinIn, string> = { none: 'N', held: 'H', stale: 'S', forged: 'F', two: 'T' }
const pinOutLetter: Record<PinOut, string> = { kept: 'K', set: 'S', none: 'N' }

/** Makes lines, each with its line feed. `time` is when the request ended, in milliseconds since 1970. */
export function createLineFormatter(): (record: RequestRecord, time: number) => string {
  const opening = createOpening()
  const configuredPart = createConfiguredPart()
  return (record, time) =>
    `${opening(time)}${text(record.method)}","path":"${text(withoutQuery(record.path))}"` +
    `,"authority":"${text(record.authority)}","protocol":"${record.protocol}","status":${record.status}` +
    `${configuredPart(record)}","pin":"${pinInLetter[record.pinIn]}${pinOutLetter[record.pinOut]}"` +
    `,"endpoint":"${record.endpoint}","flags":"${record.flags}","code":"${record.edgeCode}"` +
    `,"clientAddress":"${text(record.clientAddress)}","bytesReceived":${record.bytesReceived}` +
    `,"bytesSent":${record.bytesSent},"durationMs":${milliseconds(record.durationMs)}` +
    `,"upstreamMs":${milliseconds(record.upstreamMs)},"attempts":${record.attempts},"internal":${record.internal}}\n`
}

/** What comes of the configuration, remembered for each service and version: at tens of thousands of lines a second it shows. */
function createConfiguredPart(): (record: RequestRecord) => string {
  const last = new Map<string, Map<string, { release: string; reason: string; rule: string; part: string }>>()
  return ({ release, service, version, reason, rule }) => {
    const known = last.get(service)?.get(version)
    if (known !== undefined && known.rule === rule && known.reason === reason && known.release === release) {
      return known.part
    }
    const part =
      `,"release":"${text(release)}","service":"${text(service)}","version":"${text(version)}"` +
      `,"reason":"${reason}","rule":"${text(rule)}`
    let versions = last.get(service)
    if (versions === undefined) last.set(service, (versions = new Map()))
    versions.set(version, { release, reason, rule, part })
    return part
  }
}

/** The beginning of a line up to the method, put together once a millisecond; the ISO time is formatted once a second. */
function createOpening(): (time: number) => string {
  let second = -1
  let prefix = ''
  let millisecond = -1
  let opening = ''
  return (time) => {
    if (time === millisecond) return opening
    millisecond = time
    const wholeSecond = Math.floor(time / 1000)
    if (wholeSecond !== second) {
      second = wholeSecond
      prefix = new Date(wholeSecond * 1000).toISOString().slice(0, 20)
    }
    opening = `{"time":"${prefix}${String(time - wholeSecond * 1000).padStart(3, '0')}Z","method":"`
    return opening
  }
}

/** Printable ASCII but `"` and `\`. */
const plain = /^[ !#-[\]-~]*$/
const notPlain = /[^ !#-[\]-~]/g

function text(value: string): string {
  return plain.test(value) ? value : value.replace(notPlain, escape)
}

function escape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** The record's path has no query; this holds even if one slips in, for queries carry secrets. */
function withoutQuery(path: string): string {
  const at = path.indexOf('?')
  return at === -1 ? path : path.slice(0, at)
}

function milliseconds(value: number): number {
  return Math.round(value * 1000) / 1000
}
