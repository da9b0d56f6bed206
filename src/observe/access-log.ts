// The access log: one line of JSON for each request, ASCII only, so that nothing a client sends can start a line, end a string or
// steer a terminal. Never holds a query string, a cookie, a field of the request beside Host, or any key.

import { Buffer } from 'node:buffer'
import { Gathered } from './gathered.ts'
import { createIstioJsonWriter, createIstioTextWriter } from './istio-log-line.ts'
import { LogLines } from './log-lines.ts'
import { openLogFile, openStandardOutput, type LogSink } from './log-sink.ts'
import { plainText, withoutQuery } from './log-text.ts'
import { pinLetters } from './pin-letters.ts'
import type { Observer, RequestRecord } from './record.ts'

const flushMs = 1000

/** json: our keys; istio: Istio's text; istio-json: Istio's keys, ours behind them. */
export type LogFormat = 'json' | 'istio' | 'istio-json'

export interface AccessLogOptions {
  /** `stdout`, `off`, or the path of a file that is appended to. */
  readonly path: string
  /** `json` by default. */
  readonly format?: LogFormat | undefined
  /** Milliseconds since 1970; the system's clock by default. */
  readonly now?: () => number
  /** Takes what goes to `stdout`; standard output itself by default. */
  readonly standardOutput?: LogSink | undefined
}

export interface AccessLog {
  /** Adds one line. It is written with others: after the sink's `pieceBytes`, after one second, or at flush and close. */
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
    lineWriters[options.format ?? 'json'],
  )
}

/** Adds a line; `time` is when the request ended, in milliseconds since 1970. */
type AddLine = (record: RequestRecord, time: number) => void

interface LineWriter {
  readonly create: (lines: LogLines) => AddLine
  /** It shows fields of the request, which may be gone at the end of the turn. */
  readonly readsRequest: boolean
}

const lineWriters: Readonly<Record<LogFormat, LineWriter>> = {
  json: { create: createLineWriter, readsRequest: false },
  istio: { create: createIstioTextWriter, readsRequest: true },
  'istio-json': { create: createIstioJsonWriter, readsRequest: true },
}

function accessLogTo(sink: LogSink, now: () => number, { create, readsRequest }: LineWriter): AccessLog {
  const { pieceBytes } = sink
  const lines = new LogLines(pieceBytes)
  const addLine = create(lines)
  let timer: NodeJS.Timeout | undefined

  const write = (): void => {
    if (timer !== undefined) clearTimeout(timer)
    timer = undefined
    const { count } = lines
    if (count === 0) return
    const bytes = lines.take()
    sink.write(bytes, count, () => lines.giveBack(bytes))
  }
  const add = (record: RequestRecord, time: number): void => {
    addLine(record, time)
    if (lines.length >= pieceBytes) write()
    else timer ??= setTimeout(write, flushMs).unref()
  }
  const finished = new Gathered<RequestRecord>((records) => {
    const time = now()
    for (let i = 0; i < records.length; i++) add(records[i]!, time)
  })
  const flush = (): void => {
    finished.flush()
    write()
  }

  return {
    observe(record) {
      if (readsRequest) add(record, now())
      else finished.add(record)
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

/** Adds lines, each with its line feed. */
export function createLineWriter(lines: LogLines): AddLine {
  const opening = createOpening()
  const fixedPart = createFixedPart()
  return (record, time) => {
    lines.raw(opening(time, record.method))
    lines.text(withoutQuery(record.path))
    lines.raw(fixedPart(record))
    lines.text(record.clientAddress)
    lines.raw(bytesReceived)
    lines.integer(record.bytesReceived)
    lines.raw(bytesSent)
    lines.integer(record.bytesSent)
    lines.raw(duration)
    lines.milliseconds(record.durationMs)
    lines.raw(upstream)
    lines.milliseconds(record.upstreamMs)
    lines.raw(attempts)
    lines.integer(record.attempts)
    lines.raw(record.internal ? internalEnd : edgeEnd)
    lines.count++
  }
}

const bytesReceived = ascii('","bytesReceived":')
const bytesSent = ascii(',"bytesSent":')
const duration = ascii(',"durationMs":')
const upstream = ascii(',"upstreamMs":')
const attempts = ascii(',"attempts":')
const edgeEnd = ascii(',"internal":false}\n')
const internalEnd = ascii(',"internal":true}\n')

/** What of a record takes few values: hosts that are asked for, names of the configuration, and words of ours. */
type Fixed = Pick<
  RequestRecord,
  | 'authority'
  | 'protocol'
  | 'status'
  | 'release'
  | 'service'
  | 'version'
  | 'reason'
  | 'rule'
  | 'pinIn'
  | 'pinOut'
  | 'endpoint'
  | 'flags'
  | 'edgeCode'
>

/** Combinations that are remembered: more than a busy gateway has at a time. */
const partsRemembered = 16

/** The middle of a line, put together once for each combination that comes again. */
function createFixedPart(): (record: Fixed) => Uint8Array {
  const recent: { readonly of: Fixed; readonly bytes: Uint8Array }[] = []
  let oldest = 0
  return (record) => {
    for (const { of, bytes } of recent) if (isSame(of, record)) return bytes
    const { authority, protocol, status, release, service, version, reason, rule } = record
    const { pinIn, pinOut, endpoint, flags, edgeCode } = record
    const bytes = ascii(
      `","authority":${quoted(authority)},"protocol":"${protocol}","status":${status},"release":${quoted(release)},"service":${quoted(service)}` +
        `,"version":${quoted(version)},"reason":"${reason}","rule":${quoted(rule)}` +
        `,"pin":"${pinLetters(pinIn, pinOut)}","endpoint":${quoted(endpoint)}` +
        `,"flags":"${flags}","code":"${edgeCode}","clientAddress":"`,
    )
    const names = { authority, protocol, status, release, service, version, reason, rule }
    const of = { ...names, pinIn, pinOut, endpoint, flags, edgeCode }
    recent[oldest] = { of, bytes }
    oldest = (oldest + 1) % partsRemembered
    return bytes
  }
}

/** What differs most often comes first. */
function isSame(a: Fixed, b: Fixed): boolean {
  return (
    a.endpoint === b.endpoint &&
    a.status === b.status &&
    a.reason === b.reason &&
    a.pinIn === b.pinIn &&
    a.pinOut === b.pinOut &&
    a.version === b.version &&
    a.service === b.service &&
    a.rule === b.rule &&
    a.release === b.release &&
    a.flags === b.flags &&
    a.edgeCode === b.edgeCode &&
    a.authority === b.authority &&
    a.protocol === b.protocol
  )
}

/** The beginning of a line up to the path, put together once a millisecond; the ISO time is formatted once a second. */
function createOpening(): (time: number, method: string) => Uint8Array {
  let second = -1
  let prefix = ''
  let millisecond = -1
  let lastMethod = ''
  let opening: Uint8Array = new Uint8Array()
  return (time, method) => {
    if (time === millisecond && method === lastMethod) return opening
    millisecond = time
    lastMethod = method
    const wholeSecond = Math.floor(time / 1000)
    if (wholeSecond !== second) {
      second = wholeSecond
      prefix = new Date(wholeSecond * 1000).toISOString().slice(0, 20)
    }
    const fraction = String(time - wholeSecond * 1000).padStart(3, '0')
    opening = ascii(`{"time":"${prefix}${fraction}Z","method":${quoted(method)},"path":"`)
    return opening
  }
}

function quoted(value: string): string {
  return `"${plainText(value)}"`
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}
